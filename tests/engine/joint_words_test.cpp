// Label words of several tokens scored as a whole (`multi-token-handler` joint), against log-probabilities of each word in a prompt of
// its own, forwarded by itself.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <set>

#include <cuecard/error.hpp>

#include "engine/tokenized_example.hpp"
#include "review_prompt.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Set = std::vector<std::pair<std::string, std::string>>;

/// Words of one to five tokens; the labels have unequal numbers of them.
const std::vector<std::vector<std::string>> words{{"bad", "not good at all"}, {"good"}, {"a long film", "x7"}};

TaskPipeline pipeline_of(const Model& model, const Set& options, const std::string& tuner = "manual",
                         const Set& tuner_options = {}) {
  PipelineChoice choice;
  choice.name = "m";
  choice.prompt_template.set = {{"text", model.shape().causal ? R"(Review: {text} It was{"mask"})"
                                                              : R"(Review: {text} It was {"mask"} .)"}};
  choice.verbalizer.set = options;
  choice.tuner = {tuner, tuner_options};
  choice.labels = {"negative", "positive", "other"};
  choice.label_words = words;
  choice.seed = 1 + test_seed();
  return make_pipeline(model, plugins(), choice);
}

/// The sum, or the mean, of the log-probabilities of the word's tokens: at masks of its own, or after one another.
double word_score(const Model& model, const std::string& text, const std::string& word, bool mean) {
  const Vocabulary& vocabulary = model.vocabulary();
  const std::vector<int64_t> tokens = ids_of(model, " " + word);
  std::vector<int64_t> ids = review_ids(model, text);
  const auto first = std::ssize(ids);
  const bool causal = model.shape().causal;
  for (const int64_t token : tokens)
    ids.push_back(causal ? token : vocabulary.special().mask.value());
  if (!causal) {
    for (const int64_t id : ids_of(model, " ."))
      ids.push_back(id);
    ids.insert(ids.end(), vocabulary.sequence_suffix().begin(), vocabulary.sequence_suffix().end());
  }
  const at::Tensor found = log_probs_of(model, ids);
  double sum = 0;
  for (int64_t i = 0; i < std::ssize(tokens); ++i)
    sum += found[first + i - causal][tokens[static_cast<std::size_t>(i)]].item<double>();
  return mean ? sum / static_cast<double>(tokens.size()) : sum;
}

/// The definition in plugins/manual/manual_verbalizer.hpp: the softmax over all words, divided by that of `blank`, and the mean of its
/// logarithm over a label's words.
std::vector<double> label_scores_of(const std::vector<double>& scores, const std::vector<double>& blank) {
  std::vector<double> p;
  double sum = 0;
  for (std::size_t w = 0; w < scores.size(); ++w) {
    double of_blank = 1;
    if (!blank.empty()) {
      of_blank = 0;
      for (const double each : blank)
        of_blank += std::exp(each - blank[w]);
      of_blank = 1 / of_blank;
    }
    p.push_back(std::exp(scores[w] - scores[0]) / of_blank);
    sum += p.back();
  }
  std::vector<double> labels;
  std::size_t w = 0;
  for (const std::vector<std::string>& of_label : words) {
    labels.push_back(0);
    for (std::size_t i = 0; i < of_label.size(); ++i)
      labels.back() += std::log(p[w++] / sum) / static_cast<double>(of_label.size());
  }
  return labels;
}

std::vector<double> all_word_scores(const Model& model, const std::string& text, bool mean) {
  std::vector<double> scores;
  for (const std::vector<std::string>& of_label : words)
    for (const std::string& word : of_label)
      scores.push_back(word_score(model, text, word, mean));
  return scores;
}

} // namespace

TEST_CASE(
    "joint: a word's score is the log-probability of its tokens at masks of its own, or after one another") {
  for (const char* name : {"bert-mlm", "roberta-mlm", "llama-tied"})
    for (const bool mean : {false, true})
      for (const bool calibrate : {false, true}) {
        CAPTURE(std::string(name));
        CAPTURE(mean);
        CAPTURE(calibrate);
        const Model model = tiny_model(name);
        TaskPipeline pipeline = pipeline_of(model, {{"multi-token-handler", mean ? "joint-mean" : "joint"},
                                                    {"calibrate", calibrate ? "blank" : "none"}});
        fit_verbalizer(model, pipeline, {}, {});
        std::vector<Example> examples(3);
        examples[0].fields["text"] = "the film";
        examples[1].fields["text"] = "good";
        examples[2].fields["text"] = "a bad plot";
        const std::vector<Prediction> predictions = Predictor(model, {&pipeline}).predict(pointers(examples));
        for (std::size_t i = 0; i < examples.size(); ++i) {
          const std::vector<double> expected =
              label_scores_of(all_word_scores(model, examples[i].fields.at("text"), mean),
                              calibrate ? all_word_scores(model, "", mean) : std::vector<double>());
          double sum = 0;
          for (const double each : expected)
            sum += std::exp(each - expected[0]);
          REQUIRE(predictions[i].problem == "");
          const std::vector<double>& found = predictions[i].decision.probabilities;
          REQUIRE(found.size() == expected.size());
          for (std::size_t label = 0; label < found.size(); ++label)
            CHECK(std::abs(std::log(found[label]) - (expected[label] - expected[0] - std::log(sum))) < 2e-3);
        }
        const TaskPipeline again = pipeline_from_card(model, plugins(), to_card(pipeline, model));
        CHECK(Predictor(model, {&again}).predict({&examples[0]})[0].decision.probabilities ==
              Predictor(model, {&pipeline}).predict({&examples[0]})[0].decision.probabilities);
      }
}

TEST_CASE("joint: words of equal length share one prompt of a masked model") {
  const Model model = tiny_model("bert-mlm");
  const TaskPipeline pipeline = pipeline_of(model, {{"multi-token-handler", "joint"}});
  std::set<std::size_t> lengths;
  for (const std::vector<std::string>& of_label : words)
    for (const std::string& word : of_label)
      lengths.insert(ids_of(model, " " + word).size());
  REQUIRE(lengths.size() < 5); // of five words
  REQUIRE(lengths.size() > 1);
  CHECK(tokenized(pipeline, model, word_examples(1, 1)[0]).size() == lengths.size());
}

TEST_CASE("joint: the mean calibration, training, and a batch with another card") {
  for (const char* name : {"bert-mlm", "llama-tied"}) {
    CAPTURE(std::string(name));
    const Model model = tiny_model(name);
    TaskPipeline pipeline = pipeline_of(model, {{"multi-token-handler", "joint"}, {"calibrate", "train"}},
                                        "prompt-tuning", {{"length", "3"}});
    const std::vector<Example> rows = verdicts(64, 3), dev = verdicts(16, 4);
    FitRequest request = steps_of(60, 8, 0.05);
    const TrainResult result = train(model, {{pipeline, rows, dev}}, request, 7);
    CHECK(loss_fall(result.report) > 0);
    CHECK(pipeline.verbalizer->state().tensors.at("calibration").size(0) == 5);

    const TaskPipeline other = two_label_pipeline(model, "other", R"({text} all in all {"mask"})", "manual");
    std::vector<Example> mixed;
    for (const Example& row : dev)
      for (const char* card : {"m", "other"}) {
        mixed.push_back(row);
        mixed.back().card = card;
      }
    const std::vector<Prediction> alone = Predictor(model, {&pipeline}).predict(pointers(dev)),
                                  together = Predictor(model, {&pipeline, &other}).predict(pointers(mixed));
    for (std::size_t i = 0; i < dev.size(); ++i)
      for (std::size_t label = 0; label < 3; ++label)
        CHECK(std::abs(alone[i].decision.probabilities[label] - together[2 * i].decision.probabilities[label]) <
              1e-5);
  }
}

TEST_CASE("two labels that the default can't tell apart: the sentence names the choices") {
  const Model model = tiny_model("bert-mlm");
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", "{text} It was {\"mask\"} ."}};
  choice.labels = {"a", "b"};
  choice.label_words = {{"good film"}, {"good plot"}};
  CHECK_THROWS_WITH_AS(make_pipeline(model, plugins(), choice),
                       doctest::Contains("or joint (the probability of the whole word"), UsageError);
  choice.verbalizer.set = {{"multi-token-handler", "joint"}};
  CHECK_NOTHROW(make_pipeline(model, plugins(), choice));
}
