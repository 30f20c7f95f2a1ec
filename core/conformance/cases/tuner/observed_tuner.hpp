/// A tuner whose training is observed: the losses that its `fit` computes, and the steps that it takes batches for.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <cuecard/tuner.hpp>

#include "conformance/spied_tuner.hpp"

namespace cuecard::conformance {

struct Observer {
  std::function<void(const at::Tensor& loss)> loss = {};
  std::function<void(int64_t step)> step = {}; ///< before its batches are made
};

class ObservedEngine final : public PassingEngine {
public:
  ObservedEngine(Engine& engine, const Observer& observer) : PassingEngine(engine), observer_(observer) {}

  std::vector<Batch> training_batches(int64_t task, int64_t step) override {
    if (observer_.step)
      observer_.step(step);
    return engine_.training_batches(task, step);
  }
  at::Tensor loss(int64_t task, const Batch& batch, const Conditioning& conditioning,
                  const Pass& pass) override {
    at::Tensor loss = engine_.loss(task, batch, conditioning, pass);
    if (observer_.loss)
      observer_.loss(loss);
    return loss;
  }

private:
  Observer observer_;
};

inline std::shared_ptr<Tuner> observed_tuner(std::shared_ptr<Tuner> tuner, Observer observer) {
  return std::make_shared<SpiedTuner>(std::move(tuner),
                                      [observer = std::move(observer)](Engine& engine, const Tuner&) {
                                        return std::make_unique<ObservedEngine>(engine, observer);
                                      });
}

} // namespace cuecard::conformance
