// Models and training on a device that is not the CPU: the same numbers, nothing that mixes devices, and no
// optimizer step that waits for the device.
#include <ATen/ATen.h>

#include "engine/tokenized_example.hpp"
#include "same_run.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// Probabilities of `rows` by the steps of a prediction: pack, forward, read, score. On the mirror none of them
/// may wait; only the scores are taken to the host, at the end.
std::vector<double> stepwise(const Model& model, const Method& method, const std::vector<Example>& rows) {
  const at::InferenceMode inference;
  std::vector<TokenizedPrompt> prompts;
  for (const Example& row : rows)
    prompts.push_back(tokenized(method, model, row).at(0));
  std::vector<PackItem> items;
  for (std::size_t i = 0; i < rows.size(); ++i)
    items.push_back({&prompts[i], &rows[i]});
  Scores scores;
  {
    const mirror::Watch watch(model.backbone().device() == mirror::device);
    const CardMix mix({method.tuner->condition(0, {})});
    const Batch batch = pack(items, {model.backbone().device(), model.backbone().shape().causal});
    const at::Tensor hidden = model.backbone().forward({batch, mix.conditioning()});
    scores = method.verbalizer->score(model.backbone().read({hidden, method.verbalizer->readout()}), batch, {});
  }
  const at::Tensor host =
      scores.values.to(at::kCPU, at::kDouble).view({static_cast<int64_t>(rows.size()), -1}).softmax(1);
  return {host.const_data_ptr<double>(), host.const_data_ptr<double>() + host.numel()};
}

std::vector<double> predicted(const Model& model, const Method& method, const std::vector<Example>& rows) {
  std::vector<const Example*> asked;
  for (const Example& row : rows)
    asked.push_back(&row);
  Predictor predictor(model, {&method});
  std::vector<double> probabilities;
  for (const Prediction& prediction : predictor.predict(asked))
    probabilities.insert(probabilities.end(), prediction.decision.probabilities.begin(),
                         prediction.decision.probabilities.end());
  return probabilities;
}

Side moved(Side side, const at::Device& device) {
  for (at::Tensor* tensor : {&side.ids, &side.positions, &side.segments, &side.soft_rows, &side.soft_slots})
    if (tensor->defined())
      *tensor = tensor->to(device);
  return side;
}

} // namespace

TEST_CASE("training steps wait for nothing, and training and prediction are the CPU's") {
  RunSetting setting = rows_in_front;
  setting.learning_rate = 0.05;
  for (const char* name : {"llama-tied", "llama-untied", "bert-mlm", "t5-gated", "bart"})
    check_same(name, setting);
}

TEST_CASE("the same with learned rows inside the text, behind rows that are kept from step to step") {
  for (const char* name : {"llama-tied", "bert-mlm", "t5-gated", "bart"})
    check_same(name, rows_inside);
}

TEST_CASE("a prediction waits for nothing before its scores are there, which are the CPU's") {
  const std::vector<Example> rows = training_rows();
  for (const char* name : {"llama-tied", "llama-untied", "bert-mlm", "t5-gated", "bart"})
    for (const ManualSetting& setting :
         {ManualSetting{"first", "none"}, {"mean", "blank"}, {"max", "train"}, {"max", "none"}}) {
      CAPTURE(name);
      CAPTURE(setting.handler);
      CAPTURE(setting.calibrate);
      const Model here = model_on(name, at::kCPU), there = model_on(name, mirror::device);
      const Method at_home = manual_method(here, setting, rows), away = manual_method(there, setting, rows);
      const std::vector<double> expected = predicted(here, at_home, rows);
      REQUIRE(expected.size() == 2 * rows.size());
      CHECK(largest_difference(stepwise(there, away, rows), expected) < 1e-5);
      CHECK(largest_difference(predicted(there, away, rows), expected) < 1e-5);
    }
}

TEST_CASE("the same with learned rows, in front and inside") {
  const std::vector<Example> rows = training_rows();
  for (const char* name : {"llama-tied", "bert-mlm", "t5-gated", "bart"})
    for (const char* text : {rows_in_front.text, rows_inside.text}) {
      CAPTURE(name);
      CAPTURE(text);
      const auto method_on = [&](const Model& model) {
        MethodChoice choice;
        choice.prompt_template.set = {{"text", text}};
        choice.tuner = {"prompt-tuning", {{"length", "3"}}};
        choice.labels = {"good", "bad"};
        choice.label_words = {{"great", "moving"}, {"tedious", "bad"}};
        choice.seed = 5;
        return make_method(model, plugins(), choice, &rows);
      };
      const Model here = model_on(name, at::kCPU), there = model_on(name, mirror::device);
      const Method at_home = method_on(here), away = method_on(there);
      const std::vector<double> expected = predicted(here, at_home, rows);
      CHECK(largest_difference(stepwise(there, away, rows), expected) < 1e-5);
      CHECK(largest_difference(predicted(there, away, rows), expected) < 1e-5);
    }
}

TEST_CASE("a tuner that waits for the device is caught") {
  CHECK_THROWS_WITH(watched_run(model_on("llama-tied", mirror::device), rows_in_front, true),
                    doctest::Contains("makes the host wait"));
}

TEST_CASE("a batch that stayed on the CPU is refused, and the operator named") {
  const Model model = model_on("bert-mlm", mirror::device);
  const Batch batch = packed(Recording(golden / "models/bert-mlm/outputs.safetensors"), {0}, false);
  CHECK_THROWS_WITH(model.backbone().forward({batch, {}}),
                    doctest::Contains("aten::index_select mixes tensors"));
}

TEST_CASE("hidden states, what is read of them, and gradients are transformers'") {
  for (const std::string name : {"llama-tied", "llama-untied", "llama3", "qwen3", "gpt2-tied", "bert-mlm",
                                 "bert-plain", "roberta-mlm", "electra-generator"}) {
    CAPTURE(name);
    const Model model = model_on(name, mirror::device);
    const BackboneShape& shape = model.backbone().shape();
    const Recording recording(golden / "models" / name / "outputs.safetensors");
    const auto there = [&](const char* tensor) { return recording[tensor].to(mirror::device); };
    std::vector<int64_t> all;
    for (int64_t row = 0; row < recording["ids"].size(0); ++row)
      all.push_back(row);
    Batch batch = packed(recording, all, recording.has("segments"));
    batch.input.soft_rows = batch.input.soft_slots = at::arange(batch.input.rows());
    batch.input = moved(batch.input, mirror::device);
    batch.answer_rows = batch.answer_rows.to(mirror::device);
    Conditioning conditioning;
    conditioning.embeddings =
        model.backbone().token_rows(TokenTable::input, batch.input.ids).set_requires_grad(true);

    at::Tensor hidden, values, objective;
    if (shape.pools) {
      const at::Tensor hidden_probe = there("hidden_probe"), pooled_probe = there("pooled_probe");
      const at::Tensor firsts = at::tensor(batch.input.offsets, at::kLong).slice(0, 0, -1).to(mirror::device);
      const mirror::Watch watch;
      hidden = model.backbone().forward({batch, conditioning});
      values = model.backbone().read({hidden.index_select(0, firsts), {Readout::Kind::pooled, {}}, {}});
      objective = (hidden * hidden_probe).sum() + (values * pooled_probe).sum();
      objective.backward();
    } else {
      const at::Tensor rows = there("target_rows"), ids = there("target_ids");
      const mirror::Watch watch;
      hidden = model.backbone().forward({batch, conditioning});
      values = model.backbone().read({hidden.index_select(0, rows), {Readout::Kind::log_probs, {}}, {}});
      objective = values.gather(1, ids.unsqueeze(1)).mean();
      objective.backward();
    }
    CHECK(largest_difference(hidden.detach(), recording["hidden"]) < 1e-4);
    CHECK(largest_difference(values.detach(), recording[shape.pools ? "pooled" : "log_probs"]) < 1e-4);
    CHECK(std::abs(objective.item<double>() - recording["objective"].item<double>()) < 1e-4);
    CHECK(largest_difference(conditioning.embeddings.grad(), recording["embedding_gradient"]) < 1e-4);
  }
}
