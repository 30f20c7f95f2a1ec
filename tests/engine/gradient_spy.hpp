/// The gradients of a training run's steps.
#pragma once

#include <memory>
#include <vector>

#include "conformance/spied_tuner.hpp"
#include "tasks.hpp"

namespace cuecard::test {

/// The gradients of all parameters of `pipeline`'s tuner after `steps` steps, step by step.
inline std::vector<std::vector<at::Tensor>> gradients_of(const Model& model, TaskPipeline pipeline,
                                                         const std::vector<Example>& examples,
                                                         const FitRequest& request) {
  class Spy final : public PassingEngine {
  public:
    Spy(Engine& engine, Tuner& tuner, std::vector<std::vector<at::Tensor>>& found)
        : PassingEngine(engine), tuner_(tuner), found_(found) {}
    void progress(int64_t step, int64_t steps, double loss, double dev) override {
      found_.emplace_back();
      for (const ParameterGroup& group : tuner_.parameters())
        for (const at::Tensor& tensor : group.tensors)
          found_.back().push_back(tensor.grad().clone());
      PassingEngine::progress(step, steps, loss, dev);
    }

  private:
    Tuner& tuner_;
    std::vector<std::vector<at::Tensor>>& found_;
  };

  std::vector<std::vector<at::Tensor>> found;
  const std::shared_ptr<Tuner> tuner = pipeline.tuner;
  pipeline.tuner = std::make_shared<SpiedTuner>(
      tuner, [&](Engine& engine, const Tuner&) { return std::make_unique<Spy>(engine, *tuner, found); });
  train(model, {{pipeline, examples, {}}}, request, 1);
  return found;
}

} // namespace cuecard::test
