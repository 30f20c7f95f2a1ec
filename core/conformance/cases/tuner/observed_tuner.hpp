/// A tuner whose training is observed: the losses that its `fit` computes, the steps that it takes batches for, and when the engine's
/// functions and `condition` run.
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
  /// Before (true) and after (false) a step's batches, `condition` or a loss.
  std::function<void(bool begins)> work = {};
};

/// Calls `Observer::work` at both its ends, also when an exception leaves it.
class ObservedWork {
public:
  explicit ObservedWork(const Observer& observer) : observer_(observer) { tell(true); }
  ~ObservedWork() { tell(false); }
  ObservedWork(const ObservedWork&) = delete;
  ObservedWork& operator=(const ObservedWork&) = delete;

private:
  void tell(bool begins) const {
    if (observer_.work)
      observer_.work(begins);
  }

  const Observer& observer_;
};

class ObservedEngine final : public PassingEngine {
public:
  ObservedEngine(Engine& engine, const Observer& observer) : PassingEngine(engine), observer_(observer) {}

  std::vector<Batch> training_batches(int64_t task, int64_t step) override {
    if (observer_.step)
      observer_.step(step);
    const ObservedWork work(observer_);
    return engine_.training_batches(task, step);
  }
  at::Tensor loss(int64_t task, const Batch& batch, const Conditioning& conditioning,
                  const Pass& pass) override {
    at::Tensor loss;
    {
      const ObservedWork work(observer_);
      loss = engine_.loss(task, batch, conditioning, pass);
    }
    if (observer_.loss)
      observer_.loss(loss);
    return loss;
  }

private:
  Observer observer_;
};

inline std::shared_ptr<Tuner> observed_tuner(std::shared_ptr<Tuner> tuner, const Observer& observer) {
  return std::make_shared<SpiedTuner>(
      std::move(tuner),
      [observer](Engine& engine, const Tuner&) { return std::make_unique<ObservedEngine>(engine, observer); },
      [observer](const Tuner& inner, const ConditionArgs& args) {
        const ObservedWork work(observer);
        return inner.condition(args);
      });
}

} // namespace cuecard::conformance
