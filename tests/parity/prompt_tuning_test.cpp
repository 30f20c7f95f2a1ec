// Prompt tuning against PEFT: loss, gradient, and three steps of AdamW, with the common prefix packed once; and
// the same steps by plugin and engine.
#include <ATen/ATen.h>

#include <cmath>

#include <cuecard/parts/training/optimizer.hpp>

#include "batch/pack.hpp"
#include "engine/predict/predictor.hpp"
#include "engine/train/train.hpp"
#include "numbered_model.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// Prompt tuning with the recording's label words, before the first step.
TaskPipeline recorded_pipeline(const Model& model, const Recording& recording,
                               const std::vector<Example>& rows) {
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", "{text}{\"mask\"}"}};
  choice.tuner = {"prompt-tuning",
                  {{"length", std::to_string(recording["prompt"].size(0))}, {"weight-decay", "0.01"}}};
  for (const int64_t id : recording.list("label_words")) {
    choice.labels.push_back(NumberedModel::word(id));
    choice.label_words.push_back({NumberedModel::word(id)});
  }
  TaskPipeline pipeline = make_pipeline(model, plugins(), choice, &rows);
  pipeline.tuner->load_state({{{"prompt", recording["prompt"]}}, {}});
  return pipeline;
}

} // namespace

TEST_CASE("loss, gradient and three AdamW steps equal PEFT's") {
  for (const std::string name : {"llama-tied", "llama-untied", "gpt2-tied"})
    for (const std::string form : {"label_words", "full"})
      for (const bool share_prefix : {true, false}) {
        CAPTURE(name);
        CAPTURE(form);
        CAPTURE(share_prefix);
        const Model model = tiny_model(name, at::kDouble);
        const Recording recording(golden / "models" / name / "prompt_tuning.safetensors");
        const at::Tensor prompt = recording["prompt"].set_requires_grad(true);
        const std::vector<TokenizedPrompt> tokenized = numbered_prompts(recording, prompt.size(0));
        std::vector<PackItem> items;
        for (const TokenizedPrompt& each : tokenized)
          items.push_back({&each});
        const Batch batch = pack(items, {at::kCPU, share_prefix});
        CHECK((batch.input.num_tokens() < static_cast<int64_t>(tokenized.size()) * prompt.size(0) +
                                              recording["ids"].size(0)) == share_prefix);

        const bool label_words = form == "label_words";
        const at::Tensor labels =
            label_words ? recording["labels"] : recording["label_words"].index_select(0, recording["labels"]);
        const std::vector<ParameterGroup> groups{{{prompt}, 1.0, 0.01}};
        const auto optimizer = make_optimizer("adamw", groups);
        for (int64_t step = 0; step <= 3; ++step) {
          Conditioning conditioning;
          conditioning.embeddings = prompt;
          const at::Tensor hidden = model.backbone().forward({batch, conditioning});
          const OutputRequest request{OutputRequest::Kind::logits,
                                      label_words ? recording["label_words"] : at::Tensor()};
          const at::Tensor loss = at::cross_entropy_loss(model.backbone().project({hidden, request}), labels);
          CHECK(std::abs(loss.item<double>() - recording[form + ".losses"][step].item<double>()) < 1e-8);
          if (step == 3)
            break;
          clear_gradients(groups);
          loss.backward();
          CHECK((prompt.grad() - recording[form + ".gradients"][step]).abs().max().item<double>() < 1e-8);
          optimizer->step(0.02);
          CHECK((prompt.detach() - recording[form + ".prompts"][step]).abs().max().item<double>() < 1e-8);
        }
      }
}

TEST_CASE("the plugin and the engine take PEFT's steps") {
  for (const std::string name : {"llama-tied", "llama-untied", "gpt2-tied"})
    for (const at::ScalarType dtype : {at::kDouble, at::kFloat}) {
      CAPTURE(name);
      CAPTURE(at::toString(dtype));
      const Recording recording(golden / "models" / name / "prompt_tuning.safetensors");
      const NumberedModel folder(name, tiny_model(name).backbone().shape().vocabulary);
      const Model model = folder.load(dtype);
      const std::vector<Example> rows = numbered_examples(recording);
      TaskPipeline pipeline = recorded_pipeline(model, recording, rows);

      const FitReport report = train(model, {{pipeline, rows, {}}}, recorded_steps(rows), 1).report;

      // Trained tensors and reported losses are float32 on a float64 model, too.
      const double tolerance = dtype == at::kDouble ? 1e-6 : 1e-4;
      REQUIRE(report.losses.size() == 3);
      for (int64_t step = 0; step < 3; ++step)
        CHECK(std::abs(report.losses[static_cast<std::size_t>(step)] -
                       recording["label_words.losses"][step].item<double>()) < tolerance);
      const at::Tensor trained = pipeline.tuner->state(0).tensors.at("prompt").to(at::kDouble);
      if (dtype == at::kDouble) // in float32 the last digit of a gradient can decide a whole step
        CHECK((trained - recording["label_words.prompts"][2]).abs().max().item<double>() < tolerance);

      std::vector<const Example*> examples;
      for (const Example& row : rows)
        examples.push_back(&row);
      Predictor predictor(model, {&pipeline});
      const std::vector<Prediction> predictions = predictor.predict(examples);
      double loss = 0;
      for (std::size_t i = 0; i < rows.size(); ++i)
        loss -= std::log(predictions[i].decision.probabilities.at(static_cast<std::size_t>(rows[i].label)));
      CHECK(std::abs(loss / static_cast<double>(rows.size()) -
                     recording["label_words.losses"][3].item<double>()) < tolerance);
    }
}
