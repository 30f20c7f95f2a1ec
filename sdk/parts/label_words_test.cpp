// Reading words, their way through a card, and calibration, against direct computations. Scores and joint
// probabilities are held to their definition where verbalizers use them (plugins/manual).
#include <cuecard/parts/calibration.hpp>
#include <cuecard/parts/label_words.hpp>

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_engine.hpp>
#include <cuecard/testing/word_vocabulary.hpp>

// Behind LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

const testing::WordVocabulary vocabulary({{"bad", {0}}, {"so-so", {1, 2}}, {"good", {3}}}, 5);
const testing::NoBackbone backbone;

/// Two prompts without content, two slots each; rows of examples are their number.
class PretendedScorer final : public testing::NoScorer {
public:
  void score(const ScoreRequest& request,
             const std::function<void(const at::Tensor&, const Batch&)>& use) override {
    std::vector<float> values;
    if (request.prompts)
      values = {1, 2, 3, 4, 5, 6, 7, 9};
    for (const Example* example : request.examples)
      for (int i = 0; i < 4; ++i)
        values.push_back(static_cast<float>(example->line));
    use(at::tensor(values).view({-1, 2}), Batch{});
  }
  std::vector<Prompt> blank() override { return {Prompt{}, Prompt{}}; }
};

Calibration calibration(const std::string& how) {
  Options options;
  options.set("calibrate", how);
  options.set("calibrate-rows", int64_t{3});
  return Calibration(options);
}

} // namespace

TEST_CASE("words are read with their tokens, labels without words are their own") {
  const LabelWords words =
      read_label_words({vocabulary, backbone, {"bad", "fine"}, {{}, {"<!>good", "so-so"}}}, "mine", " ");
  CHECK(first_texts(words) == std::vector<std::string>{" bad", "good"});
  CHECK(words[1][1].tokens == std::vector<int64_t>{1, 2});
  CHECK_THROWS_WITH_AS(read_label_words({vocabulary, backbone, {"what"}, {}}, "mine", " "),
                       doctest::Contains("\"what\" of label \"what\""), UsageError);
  CHECK_THROWS_WITH_AS(
      read_label_words({vocabulary, backbone, {"bad"}, {}, {{{"good"}, {"bad"}}}}, "mine", " "),
      doctest::Contains("\"mine\" reads one"), UsageError);
  CHECK(text_of_label({"a", "b"}, 1) == "b");
  CHECK_THROWS_AS(text_of_label({"a", "b"}, 2), DataError);
}

TEST_CASE("words go into a card and come back") {
  const std::vector<std::string> labels{"no", "yes"};
  const LabelWords words =
      read_label_words({vocabulary, backbone, labels, {{"bad", "<!>so-so"}, {"good"}}}, "mine", " ");
  Learned learned;
  export_words(words, labels, learned);
  CHECK(learned.texts.at("words of no") == "bad\n<!>so-so");
  CHECK(import_words(learned, labels, "mine") ==
        std::vector<std::vector<std::string>>{{"bad", "<!>so-so"}, {"good"}});
  learned.texts.erase("words of yes");
  CHECK_THROWS_WITH_AS(import_words(learned, labels, "mine"), doctest::Contains("\"words of yes\""), DataError);
}

TEST_CASE("calibration is a mean over prompts or rows, slot by slot, and a card keeps it") {
  PretendedScorer scorer;
  Calibration blank = calibration("blank");
  blank.on_blank_prompts(scorer, {}, 2);
  CHECK(blank.scores().equal(at::tensor({3.0f, 4.0f, 5.0f, 6.5f}).view({2, 2})));
  blank.on_blank_prompts(scorer, {});
  CHECK(blank.scores().equal(at::tensor({4.0f, 5.25f}).view({1, 2})));

  std::vector<Example> rows(7);
  std::vector<const Example*> pointers;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].line = static_cast<int64_t>(i);
    pointers.push_back(&rows[i]);
  }
  Calibration train = calibration("train");
  train.on_blank_prompts(scorer, {});
  CHECK(!train.scores().defined());
  train.on_training_rows(scorer, pointers, {}, "mine", 2); // rows 0, 2 and 4
  CHECK(train.scores().equal(at::tensor({2.0f, 2.0f, 2.0f, 2.0f}).view({2, 2})));
  CHECK_THROWS_WITH_AS(train.on_training_rows(scorer, {}, {}, "mine"), doctest::Contains("\"mine\""),
                       DataError);

  Learned learned;
  train.export_to(learned);
  Calibration restored = calibration("train");
  restored.import_from(learned, "mine", 2, at::kCPU, 2);
  CHECK(restored.scores().equal(train.scores()));
  CHECK_THROWS_WITH_AS(restored.import_from(learned, "mine", 3, at::kCPU), doctest::Contains("should be 3"),
                       DataError);
  CHECK_THROWS_WITH_AS(restored.import_from({}, "mine", 3, at::kCPU),
                       doctest::Contains("is calibrated (train)"), DataError);
  Calibration none = calibration("none");
  none.import_from({}, "mine", 3, at::kCPU);
  CHECK(!none.scores().defined());
}
