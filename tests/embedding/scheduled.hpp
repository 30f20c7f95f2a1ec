/// Cards and requests for tests of the scheduler.
#pragma once

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "../engine/tasks.hpp"
#include "embedding/scheduler.hpp"

namespace cuecard::test {

using embedding::Request;
using embedding::Scheduler;

inline std::shared_ptr<TaskPipeline> card(const Model& model, const std::string& name,
                                          const std::string& tuner = "manual", uint64_t seed = 1) {
  std::vector<std::pair<std::string, std::string>> options;
  if (tuner == "prompt-tuning")
    options = {{"length", "5"}};
  auto pipeline = std::make_shared<TaskPipeline>(
      two_label_pipeline(model, name, "Review: {text} It was{\"mask\"}", tuner, options, seed));
  if (tuner == "lora") // B begins at zero, which changes nothing
    for (const ParameterGroup& group : pipeline->tuner->parameters())
      for (at::Tensor tensor : group.tensors) {
        const at::NoGradGuard no_grad;
        tensor.add_(0.05);
      }
  return pipeline;
}

inline std::shared_ptr<Request> request(std::vector<Example> examples, const std::string& name = {}) {
  auto result = std::make_shared<Request>();
  for (Example& example : examples)
    if (example.card.empty())
      example.card = name;
  result->examples = std::move(examples);
  return result;
}

/// Holds the model's thread until it goes out of scope, so that what is submitted meanwhile waits.
class Hold {
public:
  explicit Hold(Scheduler& scheduler) {
    auto blocker = request(word_examples(1, 3), "no such card");
    blocker->finished = [this, until = released_.get_future().share()] {
      held_.set_value();
      until.wait();
    };
    scheduler.submit(blocker);
    held_.get_future().wait();
  }
  ~Hold() { released_.set_value(); }

private:
  std::promise<void> held_, released_;
};

} // namespace cuecard::test
