// Cards with their own weights: gradients against finite differences of the loss, training, separate batches.
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cuecard/error.hpp>

#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

const char* text_for(const std::string& model) {
  return model.starts_with("bert") ? "{text} It was {\"mask\"}." : "{text} It was{\"mask\"}";
}

TaskPipeline fine_tuned(const Model& model, const std::string& name, const std::string& what = "all") {
  return two_label_pipeline(model, "m", text_for(name), "fine-tuning", {{"what", what}});
}

/// Mean loss of `examples` from predicted probabilities: no gradient and no training loop is involved.
double loss_of(const Model& model, const TaskPipeline& pipeline, const std::vector<Example>& examples) {
  double sum = 0;
  const auto predictions = Predictor(model, {&pipeline}).predict(pointers(examples));
  for (std::size_t i = 0; i < examples.size(); ++i)
    sum -= std::log(predictions[i].decision.probabilities[static_cast<std::size_t>(examples[i].label)]);
  return sum / static_cast<double>(examples.size());
}

/// The gradients that one step's loss leaves in the weights, as the optimizer sees them: captured in
/// `progress`.
TensorMap gradients(const Model& model, TaskPipeline& pipeline, const std::vector<Example>& examples) {
  FitRequest request = steps_of(1, std::ssize(examples), 1e-30);
  request.clip = 0;
  TensorMap found;
  train(model, {{pipeline, examples, {}}}, request, 1, [&](int64_t, int64_t, double, double) {
    for (const auto& [name, weight] : pipeline.tuner->replaced_weights())
      if (weight.grad().defined())
        found[name] = weight.grad().clone();
    return true;
  });
  return found;
}

} // namespace

TEST_CASE("gradients of the weights equal finite differences of the loss") {
  const std::map<std::string, std::vector<std::string>> weights{
      {"llama-tied",
       {"model.embed_tokens.weight", "model.norm.weight", "model.layers.0.self_attn.k_proj.weight",
        "model.layers.1.mlp.down_proj.weight", "model.layers.0.input_layernorm.weight"}},
      {"llama-untied",
       {"lm_head.weight", "model.embed_tokens.weight", "model.layers.1.self_attn.v_proj.weight"}},
      {"bert-mlm",
       {"bert.embeddings.word_embeddings.weight", "bert.encoder.layer.0.attention.self.query.weight",
        "bert.encoder.layer.1.output.LayerNorm.bias", "bert.encoder.layer.0.intermediate.dense.bias"}}};
  for (const auto& [name, list] : weights) {
    const Model model = tiny_model(name);
    TaskPipeline pipeline = fine_tuned(model, name);
    const std::vector<Example> examples = word_examples(6, 41);
    const TensorMap found = gradients(model, pipeline, examples);
    for (const std::string& weight : list) {
      CAPTURE(name);
      CAPTURE(weight);
      REQUIRE(found.contains(weight));
      const at::Tensor leaf = pipeline.tuner->replaced_weights().at(weight), gradient = found.at(weight);
      const double norm = gradient.norm().item<double>();
      REQUIRE(norm > 1e-6);
      // Along the gradient the slope is its length; central differences err in the third order.
      const at::Tensor original = leaf.detach().clone();
      const double h = 0.02 * original.norm().item<double>() / std::sqrt(static_cast<double>(original.numel()));
      const auto at_distance = [&](double distance) {
        const at::NoGradGuard no_grad;
        leaf.copy_(original + gradient * (distance / norm));
        return loss_of(model, pipeline, examples);
      };
      const double slope = (at_distance(h) - at_distance(-h)) / (2 * h);
      at_distance(0);
      CHECK(slope == doctest::Approx(norm).epsilon(0.03));
    }
  }
}

TEST_CASE("a planted rule is learned by all weights and by biases alone, and the model stays unchanged") {
  for (const auto& [name, what, rate] :
       {std::tuple{"llama-tied", "all", 2e-3}, {"bert-mlm", "all", 2e-3}, {"bert-mlm", "bias", 5e-2}}) {
    CAPTURE(name);
    CAPTURE(what);
    const Model model = tiny_model(name);
    const std::vector<Example> examples = word_examples(48, 42);
    TaskPipeline pipeline = fine_tuned(model, name, what), untouched = fine_tuned(model, name, what);
    const double before = loss_of(model, pipeline, examples);
    const TrainResult result = train(model, {{pipeline, examples, {}}}, steps_of(40, 8, rate), 1);
    CHECK(result.counters.tokens_from_cache == 0); // no hidden state before the answer stays the same
    CHECK(loss_of(model, pipeline, examples) < before - 0.1);
    CHECK(loss_of(model, untouched, examples) == before);
    int64_t count = 0;
    for (const auto& [weight, tensor] : model.backbone().weights())
      if (std::string(what) == "all" || weight.ends_with("bias"))
        count += tensor.numel();
    CHECK(pipeline.parameters() == count);
  }
}

TEST_CASE("a card with weights and a card without predict the same in one call as alone") {
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> examples = word_examples(24, 43);
    TaskPipeline pipeline = fine_tuned(model, name);
    train(model, {{pipeline, examples, {}}}, steps_of(12, 8, 2e-3), 1);
    const Card card = to_card(pipeline, model);
    CHECK(card.tuner_state.texts.at("weights").find("this card holds ") == 0);
    TaskPipeline back = pipeline_from_card(model, plugins(), card);
    TaskPipeline soft = two_label_pipeline(model, "soft", text_for(name), "prompt-tuning", {{"length", "3"}});
    back.name = "weights";

    std::vector<Example> mixed = examples;
    for (std::size_t i = 0; i < mixed.size(); ++i)
      mixed[i].card = i % 2 ? "soft" : "weights";
    Predictor together(model, {&back, &soft}), alone(model, {&pipeline}), soft_alone(model, {&soft});
    const auto of_both = together.predict(pointers(mixed)), of_one = alone.predict(pointers(examples)),
               of_soft = soft_alone.predict(pointers(examples));
    CHECK(together.counters().forwards == 2); // one for each set of weights
    for (std::size_t i = 0; i < mixed.size(); ++i)
      for (const std::size_t label : {0, 1})
        CHECK(of_both[i].decision.probabilities[label] ==
              doctest::Approx((i % 2 ? of_soft : of_one)[i].decision.probabilities[label]).epsilon(1e-5));
  }
}

TEST_CASE("weights are trained in float32 only, and biases only where there are any") {
  const Model half = tiny_model("llama-tied", at::kBFloat16), unbiased = tiny_model("llama-tied");
  CHECK_THROWS_WITH_AS(fine_tuned(half, "llama-tied"), doctest::Contains("--dtype float32"), UsageError);
  CHECK_THROWS_WITH_AS(fine_tuned(unbiased, "llama-tied", "bias"), doctest::Contains("what=all"), UsageError);
}
