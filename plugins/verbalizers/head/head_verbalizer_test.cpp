// The requested outputs by model and options, and their scores.
#include "head_verbalizer.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

#include "test_parts.hpp"

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::head;
using namespace cuecard::testing;

namespace {

HeadVerbalizer head_of(const std::string& pooler, const std::string& position = "sequence",
                       bool transform = false) {
  Options options = classifier_options();
  options.set("pooler", pooler);
  options.set("row", position);
  options.set("transform", transform);
  options.set("dense", false);
  options.set("activation", "tanh");
  options.set("bias", true);
  return HeadVerbalizer(options);
}

OutputRequest::Kind requested_by(const std::string& pooler, bool has_pooler, bool causal) {
  testing::NoBackbone backbone;
  backbone.shape_.hidden = 4;
  backbone.shape_.has_pooler = has_pooler;
  backbone.shape_.causal = causal;
  const NoVocabulary vocabulary;
  HeadVerbalizer verbalizer = head_of(pooler);
  verbalizer.prepare({vocabulary, backbone, {"no", "yes"}, {}});
  return verbalizer.output_request().kind;
}

} // namespace

TEST_CASE("the pooler is used if the model has one and the option allows it") {
  using Kind = OutputRequest::Kind;
  CHECK((requested_by("auto", true, false) == Kind::pooled));
  CHECK((requested_by("auto", false, false) == Kind::hidden_states));
  CHECK((requested_by("auto", true, true) == Kind::hidden_states));
  CHECK((requested_by("yes", true, true) == Kind::pooled));
  CHECK((requested_by("no", true, false) == Kind::hidden_states));
  CHECK_THROWS_WITH_AS(requested_by("yes", false, false), doctest::Contains("has none"), UsageError);
}

TEST_CASE(
    "the transform of the head over the vocabulary replaces the pooler, and has the width of embeddings") {
  testing::NoBackbone backbone;
  backbone.shape_.hidden = 4;
  backbone.shape_.embedding_width = 3;
  backbone.shape_.has_pooler = true;
  const NoVocabulary vocabulary;
  HeadVerbalizer verbalizer = head_of("auto", "sequence", true);
  verbalizer.prepare({vocabulary, backbone, {"no", "yes"}, {}});
  CHECK((verbalizer.output_request().kind == OutputRequest::Kind::transformed_states));
  CHECK(verbalizer.state().tensors.at("weight").sizes() == at::IntArrayRef({2, 3}));
  HeadVerbalizer both = head_of("yes", "sequence", true);
  CHECK_THROWS_WITH_AS(both.prepare({vocabulary, backbone, {"no", "yes"}, {}}),
                       doctest::Contains("either the pooler or the transform"), UsageError);
  backbone.shape_.has_lm_head = false;
  CHECK_THROWS_WITH_AS(verbalizer.prepare({vocabulary, backbone, {"no", "yes"}, {}}),
                       doctest::Contains("this model has no such head"), UsageError);
}

TEST_CASE("the position is an option, and the first token of a causal model is refused") {
  CHECK((head_of("auto").output_positions().kind == OutputPositions::Kind::sequence));
  CHECK((head_of("auto", "first").output_positions().kind == OutputPositions::Kind::first_token));
  testing::NoBackbone backbone;
  backbone.shape_.hidden = 4;
  backbone.shape_.causal = true;
  const NoVocabulary vocabulary;
  HeadVerbalizer first = head_of("auto", "first");
  CHECK_THROWS_WITH_AS(first.prepare({vocabulary, backbone, {"a"}, {}}), doctest::Contains("does not attend"),
                       UsageError);
  HeadVerbalizer none = head_of("auto");
  CHECK_THROWS_WITH_AS(none.prepare({vocabulary, backbone, {}, {}}), doctest::Contains("has none"), DataError);
}

TEST_CASE("a decision per example, cross-entropy over the labelled ones, and a card restores the scores") {
  testing::NoBackbone backbone;
  backbone.shape_.hidden = 6;
  const NoVocabulary vocabulary;
  HeadVerbalizer verbalizer = head_of("auto"), other = head_of("auto");
  verbalizer.prepare({vocabulary, backbone, {"a", "b", "c"}, {{"first", "one"}, {}, {}}, {}, {}, {}, 3});
  other.prepare({vocabulary, backbone, {"a", "b", "c"}, {}, {}, {}, {}, 4});
  const at::Tensor values = at::randn({2, 6}) * 10;
  Batch batch;
  std::vector<Example> examples(2);
  batch.examples = {&examples[0], &examples[1]};
  batch.cards = {0, 0};
  batch.labels = at::tensor({2, -1}, at::kLong);
  const Scores scores = verbalizer.score({values, batch});
  CHECK(scores.offsets == std::vector<int64_t>{0, 3, 6});
  const at::Tensor log_probs = scores.values.view({2, 3}).log_softmax(1);
  CHECK(verbalizer.loss({scores, batch}).item<float>() == doctest::Approx(-log_probs[0][2].item<float>()));
  const std::vector<Decision> decisions = verbalizer.decide({{scores.values.detach(), scores.offsets}, batch});
  REQUIRE(decisions.size() == 2);
  CHECK(decisions[1].labels == std::vector<int64_t>{log_probs[1].argmax().item<int64_t>()});
  CHECK(decisions[1].probabilities.at(1) == doctest::Approx(std::exp(log_probs[1][1].item<double>())));
  CHECK(!at::allclose(other.score({values, batch}).values, scores.values));
  other.load_state(verbalizer.state());
  CHECK(at::equal(other.score({values, batch}).values, scores.values));
  CHECK(verbalizer.answer_text(0) == std::vector<std::string>{" first"});
  CHECK(verbalizer.answer_text(1) == std::vector<std::string>{" b"});
}
