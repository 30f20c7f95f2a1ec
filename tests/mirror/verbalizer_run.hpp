/// One training run of a verbalizer, watched where it is on the mirror device, and what it came to.
#pragma once

#include <optional>
#include <vector>

#include "../engine/tasks.hpp"
#include "mirror_device.hpp"
#include "training_run.hpp"

namespace cuecard::test {

struct VerbalizerRun {
  std::vector<float> losses;
  Learned learned;
  std::vector<Prediction> predictions;
};

inline VerbalizerRun verbalizer_run(const Model& model, const MethodChoice& choice,
                                    const std::vector<Example>& rows) {
  std::optional<mirror::Watch> watch;
  const SetWatch set_watch = [&](bool on) {
    const bool away = model.backbone().device() == mirror::device;
    on&& away ? (void)watch.emplace() : watch.reset();
  };
  Method method = make_method(model, plugins(), choice, &rows);
  method.tuner = std::make_shared<WatchedTuner>(method.tuner, set_watch, false);
  FitSettings settings;
  settings.steps = settings.evaluate_every = steps;
  settings.batch_size = 5;
  settings.batch_tokens = 60; // several batches a step
  settings.learning_rate = 0.02;
  VerbalizerRun run;
  run.losses = train(model, {{method, rows, rows}}, settings, 7).report.losses;
  run.learned = method.verbalizer->export_learned();
  run.predictions = Predictor(model, {&method}).predict(pointers(rows));
  return run;
}

} // namespace cuecard::test
