// A soft prompt and the model trained together: both change, the card holds both and says so, and the model in
// memory stays unchanged.
#include <cmath>

#include <ATen/ATen.h>

#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

TaskPipeline soft_tokens(const Model& model, bool tune_model) {
  const bool causal = model.shape().causal;
  return two_label_pipeline(model, "joint",
                            std::string(R"({text} {"soft": None, "duplicate": 2} It was{"mask"})") +
                                (causal ? "" : "."),
                            "p-tuning", {{"encoder", "mlp"}, {"tune-model", tune_model ? "true" : "false"}});
}

const FitRequest request = steps_of(40, 8, 1e-2); // a tenth of the rate for the model

std::vector<std::vector<double>> probabilities(const Model& model, const TaskPipeline& pipeline,
                                               const std::vector<Example>& examples) {
  std::vector<std::vector<double>> result;
  for (const Prediction& prediction : Predictor(model, {&pipeline}).predict(pointers(examples)))
    result.push_back(prediction.decision.probabilities);
  return result;
}

} // namespace

TEST_CASE("soft prompt and model are trained together, and the card holds both") {
  for (const char* name : {"bert-mlm", "llama-tied"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> examples = word_examples(48, 5);
    TaskPipeline joint = soft_tokens(model, true), frozen = soft_tokens(model, false);
    int64_t weights = 0;
    for (const auto& [weight, tensor] : model.backbone().weights())
      weights += tensor.numel();
    CHECK(joint.parameters() == frozen.parameters() + weights);
    const auto untouched = probabilities(model, frozen, examples);
    const auto copied = probabilities(model, joint, examples); // one seed, and weights that are copies
    for (std::size_t i = 0; i < examples.size(); ++i)
      CHECK(copied[i][0] == doctest::Approx(untouched[i][0]).epsilon(1e-4));

    const TrainResult result = train(model, {{joint, examples, {}}}, request, 3);
    CHECK(loss_fall(result.report) > 0.1);
    CHECK(result.counters.tokens_from_cache == 0); // cached text would change with the weights
    CHECK(probabilities(model, frozen, examples) == untouched);

    const Card card = to_card(joint, model);
    CHECK(card.tuner_state.tensors.at("prompt").size(0) == 2);
    CHECK(card.tuner_state.tensors.size() > 3);
    CHECK(card.tuner_state.texts.at("weights").find("of the model's " + std::to_string(weights)) !=
          std::string::npos);
    CHECK(!to_card(frozen, model).tuner_state.texts.contains("weights"));
    const TaskPipeline again = pipeline_from_card(model, plugins(), card);
    CHECK(probabilities(model, again, examples) == probabilities(model, joint, examples));
  }
}

TEST_CASE("the model is trained at its own rate, lower than that of the soft prompt") {
  const Model model = tiny_model("bert-mlm");
  TaskPipeline joint = soft_tokens(model, true);
  const std::vector<ParameterGroup> groups = joint.tuner->parameters();
  REQUIRE(groups.size() == 3);
  CHECK(groups[0].learning_rate_scale == 1);
  CHECK(groups[1].learning_rate_scale == doctest::Approx(0.1));
  CHECK(groups[1].weight_decay == doctest::Approx(0.1));
  CHECK(groups[1].tensors[0].dim() == 2);
  CHECK(groups[2].weight_decay == 0);
  CHECK(groups[2].tensors[0].dim() == 1);
  CHECK(joint.tuner->defaults({}).optimizer == "adamw");
  CHECK(joint.tuner->defaults({}).learning_rate == 1e-4);
  CHECK(soft_tokens(model, false).tuner->defaults({}).learning_rate == 1e-3);
}
