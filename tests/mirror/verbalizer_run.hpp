/// One training run of a verbalizer, watched where it is on the mirror device, and its results.
#pragma once

#include <optional>
#include <vector>

#include <ATen/ATen.h>

#include "../engine/tasks.hpp"
#include "training_run.hpp"
#include <cuecard/testing/mirror_device.hpp>

namespace cuecard::test {

struct VerbalizerRun {
  std::vector<float> losses;
  ComponentState state;
  double moved = 0; ///< largest change of a parameter from its initial value
  std::vector<Prediction> predictions;
};

inline VerbalizerRun verbalizer_run(const Model& model, PipelineChoice choice,
                                    const std::vector<Example>& rows) {
  std::optional<mirror::Watch> watch;
  const SetWatch set_watch = [&](bool on) {
    const bool mirrored = model.backbone().device() == mirror::device;
    on&& mirrored ? (void)watch.emplace() : watch.reset();
  };
  choice.seed = test_seed();
  TaskPipeline pipeline = make_pipeline(model, plugins(), choice, &rows);
  pipeline.tuner = std::make_shared<WatchedTuner>(pipeline.tuner, set_watch, false);
  const at::Tensor start = values_of(pipeline.verbalizer->parameters());
  FitRequest request;
  request.steps = request.evaluate_every = steps;
  request.batch_size = 5;
  request.batch_tokens = 60; // several batches per step
  request.learning_rate = 0.02;
  VerbalizerRun run;
  run.losses = train(model, {{pipeline, rows, rows}}, request, 7 + test_seed()).report.losses;
  run.state = pipeline.verbalizer->state();
  const at::Tensor end = values_of(pipeline.verbalizer->parameters());
  if (end.numel() > 0 &&
      end.numel() == start.numel()) // some verbalizers create parameters during training only
    run.moved = (end - start).abs().max().item<double>();
  run.predictions = Predictor(model, {&pipeline}).predict(pointers(rows));
  return run;
}

} // namespace cuecard::test
