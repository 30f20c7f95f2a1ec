// Ensembles of prompts: in one pass, members give the decision that they give when run one by one, and each is
// trained as if it were alone.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "engine/predict/ensemble.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

constexpr int64_t members = 3, length = 4;

std::string text_for(const Model& model) {
  return model.shape().causal ? "{text} is{\"mask\"}" : "{text} It was {\"mask\"} .";
}

TaskPipeline tuned(const Model& model, int64_t prompts) {
  return two_label_pipeline(
      model, "m", text_for(model), "prompt-tuning",
      {{"prompts", std::to_string(prompts)}, {"length", std::to_string(length)}, {"init", "random"}});
}

at::Tensor prompt_of(const TaskPipeline& pipeline) {
  return pipeline.tuner->state(0).tensors.at("prompt");
}

/// A member as a pipeline of its own.
TaskPipeline alone(const Model& model, const TaskPipeline& ensemble, int64_t member) {
  TaskPipeline pipeline = tuned(model, 1);
  pipeline.tuner->load_state(
      {{{"prompt", prompt_of(ensemble).narrow(0, member * length, length).clone()}}, {}});
  return pipeline;
}

using Decided = std::vector<Prediction>;

void check_joined(const Decided& found, const std::vector<Decided>& by_member, Vote vote) {
  for (std::size_t i = 0; i < found.size(); ++i) {
    double mean = 0;
    int64_t votes = 0; // for label 1
    for (const Decided& own : by_member) {
      mean += own[i].decision.probabilities[1] / static_cast<double>(by_member.size());
      votes += own[i].label();
    }
    CHECK(std::abs(found[i].decision.probabilities[1] - mean) < 1e-5);
    const bool majority = 2 * votes > std::ssize(by_member);
    CHECK(found[i].label() == (vote == Vote::majority ? majority : mean > 0.5));
  }
}

Decision of(std::vector<double> probabilities) {
  Decision decision;
  decision.labels = {std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin()};
  decision.probabilities = std::move(probabilities);
  return decision;
}

} // namespace

TEST_CASE("the mean of probabilities and the majority of labels may differ, and the requested one decides") {
  const std::vector<Decision> two_to_one{of({0.55, 0.45}), of({0.6, 0.4}), of({0.05, 0.95})};
  CHECK(joined(two_to_one, Vote::mean).labels == std::vector<int64_t>{1});
  CHECK(joined(two_to_one, Vote::mean).probabilities[0] == doctest::Approx(0.4));
  CHECK(joined(two_to_one, Vote::majority).labels == std::vector<int64_t>{0});
  // One vote each: the label with the higher mean probability.
  CHECK(joined({of({0.5, 0.3, 0.2}), of({0.1, 0.2, 0.7})}, Vote::majority).labels == std::vector<int64_t>{2});
  Decision words, other;
  words.labels = {0, 2, 1};
  other.labels = {0, 1, 1};
  CHECK(joined({words, other, other}, Vote::mean).labels == other.labels); // words have no probabilities
}

TEST_CASE("members of a card give the same decision together as one by one, in as many passes as one of them") {
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const TaskPipeline ensemble = tuned(model, members);
    const std::vector<Example> examples = word_examples(12, 101);
    std::vector<Decided> by_member;
    for (int64_t member = 0; member < members; ++member) {
      const TaskPipeline pipeline = alone(model, ensemble, member);
      by_member.push_back(Predictor(model, {&pipeline}).predict(pointers(examples)));
    }
    CHECK(std::abs(by_member[0][0].decision.probabilities[1] - by_member[1][0].decision.probabilities[1]) >
          1e-5);
    for (const Vote vote : {Vote::mean, Vote::majority}) {
      Predictor predictor(model, {&ensemble}, {.batch_size = 100, .vote = vote});
      check_joined(predictor.predict(pointers(examples)), by_member, vote);
      CHECK(predictor.counters().forwards == 1);
    }
    const TaskPipeline again = pipeline_from_card(model, plugins(), to_card(ensemble, model));
    check_joined(Predictor(model, {&again}, {2}).predict(pointers(examples)), by_member, Vote::mean);
  }
}

TEST_CASE("each member is trained as if it were alone") {
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(name);
    // In float32 the last digit of a gradient near zero can decide the sign of a whole step of Adam.
    const Model model = tiny_model(name, at::kDouble);
    const std::vector<Example> rows = word_examples(16, 102);
    FitRequest request;
    request.steps = 3;
    request.batch_size = 8;
    request.clip = 0; // the norm is of all members together
    TaskPipeline ensemble = tuned(model, members);
    std::vector<TaskPipeline> singles;
    for (int64_t member = 0; member < members; ++member)
      singles.push_back(alone(model, ensemble, member));
    const TrainResult result = train(model, {{ensemble, rows, {}}}, request, 7);
    double mean = 0;
    for (int64_t member = 0; member < members; ++member) {
      TaskPipeline& single = singles[static_cast<std::size_t>(member)];
      const at::Tensor before = prompt_of(single).clone();
      mean += train(model, {{single, rows, {}}}, request, 7).report.losses.back() / members;
      CHECK((prompt_of(single) - before).abs().max().item<double>() > 0.01);
      CHECK((prompt_of(single) - prompt_of(ensemble).narrow(0, member * length, length))
                .abs()
                .max()
                .item<double>() < 1e-3);
    }
    CHECK(std::abs(result.report.losses.back() - mean) < 1e-4);
  }
}

TEST_CASE("a template's variants give one decision, whatever output the verbalizer uses") {
  for (const char* verbalizer : {"manual", "label-text"}) {
    CAPTURE(verbalizer);
    const Model model = tiny_model("llama-tied");
    const std::vector<std::string> texts{"{text} is{\"mask\"}", "So: {text} was{\"mask\"}"};
    const auto made = [&](const std::string& text) {
      PipelineChoice choice;
      choice.prompt_template.set = {{"text", text}};
      choice.verbalizer.component = verbalizer;
      choice.labels = {"negative", "positive"};
      choice.label_words = {{"bad"}, {"good"}};
      return make_pipeline(model, plugins(), choice);
    };
    const std::vector<Example> examples = word_examples(12, 103);
    std::vector<Decided> by_member;
    for (const std::string& text : texts) {
      const TaskPipeline pipeline = made(text);
      by_member.push_back(Predictor(model, {&pipeline}).predict(pointers(examples)));
    }
    const TaskPipeline ensemble = made(texts[0] + "{\"variant\"}" + texts[1]);
    check_joined(Predictor(model, {&ensemble}).predict(pointers(examples)), by_member, Vote::mean);
  }
}
