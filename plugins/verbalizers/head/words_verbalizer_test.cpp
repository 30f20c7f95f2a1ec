// A batch of two sentences, the second truncated after its first word.
#include "words_verbalizer.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

#include "test_parts.hpp"

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::head;
using namespace cuecard::testing;

namespace {

WordsVerbalizer words_verbalizer(const testing::NoBackbone& backbone, uint64_t seed, bool transform = false) {
  Options options = classifier_options();
  options.set("field", std::string("words"));
  options.set("transform", transform);
  WordsVerbalizer verbalizer(options);
  const NoVocabulary vocabulary;
  verbalizer.prepare({vocabulary, backbone, {"O", "B-X", "I-X"}, {}, {}, {}, {}, seed});
  return verbalizer;
}

struct TwoSentences {
  std::vector<Example> examples{2};
  Batch batch;

  TwoSentences() {
    examples[0].words["words"] = {"one", "two", "three"};
    examples[0].word_labels = {0, -1, 2};
    examples[1].words["words"] = {"four", "five"};
    examples[1].word_labels = {1, 1};
    batch.examples = {&examples[0], &examples[1]};
    batch.cards = {0, 0};
    batch.answer_offsets = {0, 3, 4};
    for (const int32_t word : {0, 1, 2, 0})
      batch.answer_origin.push_back({0, word, 0, 1});
    batch.answer_labels = at::tensor({0, -1, 2, 1}, at::kLong);
  }
};

} // namespace

TEST_CASE("each word gets its best label, a truncated word none") {
  testing::NoBackbone backbone;
  backbone.shape_.hidden = 3;
  WordsVerbalizer verbalizer = words_verbalizer(backbone, 1);
  CHECK((verbalizer.output_positions().kind == OutputPositions::Kind::words));
  CHECK(verbalizer.output_positions().field == "words");
  CHECK((verbalizer.output_request().kind == OutputRequest::Kind::hidden_states));
  verbalizer.load_state({{{"weight", at::eye(3)}, {"bias", at::zeros({3})}}, {}});
  const TwoSentences two;
  const at::Tensor values =
      at::tensor({0.0, 9.0, 1.0, 5.0, 1.0, 1.0, 0.0, 1.0, 2.0, 0.0, 3.0, 0.0}).view({4, 3});
  const Scores scores = verbalizer.score({values.to(at::kFloat), two.batch});
  CHECK(scores.offsets == std::vector<int64_t>{0, 3, 6, 9, 12});
  CHECK(scores.entries == std::vector<int64_t>{0, 0, 0, 1});
  const std::vector<Decision> decisions =
      verbalizer.decide({{scores.values.detach(), scores.offsets, scores.entries}, two.batch});
  REQUIRE(decisions.size() == 2);
  CHECK(decisions[0].labels == std::vector<int64_t>{1, 0, 2});
  CHECK(decisions[1].labels == std::vector<int64_t>{1, -1});
  CHECK(decisions[0].probabilities.empty());
}

TEST_CASE("the transform of the head over the vocabulary is an option, if the model has one") {
  testing::NoBackbone backbone;
  backbone.shape_.hidden = 3;
  CHECK((words_verbalizer(backbone, 1, true).output_request().kind == OutputRequest::Kind::transformed_states));
  backbone.shape_.has_lm_head = false;
  CHECK_THROWS_WITH_AS(words_verbalizer(backbone, 1, true), doctest::Contains("this model has no such head"),
                       UsageError);
}

TEST_CASE("the loss is a mean over labelled words, whose number is the batch's weight") {
  testing::NoBackbone backbone;
  backbone.shape_.hidden = 5;
  const WordsVerbalizer verbalizer = words_verbalizer(backbone, 2);
  const TwoSentences two;
  const Scores scores = verbalizer.score({at::randn({4, 5}) * 20, two.batch});
  const at::Tensor log_probs = scores.values.view({4, 3}).log_softmax(1);
  CHECK(verbalizer.loss({scores, two.batch}).item<float>() ==
        doctest::Approx(-(log_probs[0][0] + log_probs[2][2] + log_probs[3][1]).item<float>() / 3));
  CHECK(verbalizer.weight(two.batch) == 3);
}
