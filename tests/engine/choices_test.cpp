// Multiple choice through the engine: alternatives compared by a trained layer, or by their likelihood; against
// prompts that are forwarded one by one, and with planted answers.
#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

#include "engine/predict/scores.hpp"
#include "engine/tokenized_example.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Set = std::vector<std::pair<std::string, std::string>>;

const std::string text_and_choice = "{text} {\"choice\": \"ends\"}";
const Set plain{{"dropout", "0"}};

/// Two to four short alternatives; the one with "good" is the answer.
std::vector<Example> planted(int64_t count, uint64_t seed) {
  std::vector<Example> examples = word_examples(count, seed);
  Random random(seed + 1 + test_seed());
  for (Example& example : examples) {
    std::vector<std::string>& ends = example.words["ends"];
    for (uint64_t n = 2 + random.below(3); n > 0; --n)
      ends.push_back(random.below(2) ? "terrible terrible plot" : "terrible the terrible");
    example.label = static_cast<int64_t>(random.below(ends.size()));
    ends[static_cast<std::size_t>(example.label)] = random.below(2) ? "good good plot" : "good the good";
  }
  return examples;
}

TaskPipeline pipeline_of(const Model& model, const std::string& verbalizer, const Set& options,
                         const std::string& tuner, const Set& tuner_options = {},
                         const std::string& text = text_and_choice) {
  PipelineChoice choice;
  choice.name = verbalizer;
  choice.prompt_template.set = {{"text", text}};
  choice.verbalizer = {verbalizer, options};
  choice.tuner = {tuner, tuner_options};
  choice.labels = {"A", "B", "C", "D"};
  choice.seed = 3 + test_seed();
  return make_pipeline(model, plugins(), choice);
}

std::vector<at::Tensor> trained_tensors(TaskPipeline& pipeline) {
  std::vector<at::Tensor> tensors;
  for (const auto& groups : {pipeline.tuner->parameters(), pipeline.verbalizer->parameters()})
    for (const ParameterGroup& group : groups)
      tensors.insert(tensors.end(), group.tensors.begin(), group.tensors.end());
  return tensors;
}

/// Gradients of `loss` in `tensors`, which are cleared afterwards.
std::vector<at::Tensor> gradients(const at::Tensor& loss, const std::vector<at::Tensor>& tensors) {
  loss.backward();
  std::vector<at::Tensor> result;
  for (const at::Tensor& tensor : tensors) {
    result.push_back(tensor.grad().clone());
    tensor.mutable_grad() = at::Tensor();
  }
  return result;
}

/// Mean loss of `examples`, each prompt forwarded by itself, with the hidden state of token `token` (from the
/// end where negative); `probabilities` of each one's alternatives.
at::Tensor directly(const Model& model, TaskPipeline& pipeline, const std::vector<Example>& examples,
                    int64_t token, std::vector<at::Tensor>& probabilities) {
  const Conditioning conditioning = pipeline.tuner->condition({});
  const auto layer = pipeline.verbalizer->parameters().at(0).tensors; // by name: bias [1], weight [1, hidden]
  std::vector<at::Tensor> losses;
  for (const Example& example : examples) {
    std::vector<at::Tensor> scores;
    for (const TokenizedPrompt& prompt : tokenized(pipeline, model, example)) {
      const Batch alone = pack({{&prompt}}, {});
      const at::Tensor states =
          model.backbone().project({model.backbone().forward({alone, conditioning, nullptr, true}),
                                    {pipeline.verbalizer->output_request().kind}});
      scores.push_back((states[token] * layer[1][0]).sum() + layer[0][0]);
    }
    const at::Tensor log_probs = at::stack(scores).log_softmax(0);
    probabilities.push_back(log_probs.detach().exp());
    losses.push_back(-log_probs[example.label]);
  }
  return at::stack(losses).mean();
}

FitRequest some_steps(int64_t steps, double learning_rate) {
  FitRequest request = steps_of(steps, 16, learning_rate);
  request.evaluate_every = steps;
  return request;
}

} // namespace

TEST_CASE("loss, gradients and probabilities are those of prompts that are forwarded one by one") {
  struct Case {
    std::string model, tuner;
    int64_t token; // [CLS], which follows soft tokens; a causal model's last
  };
  for (const Case& one : {Case{"bert-mlm", "p-tuning-v2", 0}, Case{"bert-plain", "prompt-tuning", 3},
                          Case{"llama-tied", "p-tuning-v2", -1}}) {
    CAPTURE(one.model);
    const Model model = tiny_model(one.model, at::kDouble);
    TaskPipeline pipeline = pipeline_of(model, "choices", plain, one.tuner, {{"length", "3"}});
    const std::vector<Example> examples = planted(5, 21);
    std::vector<TokenizedPrompt> prompts;
    std::vector<PackItem> items;
    for (const Example& example : examples)
      for (TokenizedPrompt& prompt : tokenized(pipeline, model, example, true))
        prompts.push_back(std::move(prompt));
    for (std::size_t next = 0; const Example& example : examples)
      for (std::size_t k = 0; k < example.words.at("ends").size(); ++k)
        items.push_back({&prompts[next++], &example});
    REQUIRE(items.size() == prompts.size());
    const Batch batch = pack(items, {at::kCPU, model.shape().causal});
    Counters counters;
    const CountedBackbone backbone = pipeline.backbone(model, counters);
    const at::Tensor hidden = backbone.forward(batch, pipeline.tuner->condition({}));
    const at::Tensor values = backbone.project(hidden, pipeline.verbalizer->output_request(), batch);
    const at::Tensor loss = pipeline.verbalizer->loss({scores_of(pipeline, values, batch, {}), batch});

    std::vector<at::Tensor> probabilities;
    const std::vector<at::Tensor> tensors = trained_tensors(pipeline);
    const at::Tensor expected = directly(model, pipeline, examples, one.token, probabilities);
    CHECK(loss.item<double>() == doctest::Approx(expected.item<double>()).epsilon(1e-6));
    const auto got = gradients(loss, tensors), wanted = gradients(expected, tensors);
    for (std::size_t i = 0; i < tensors.size(); ++i)
      CHECK(at::allclose(got[i], wanted[i], 1e-4, 1e-7));
    CHECK(got[got.size() - 2].abs().max().item<double>() <
          1e-6); // a bias that all alternatives share has no effect
    CHECK(got[0].abs().max().item<double>() > 1e-6);

    const std::vector<Prediction> predictions = Predictor(model, {&pipeline}).predict(pointers(examples));
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const Decision& decision = predictions[i].decision;
      REQUIRE(decision.probabilities.size() == 4);
      for (int64_t k = 0; k < 4; ++k)
        CHECK(decision.probabilities[static_cast<std::size_t>(k)] ==
              doctest::Approx(k < probabilities[i].size(0) ? probabilities[i][k].item<double>() : 0)
                  .epsilon(1e-4));
      CHECK(predictions[i].label() == probabilities[i].argmax().item<int64_t>());
    }
  }
}

TEST_CASE("the planted alternative is learned; a reloaded card predicts the same, alone or with another") {
  struct Case {
    std::string model, tuner;
  };
  for (const Case& one :
       {Case{"bert-plain", "manual"}, Case{"bert-mlm", "p-tuning-v2"}, Case{"llama-tied", "manual"}}) {
    CAPTURE(one.model);
    CAPTURE(one.tuner);
    const Model model = tiny_model(one.model);
    std::vector<Example> train_rows = planted(96, 3), dev = planted(32, 4);
    TaskPipeline pipeline = pipeline_of(model, "choices", plain, one.tuner);
    const TrainResult result = train(model, {{pipeline, train_rows, dev}}, some_steps(120, 0.02), 7);
    CHECK(result.report.losses.front() > 0.5);
    CHECK(result.report.best_dev > 0.9);
    const std::vector<Prediction> alone = Predictor(model, {&pipeline}).predict(pointers(dev));
    const TaskPipeline again = pipeline_from_card(model, plugins(), to_card(pipeline, model));
    TaskPipeline other = pipeline_of(model, "head", plain, "manual", {}, "{text}");
    const std::vector<Prediction> other_alone = Predictor(model, {&other}).predict(pointers(dev));
    for (std::size_t i = 0; i < dev.size(); ++i)
      dev[i].card = i % 3 ? "choices" : "head";
    const std::vector<Prediction> mixed = Predictor(model, {&again, &other}).predict(pointers(dev));
    for (std::size_t i = 0; i < dev.size(); ++i) {
      const Prediction& wanted = i % 3 ? alone[i] : other_alone[i];
      CHECK(mixed[i].label() == wanted.label());
      for (std::size_t k = 0; k < 4; ++k)
        CHECK(std::abs(mixed[i].decision.probabilities.at(k) - wanted.decision.probabilities.at(k)) < 1e-4);
    }
  }
}

TEST_CASE("by likelihood: an example's own texts score as a task's labels of these texts do") {
  const Model model = tiny_model("llama-tied");
  const std::string text = "{text} It was{\"mask\"}";
  const std::vector<Example> examples = planted(6, 31);
  for (const std::string normalise : {"false", "true"}) {
    TaskPipeline own = pipeline_of(model, "label-text", {{"choices", "ends"}, {"normalise", normalise}},
                                   "prompt-tuning", {{"length", "3"}}, text);
    const std::vector<Prediction> predictions = Predictor(model, {&own}).predict(pointers(examples));
    double loss = 0;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      PipelineChoice choice;
      choice.prompt_template.set = {{"text", text}};
      choice.verbalizer = {"label-text", {{"normalise", normalise}}};
      choice.tuner = {"prompt-tuning", {{"length", "3"}}};
      choice.seed = 3 + test_seed();
      Example example = examples[i];
      std::vector<std::string>& texts = example.words.at("ends");
      for (std::size_t k = 0; k < texts.size(); ++k) {
        for (std::size_t n = 0; n < k; ++n)
          texts[k] += " x7"; // labels' texts must differ
        choice.labels.push_back("label" + std::to_string(k));
        choice.label_words.push_back({texts[k]});
      }
      const TaskPipeline fixed = make_pipeline(model, plugins(), choice);
      const auto expected = Predictor(model, {&fixed}).predict({&example})[0].decision;
      const auto got = Predictor(model, {&own}).predict({&example})[0].decision;
      CHECK(got.labels == expected.labels);
      REQUIRE(got.probabilities.size() == 4);
      for (std::size_t k = 0; k < 4; ++k)
        CHECK(got.probabilities[k] ==
              doctest::Approx(k < texts.size() ? expected.probabilities[k] : 0).epsilon(1e-4));
      loss -= std::log(predictions[i].decision.probabilities[static_cast<std::size_t>(examples[i].label)]) / 6;
    }
    CHECK(train(model, {{own, examples, {}}}, some_steps(1, 0.01), 7).report.losses.at(0) ==
          doctest::Approx(loss).epsilon(1e-4));
  }
  const TaskPipeline own = pipeline_of(model, "label-text", {{"choices", "ends"}}, "manual", {}, text);
  Example lacking = examples[0];
  lacking.words.at("ends")[1] = "<!>"; // without a prefix, and nothing else
  CHECK(Predictor(model, {&own})
            .predict({&lacking})[0]
            .problem.find("alternative 2 of its list \"ends\" is an empty text") != std::string::npos);
  CHECK_THROWS_WITH_AS(
      pipeline_of(model, "label-text", {{"choices", "ends"}, {"calibrate", "blank"}}, "manual", {}, text),
      doctest::Contains("can't calibrate"), UsageError);
}

TEST_CASE("examples that don't fit the labels get a problem, and a template that doesn't fit is refused") {
  const Model model = tiny_model("bert-mlm");
  std::vector<Example> examples = planted(4, 41);
  TaskPipeline pipeline = pipeline_of(model, "choices", plain, "manual");
  examples[0].words["ends"] = {"a", "b", "c", "d", "e"};
  examples[1].words["ends"] = {"a", "b"};
  examples[1].label = 3;
  examples[2].words.clear();
  const std::vector<Prediction> predictions = Predictor(model, {&pipeline}).predict(pointers(examples));
  CHECK(predictions[0].problem.find("it has 5 alternatives, and the task has labels for 4") !=
        std::string::npos);
  CHECK(predictions[1].problem.find("its label \"D\" is number 4") != std::string::npos);
  CHECK(predictions[2].problem.find("no list of alternatives \"ends\"") != std::string::npos);
  CHECK(predictions[3].problem == "");

  const std::vector<Example> usable{examples[3]};
  TaskPipeline head = pipeline_of(model, "head", plain, "manual");
  CHECK_THROWS_WITH_AS(Predictor(model, {&head}).predict(pointers(usable)),
                       doctest::Contains("labels each prompt by itself"), UsageError);
  CHECK_THROWS_WITH_AS(train(model, {{head, usable, {}}}, some_steps(1, 0.1), 7),
                       doctest::Contains("labels each prompt by itself"), UsageError);
  TaskPipeline single = pipeline_of(model, "choices", plain, "manual", {}, "{text}");
  CHECK_THROWS_WITH_AS(Predictor(model, {&single}).predict(pointers(usable)),
                       doctest::Contains("the template gives one"), UsageError);
}
