/// A tuner that returns what a test asks for, as the component "scripted" of the plugin "shop".
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <cuecard/error.hpp>

#include "engine/guarded.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

namespace cuecard::test {

constexpr int64_t slots = 3; ///< of ScriptedTuner

/// Prepends soft slots, and returns the conditioning that the test requests.
class ScriptedTuner final : public Tuner {
public:
  std::function<Conditioning()> conditioning;
  std::function<void(std::vector<Prompt>&)> change;
  std::function<std::vector<at::Tensor>()> tensors;
  std::function<ComponentState()> stated;
  std::function<FitReport(Engine&)> fitted;
  std::function<void(FitRequest&)> filled;
  std::function<TensorMap()> replaced;
  InputFeatures features;
  FitRequest usual;
  TensorMap saved;
  std::map<std::string, std::string> texts;
  at::Tensor prompt;
  int64_t calls = 0, trained = 0; ///< calls of a test's own function; runs

  void prepare(const Problem& problem) override {
    prompt = at::zeros({slots, problem.backbone.shape().embedding_width}).set_requires_grad(true);
  }
  void edit(std::vector<Prompt>& prompts, const EditArgs&) const override {
    for (Prompt& each : prompts)
      for (int64_t slot = slots; slot-- > 0;)
        each.prepended.insert(each.prepended.begin(), Piece::soft_slot(slot));
    if (change)
      change(prompts);
  }
  Conditioning condition(const ConditionArgs&) const override {
    return conditioning ? conditioning() : Conditioning{prompt};
  }
  InputFeatures input_features() const override { return features; }
  std::vector<ParameterGroup> parameters() override {
    return {{tensors ? tensors() : std::vector<at::Tensor>{prompt}}};
  }
  FitRequest defaults(const FitRequest& request) const override {
    FitRequest settings = request;
    if (!settings.learning_rate)
      settings.learning_rate = usual.learning_rate;
    if (!settings.warmup)
      settings.warmup = usual.warmup;
    if (filled)
      filled(settings);
    return settings;
  }
  TensorMap replaced_weights() const override { return replaced ? replaced() : TensorMap(); }
  /// That of the gradient loop.
  FitReport usual_fit(Engine& engine) { return Tuner::fit(engine); }
  FitReport fit(Engine& engine) override {
    ++trained;
    return fitted ? fitted(engine) : Tuner::fit(engine);
  }
  ComponentState state(int64_t) const override {
    if (stated)
      return stated();
    return saved.empty() && texts.empty() ? ComponentState{{{"prompt", prompt.detach()}}, {}}
                                          : ComponentState{saved, texts};
  }
};

struct Scripted {
  Model model = tiny_model("llama-tied");
  TaskPipeline pipeline = two_label_pipeline(model, "scripted", "{text} so{\"mask\"}", "prompt-tuning");
  std::shared_ptr<ScriptedTuner> tuner = std::make_shared<ScriptedTuner>();
  int64_t width = model.shape().embedding_width;

  Scripted() {
    pipeline.tuner = guarded(Component<Tuner>{tuner, "shop", "scripted", true});
    pipeline.record.tuner.plugin = "shop";
    pipeline.record.tuner.component = "scripted";
    pipeline.tuner->prepare({model.backbone(),
                             model.vocabulary(),
                             {{"scripted", *pipeline.prompt_template, *pipeline.verbalizer, pipeline.labels}},
                             1,
                             {},
                             {}});
  }

  /// Predicts, as with a card.
  void predict() const {
    const std::vector<Example> examples = word_examples(4, 3);
    for (const Prediction& prediction : Predictor(model, {&pipeline}).predict(pointers(examples)))
      if (!prediction.problem.empty())
        throw DataError(prediction.problem);
  }
  FitReport fit(int64_t steps = 1) {
    FitRequest request = steps_of(steps, 4, 1e-3);
    request.optimizer = "adamw";
    request.schedule = "constant";
    request.evaluate_every = steps;
    return train(model, {{pipeline, word_examples(8, 3), {}}}, request, 1).report;
  }
};

/// The error of `call`, which must be a PluginError of the plugin "shop".
inline std::string blamed(const std::function<void()>& call) {
  try {
    call();
  } catch (const PluginError& error) {
    const std::string text = error.what();
    CHECK_MESSAGE(text.starts_with("plugin \"shop\", component \"scripted\", "), text);
    return text;
  } catch (const std::exception& error) {
    FAIL("another error: " << error.what());
  }
  FAIL("no error");
  return "";
}

inline bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace cuecard::test
