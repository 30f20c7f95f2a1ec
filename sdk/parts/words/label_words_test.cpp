// Label words, how a card stores them, and calibration, against direct computations. Scores and joint
// probabilities are tested with the verbalizers (plugins/manual).
#include <cuecard/parts/words/calibration.hpp>
#include <cuecard/parts/words/label_words.hpp>

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_engine.hpp>
#include <cuecard/testing/word_vocabulary.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

const testing::WordVocabulary vocabulary({{"bad", {0}}, {"so-so", {1, 2}}, {"good", {3}}}, 5);
const testing::NoBackbone backbone;

/// Two content-free prompts with two slots each; the logits of an example are its line number.
class FakeScorer final : public testing::NoScorer {
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

TEST_CASE("words are encoded to tokens; a label without words is its own word") {
  const LabelWords words =
      read_label_words({vocabulary, backbone, {"bad", "fine"}, {{}, {"<!>good", "so-so"}}}, "mine", " ");
  CHECK(first_texts(words) == std::vector<std::string>{" bad", "good"});
  CHECK(words[1][1].tokens == std::vector<int64_t>{1, 2});
  CHECK_THROWS_WITH_AS(read_label_words({vocabulary, backbone, {"what"}, {}}, "mine", " "),
                       doctest::Contains("\"what\" of label \"what\""), UsageError);
  CHECK_THROWS_WITH_AS(
      read_label_words({vocabulary, backbone, {"a", "b"}, {{"good"}, {"bad", "good"}}}, "mine", " "),
      doctest::Contains("the word \"good\" is given for two labels, \"a\" and \"b\""), UsageError);
  CHECK_THROWS_WITH_AS(read_label_words({vocabulary, backbone, {"good", "b"}, {{}, {"good"}}}, "mine", " "),
                       doctest::Contains("for two labels, \"good\" and \"b\""), UsageError);
  CHECK_THROWS_WITH_AS(read_label_words({vocabulary, backbone, {"a"}, {{"bad", "bad"}}}, "mine", " "),
                       doctest::Contains("is given twice for the label \"a\""), UsageError);
  CHECK_THROWS_WITH_AS(
      read_label_words({vocabulary, backbone, {"bad"}, {}, {{{"good"}, {"bad"}}}}, "mine", " "),
      doctest::Contains("\"mine\" has one"), UsageError);
  CHECK(text_of_label({"a", "b"}, 1) == "b");
  CHECK_THROWS_AS(text_of_label({"a", "b"}, 2), DataError);
}

TEST_CASE("a card stores words") {
  const std::vector<std::string> labels{"no", "yes"};
  const LabelWords words =
      read_label_words({vocabulary, backbone, labels, {{"bad", "<!>so-so"}, {"good"}}}, "mine", " ");
  ComponentState state;
  save_words(words, labels, state);
  CHECK(state.texts.at("words of no") == "bad\n<!>so-so");
  CHECK(load_words(state, labels, "mine") ==
        std::vector<std::vector<std::string>>{{"bad", "<!>so-so"}, {"good"}});
  state.texts.erase("words of yes");
  CHECK_THROWS_WITH_AS(load_words(state, labels, "mine"), doctest::Contains("\"words of yes\""), DataError);
}

TEST_CASE("calibration is a mean per slot over prompts or examples, and a card stores it") {
  FakeScorer scorer;
  Calibration blank = calibration("blank");
  blank.measure_blank(scorer, {}, 2);
  CHECK(blank.logits().equal(at::tensor({3.0f, 4.0f, 5.0f, 6.5f}).view({2, 2})));
  blank.measure_blank(scorer, {});
  CHECK(blank.logits().equal(at::tensor({4.0f, 5.25f}).view({1, 2})));

  std::vector<Example> examples(7);
  std::vector<const Example*> pointers;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    examples[i].line = static_cast<int64_t>(i);
    pointers.push_back(&examples[i]);
  }
  Calibration train = calibration("train");
  train.measure_blank(scorer, {});
  CHECK(!train.logits().defined());
  train.measure_examples(scorer, pointers, {}, "mine", 2); // examples 0, 2 and 4
  CHECK(train.logits().equal(at::tensor({2.0f, 2.0f, 2.0f, 2.0f}).view({2, 2})));
  CHECK_THROWS_WITH_AS(train.measure_examples(scorer, {}, {}, "mine"), doctest::Contains("\"mine\""),
                       DataError);

  ComponentState state;
  train.save(state);
  Calibration restored = calibration("train");
  restored.load(state, "mine", 2, at::kCPU, 2);
  CHECK(restored.logits().equal(train.logits()));
  CHECK_THROWS_WITH_AS(restored.load(state, "mine", 3, at::kCPU), doctest::Contains("should be 3"), DataError);
  CHECK_THROWS_WITH_AS(restored.load({}, "mine", 3, at::kCPU), doctest::Contains("is calibrated (train)"),
                       DataError);
  Calibration none = calibration("none");
  none.load({}, "mine", 3, at::kCPU);
  CHECK(!none.logits().defined());
}
