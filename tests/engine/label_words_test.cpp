// Label words that AutoPrompt finds are those that a direct computation ranks first, and the card stores them.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <set>

#include <cuecard/error.hpp>

#include "trigger_task.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

constexpr int64_t epochs = 30, words = 3;

TaskPipeline searching(const Model& model, std::vector<std::pair<std::string, std::string>> verbalizer = {}) {
  return two_label_pipeline(
      model, "m", trigger_template(model, "{\"trigger\": None, \"duplicate\": 2}"), "autoprompt",
      {{"label-words", std::to_string(words)}, {"label-epochs", std::to_string(epochs)}, {"accumulation", "1"}},
      1, std::move(verbalizer));
}

FitRequest two_steps() {
  FitRequest request;
  request.steps = 2;
  request.batch_size = 8;
  return request;
}

/// Token of a whole word of one token, or -1.
int64_t only_token(const Model& model, const std::string& word) {
  const std::vector<Token> tokens = model.vocabulary().encode(" " + word);
  return tokens.size() == 1 ? tokens[0].id : -1;
}

/// Log-odds of label 1 against label 0 of every token, by explicit gradient descent in float64.
at::Tensor log_odds(const Model& model, const TaskPipeline& pipeline, const std::vector<Example>& examples) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> states;
  std::vector<int64_t> labels;
  for (const Example& example : examples) {
    const TokenizedPrompt prompt = tokenized(pipeline, model, example).at(0);
    const Batch batch = pack({{&prompt, &example}}, {});
    Conditioning with;
    with.triggers = pipeline.tuner->condition({}).triggers;
    const at::Tensor hidden = model.backbone().forward({batch, with});
    states.push_back(
        model.backbone().project({hidden, {OutputRequest::Kind::transformed_states, {}}}).view({-1}));
    labels.push_back(example.label);
  }
  const at::Tensor x =
      at::cat({at::stack(states).to(at::kDouble), at::ones({std::ssize(states), 1}, at::kDouble)}, 1);
  const at::Tensor y = at::tensor(labels, at::kLong).to(at::kDouble);
  // Weights of two classes that start at zero stay opposite: their difference is twice one of them.
  at::Tensor w = at::zeros({x.size(1)}, at::kDouble), m = w.clone(), v = w.clone();
  for (int step = 1; step <= epochs; ++step) {
    const at::Tensor slope = ((at::sigmoid(x.mv(2 * w)) - y).unsqueeze(1) * x).mean(0);
    m = 0.9 * m + 0.1 * slope;
    v = 0.999 * v + 0.001 * slope * slope;
    w = w - 3e-4 * (m / (1 - std::pow(0.9, step))) / ((v / (1 - std::pow(0.999, step))).sqrt() + 1e-8);
  }
  const at::Tensor table =
      model.backbone().token_vectors(TokenTable::output, at::arange(model.vocabulary().size()));
  return table.to(at::kDouble).mv(2 * w.slice(0, 0, -1));
}

} // namespace

TEST_CASE("label words are those with the highest log-odds by a direct computation") {
  for (const char* name : {"llama-tied", "llama-untied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> examples =
        word_examples(24, 81); // one batch of the classifier, so one step per epoch
    TaskPipeline pipeline = searching(model);
    const at::Tensor odds = log_odds(model, pipeline, examples);
    const TrainResult result = train(model, {{pipeline, examples, {}}}, two_steps(), 1);
    REQUIRE(result.report.label_words.size() == 2);
    std::set<std::string> distinct;
    for (int64_t label = 0; label < 2; ++label) {
      const std::vector<std::string>& found = result.report.label_words[static_cast<std::size_t>(label)];
      REQUIRE(found.size() == words);
      const at::Tensor own = label == 1 ? odds : -odds;
      double before = INFINITY;
      std::set<int64_t> ids;
      for (const std::string& word : found) {
        const int64_t id = only_token(model, word);
        REQUIRE(id >= 0);
        ids.insert(id);
        const double value = own[id].item<double>();
        CHECK(value > 0);
        CHECK(value <= before + 1e-6);
        before = value;
        distinct.insert(word);
      }
      // No other whole word of one token has higher log-odds.
      for (int64_t id = 0; id < model.vocabulary().size(); ++id) {
        if (model.vocabulary().is_special(id) || ids.contains(id))
          continue;
        std::string word = model.vocabulary().decode(std::vector<int64_t>{id});
        word.erase(0, word.starts_with(' '));
        const bool letters =
            std::any_of(word.begin(), word.end(), [](unsigned char c) { return std::isalpha(c); });
        if (letters && only_token(model, word) == id)
          CHECK(own[id].item<double>() <= before + 1e-6);
      }
    }
    CHECK(distinct.size() == 2 * words);
  }
}

TEST_CASE("the card has the words that were found, and no trigger is one of them") {
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> examples = word_examples(24, 82), dev = word_examples(12, 83);
    TaskPipeline pipeline = searching(model, {{"calibrate", "blank"}});
    const TrainResult result = train(model, {{pipeline, examples, dev}}, two_steps(), 1);
    const auto searched = Predictor(model, {&pipeline}).predict(pointers(dev));
    keep_plain_prompt(pipeline, model, plugins(), result.report.label_words);
    const Card card = to_card(pipeline, model);
    CHECK(card.tuner.component == "manual");
    CHECK(card.label_words == result.report.label_words);
    CHECK(card.label_words != std::vector<std::vector<std::string>>{{"bad"}, {"good"}});
    for (const std::vector<std::string>& own : card.label_words)
      for (const std::string& word : own)
        for (const int64_t trigger : pipeline.prompt_template->triggers())
          CHECK(only_token(model, word) != trigger);
    const TaskPipeline again = pipeline_from_card(model, plugins(), card);
    const auto loaded = Predictor(model, {&again}).predict(pointers(dev));
    int64_t right = 0;
    for (std::size_t i = 0; i < dev.size(); ++i) {
      CHECK(std::abs(searched[i].decision.probabilities[0] - loaded[i].decision.probabilities[0]) < 1e-5);
      right += loaded[i].label() == dev[i].label;
    }
    CHECK(result.report.best_dev == static_cast<double>(right) / 12);
  }
}

TEST_CASE("label words with another prefix than a space are refused") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(24, 84);
  TaskPipeline pipeline = searching(model, {{"prefix", ""}});
  CHECK_THROWS_WITH_AS(train(model, {{pipeline, examples, {}}}, two_steps(), 1),
                       doctest::Contains("\"prefix\""), UsageError);
}

TEST_CASE("label words are not searched where whole words fill the answer slot") {
  const Model model = tiny_model("bert-mlm");
  const std::vector<Example> examples = word_examples(8, 85);
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", "{text} {\"trigger\": None} {\"mask\"} ."}};
  choice.tuner = {"autoprompt", {{"label-words", "2"}}};
  choice.labels = {"negative", "positive"};
  choice.label_words = {{"bad"}, {"good"}};
  CHECK_NOTHROW(make_pipeline(model, plugins(), choice, &examples));
  choice.verbalizer.set = {{"multi-token-handler", "joint"}};
  CHECK_THROWS_WITH_AS(make_pipeline(model, plugins(), choice, &examples),
                       doctest::Contains("fills it with whole words: set label-words=0"), UsageError);
}
