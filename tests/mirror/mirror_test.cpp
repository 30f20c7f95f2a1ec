// Models and training on a device that is not the CPU: the same numbers, nothing that mixes devices, and no
// optimizer step that waits for the device.
#include <ATen/ATen.h>

#include "engine/tokenized_example.hpp"
#include "same_run.hpp"

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// Probabilities of `rows` by the steps of a prediction: pack, forward, project, score. On the mirror device
/// none of them may wait; only the scores are copied to the host, at the end.
std::vector<double> stepwise(const Model& model, const TaskPipeline& pipeline,
                             const std::vector<Example>& rows) {
  const at::InferenceMode inference;
  std::vector<TokenizedPrompt> prompts;
  for (const Example& row : rows)
    prompts.push_back(tokenized(pipeline, model, row).at(0));
  std::vector<PackItem> items;
  for (std::size_t i = 0; i < rows.size(); ++i)
    items.push_back({&prompts[i], &rows[i]});
  Scores scores;
  {
    const mirror::Watch watch(model.backbone().device() == mirror::device);
    Counters counters;
    const CountedBackbone backbone = pipeline.backbone(model, counters);
    CardMix mix(model);
    mix.add(0, pipeline);
    const auto conditioning = mix.condition(items, backbone);
    const Batch batch = pack(items, {model.backbone().device(), model.shape().causal});
    const at::Tensor hidden = backbone.forward(batch, *conditioning);
    const at::Tensor outputs = backbone.project(hidden, pipeline.verbalizer->output_request(), batch);
    scores = pipeline.verbalizer->score({outputs, batch});
  }
  const at::Tensor host =
      scores.values.to(at::kCPU, at::kDouble).view({static_cast<int64_t>(rows.size()), -1}).softmax(1);
  return {host.const_data_ptr<double>(), host.const_data_ptr<double>() + host.numel()};
}

std::vector<double> predicted(const Model& model, const TaskPipeline& pipeline,
                              const std::vector<Example>& rows) {
  std::vector<const Example*> examples;
  for (const Example& row : rows)
    examples.push_back(&row);
  Predictor predictor(model, {&pipeline});
  std::vector<double> probabilities;
  for (const Prediction& prediction : predictor.predict(examples))
    probabilities.insert(probabilities.end(), prediction.decision.probabilities.begin(),
                         prediction.decision.probabilities.end());
  return probabilities;
}

Side moved(Side side, const at::Device& device) {
  for (at::Tensor* tensor : {&side.ids, &side.positions, &side.segments, &side.soft_tokens, &side.soft_slots})
    if (tensor->defined())
      *tensor = tensor->to(device);
  return side;
}

} // namespace

TEST_CASE("training steps do not wait for the device, and training and prediction equal the CPU's") {
  RunSetting setting = soft_prompt_before;
  setting.learning_rate = 0.05;
  for (const char* name : {"llama-tied", "llama-untied", "bert-mlm", "t5-gated", "bart"})
    check_same(name, setting);
}

TEST_CASE("the same with soft tokens inside the text, after text that is cached from step to step") {
  for (const char* name : {"llama-tied", "bert-mlm", "t5-gated", "bart"})
    check_same(name, soft_tokens_inside);
}

TEST_CASE("a prediction does not wait for the device before its scores are done, and they equal the CPU's") {
  const std::vector<Example> rows = training_set();
  for (const char* name : {"llama-tied", "llama-untied", "bert-mlm", "t5-gated", "bart"})
    for (const ManualSetting& setting :
         {ManualSetting{"first", "none"}, {"mean", "blank"}, {"max", "train"}, {"max", "none"}}) {
      CAPTURE(name);
      CAPTURE(setting.handler);
      CAPTURE(setting.calibrate);
      const Model here = model_on(name, at::kCPU), there = model_on(name, mirror::device);
      const TaskPipeline on_cpu = manual_pipeline(here, setting, rows),
                         on_mirror = manual_pipeline(there, setting, rows);
      const std::vector<double> expected = predicted(here, on_cpu, rows);
      REQUIRE(expected.size() == 2 * rows.size());
      CHECK(largest_difference(stepwise(there, on_mirror, rows), expected) < 1e-5);
      CHECK(largest_difference(predicted(there, on_mirror, rows), expected) < 1e-5);
    }
}

TEST_CASE("the same with soft prompts, before and inside the text") {
  const std::vector<Example> rows = training_set();
  for (const char* name : {"llama-tied", "bert-mlm", "t5-gated", "bart"})
    for (const char* text : {soft_prompt_before.text, soft_tokens_inside.text}) {
      CAPTURE(name);
      CAPTURE(text);
      const auto pipeline_on = [&](const Model& model) {
        PipelineChoice choice;
        choice.prompt_template.set = {{"text", text}};
        choice.tuner = {"prompt-tuning", {{"length", "3"}}};
        choice.labels = {"good", "bad"};
        choice.label_words = {{"great", "moving"}, {"tedious", "bad"}};
        choice.seed = 5;
        return make_pipeline(model, plugins(), choice, &rows);
      };
      const Model here = model_on(name, at::kCPU), there = model_on(name, mirror::device);
      const TaskPipeline on_cpu = pipeline_on(here), on_mirror = pipeline_on(there);
      const std::vector<double> expected = predicted(here, on_cpu, rows);
      CHECK(largest_difference(stepwise(there, on_mirror, rows), expected) < 1e-5);
      CHECK(largest_difference(predicted(there, on_mirror, rows), expected) < 1e-5);
    }
}

TEST_CASE("a tuner that waits for the device is caught") {
  CHECK_THROWS_WITH(watched_run(model_on("llama-tied", mirror::device), soft_prompt_before, true),
                    doctest::Contains("makes the host wait"));
}

TEST_CASE("a batch that stayed on the CPU is refused, and the operator named") {
  const Model model = model_on("bert-mlm", mirror::device);
  const Batch batch = packed(Recording(golden / "models/bert-mlm/outputs.safetensors"), {0}, false);
  CHECK_THROWS_WITH(model.backbone().forward({batch, {}}),
                    doctest::Contains("aten::index_select mixes tensors"));
}

TEST_CASE("hidden states, outputs and gradients equal those of transformers") {
  for (const std::string name :
       {"llama-tied", "llama-untied", "llama3", "qwen3", "mistral-window", "llama-dynamic", "gemma2",
        "phi3-longrope", "gpt-neox", "gpt2-tied", "bert-mlm", "bert-plain", "roberta-mlm", "electra-generator",
        "mpnet", "deberta-v3", "modernbert"}) {
    CAPTURE(name);
    const Model model = model_on(name, mirror::device);
    const BackboneShape& shape = model.shape();
    const Recording recording(golden / "models" / name / "outputs.safetensors");
    const auto there = [&](const char* tensor) { return recording[tensor].to(mirror::device); };
    std::vector<int64_t> all;
    for (int64_t row = 0; row < recording["ids"].size(0); ++row)
      all.push_back(row);
    Batch batch = packed(recording, all, recording.has("segments"));
    batch.input.soft_tokens = batch.input.soft_slots = at::arange(batch.input.num_tokens());
    batch.input = moved(batch.input, mirror::device);
    batch.answer_tokens = batch.answer_tokens.to(mirror::device);
    Conditioning conditioning;
    conditioning.embeddings =
        model.backbone().token_vectors(TokenTable::input, batch.input.ids).set_requires_grad(true);

    at::Tensor hidden, values, objective;
    if (shape.has_pooler) {
      const at::Tensor hidden_probe = there("hidden_probe"), pooled_probe = there("pooled_probe");
      const at::Tensor firsts = at::tensor(batch.input.offsets, at::kLong).slice(0, 0, -1).to(mirror::device);
      const mirror::Watch watch;
      hidden = model.backbone().forward({batch, conditioning});
      values = model.backbone().project({hidden.index_select(0, firsts), {OutputRequest::Kind::pooled, {}}});
      objective = (hidden * hidden_probe).sum() + (values * pooled_probe).sum();
      objective.backward();
    } else {
      const at::Tensor rows = there("target_rows"), ids = there("target_ids");
      const mirror::Watch watch;
      hidden = model.backbone().forward({batch, conditioning});
      values = model.backbone().project({hidden.index_select(0, rows), {OutputRequest::Kind::log_probs, {}}});
      objective = values.gather(1, ids.unsqueeze(1)).mean();
      objective.backward();
    }
    CHECK(largest_difference(hidden.detach(), recording["hidden"]) < 1e-4);
    CHECK(largest_difference(values.detach(), recording[shape.has_pooler ? "pooled" : "log_probs"]) < 1e-4);
    CHECK(std::abs(objective.item<double>() - recording["objective"].item<double>()) < 1e-4);
    CHECK(largest_difference(conditioning.embeddings.grad(), recording["embedding_gradient"]) < 1e-4);
  }
}
