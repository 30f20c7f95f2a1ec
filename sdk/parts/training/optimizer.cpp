#include <cuecard/parts/training/optimizer.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/square.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros_like.h>

#include <cuecard/error.hpp>
#include <cuecard/fit.hpp>

namespace cuecard {

namespace {

/// Calls `use(tensor, group, index)` for every tensor, counted over all groups.
template <class F>
void for_each_tensor(const std::vector<ParameterGroup>& groups, F&& use) {
  std::size_t index = 0;
  for (const ParameterGroup& group : groups)
    for (const at::Tensor& tensor : group.tensors)
      use(tensor, group, index++);
}

at::Tensor state_tensor(const TensorMap& state, const std::string& name, const at::Tensor& like) {
  const auto found = state.find(name);
  if (found == state.end() || found->second.sizes() != like.sizes())
    throw DataError("the checkpoint's optimizer state has no matching \"" + name +
                    "\": it belongs to another run.");
  return found->second.to(like.device(), like.scalar_type()).clone();
}

class Adam final : public Optimizer {
public:
  /// `decoupled`: the decay acts on the tensor (AdamW), else it is added to the gradient.
  Adam(std::vector<ParameterGroup> groups, bool decoupled) : groups_(std::move(groups)), decoupled_(decoupled) {
    for_each_tensor(groups_, [&](const at::Tensor& tensor, const ParameterGroup&, std::size_t) {
      first_.push_back(at::zeros_like(tensor));
      second_.push_back(at::zeros_like(tensor));
    });
  }

  void step(double learning_rate) override {
    const at::NoGradGuard no_grad;
    ++steps_;
    const double first_correction = 1.0 - std::pow(beta1, static_cast<double>(steps_));
    const double second_correction = std::sqrt(1.0 - std::pow(beta2, static_cast<double>(steps_)));
    for_each_tensor(groups_, [&](const at::Tensor& tensor, const ParameterGroup& group, std::size_t i) {
      at::Tensor gradient = tensor.grad();
      if (!gradient.defined())
        return;
      const double rate = learning_rate * group.learning_rate_scale;
      if (decoupled_)
        tensor.mul_(1.0 - rate * group.weight_decay);
      else if (group.weight_decay > 0)
        gradient = gradient + tensor * group.weight_decay;
      first_[i].mul_(beta1).add_(gradient, 1.0 - beta1);
      second_[i].mul_(beta2).addcmul_(gradient, gradient, 1.0 - beta2);
      const at::Tensor scale = (at::sqrt(second_[i]) / second_correction).add_(epsilon);
      tensor.addcdiv_(first_[i], scale, -rate / first_correction);
    });
  }

  TensorMap state() const override {
    TensorMap state{{"steps", at::full({1}, steps_, at::kLong)}};
    for (std::size_t i = 0; i < first_.size(); ++i) {
      state["first." + std::to_string(i)] = first_[i];
      state["second." + std::to_string(i)] = second_[i];
    }
    return state;
  }

  void restore(const TensorMap& state) override {
    steps_ = state_tensor(state, "steps", at::full({1}, 0, at::kLong)).item<int64_t>();
    for (std::size_t i = 0; i < first_.size(); ++i) {
      first_[i] = state_tensor(state, "first." + std::to_string(i), first_[i]);
      second_[i] = state_tensor(state, "second." + std::to_string(i), second_[i]);
    }
  }

private:
  static constexpr double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  std::vector<ParameterGroup> groups_;
  bool decoupled_;
  std::vector<at::Tensor> first_, second_;
  int64_t steps_ = 0;
};

class Adafactor final : public Optimizer {
public:
  explicit Adafactor(std::vector<ParameterGroup> groups) : groups_(std::move(groups)) {
    for_each_tensor(groups_, [&](const at::Tensor& tensor, const ParameterGroup&, std::size_t) {
      second_.push_back(at::zeros_like(tensor));
    });
  }

  void step(double learning_rate) override {
    const at::NoGradGuard no_grad;
    ++steps_;
    const double keep = 1.0 - std::pow(static_cast<double>(steps_), -0.8);
    for_each_tensor(groups_, [&](const at::Tensor& tensor, const ParameterGroup& group, std::size_t i) {
      const at::Tensor& gradient = tensor.grad();
      if (!gradient.defined())
        return;
      const double rate = learning_rate * group.learning_rate_scale;
      second_[i].mul_(keep).add_(at::square(gradient) + 1e-30, 1.0 - keep);
      at::Tensor update = gradient / at::sqrt(second_[i]);
      update = update / at::clamp(at::sqrt(at::mean(at::square(update))), 1.0);
      tensor.mul_(1.0 - rate * group.weight_decay);
      tensor.add_(update, -rate);
    });
  }

  TensorMap state() const override {
    TensorMap state{{"steps", at::full({1}, steps_, at::kLong)}};
    for (std::size_t i = 0; i < second_.size(); ++i)
      state["second." + std::to_string(i)] = second_[i];
    return state;
  }

  void restore(const TensorMap& state) override {
    steps_ = state_tensor(state, "steps", at::full({1}, 0, at::kLong)).item<int64_t>();
    for (std::size_t i = 0; i < second_.size(); ++i)
      second_[i] = state_tensor(state, "second." + std::to_string(i), second_[i]);
  }

private:
  std::vector<ParameterGroup> groups_;
  std::vector<at::Tensor> second_;
  int64_t steps_ = 0;
};

} // namespace

std::unique_ptr<Optimizer> make_optimizer(const std::string& name, std::vector<ParameterGroup> groups) {
  if (name == "adamw" || name == "adam")
    return std::make_unique<Adam>(std::move(groups), name == "adamw");
  if (name == "adafactor")
    return std::make_unique<Adafactor>(std::move(groups));
  throw UsageError("unknown optimizer \"" + name + "\"; there are \"adamw\", \"adam\" and \"adafactor\"." +
                   did_you_mean(name, optimizer_names()));
}

double schedule_factor(const Schedule& schedule, int64_t step) {
  const double steps = static_cast<double>(schedule.steps), now = static_cast<double>(step);
  const double rising = std::floor(schedule.warmup * steps);
  if (now < rising)
    return (now + 1.0) / (rising + 1.0);
  const double done = steps > rising ? (now - rising) / (steps - rising) : 1.0;
  if (schedule.name == "linear")
    return std::max(0.0, 1.0 - done);
  if (schedule.name == "cosine")
    return 0.5 * (1.0 + std::cos(std::numbers::pi * done));
  if (schedule.name == "constant")
    return 1.0;
  if (schedule.name == "exponential") {
    const int64_t epochs = step / std::max<int64_t>(1, schedule.steps_per_epoch);
    return std::pow(schedule.decay, static_cast<double>(epochs));
  }
  throw UsageError("unknown schedule \"" + schedule.name +
                   "\"; there are \"linear\", \"cosine\", \"constant\" and \"exponential\"." +
                   did_you_mean(schedule.name, schedule_names()));
}

void clip_gradients(const std::vector<ParameterGroup>& groups, double most) {
  const at::NoGradGuard no_grad;
  at::Tensor squares;
  for_each_tensor(groups, [&](const at::Tensor& tensor, const ParameterGroup&, std::size_t) {
    if (!tensor.grad().defined())
      return;
    const at::Tensor square = at::sum(at::square(tensor.grad()));
    squares = squares.defined() ? squares + square : square;
  });
  if (!squares.defined())
    return;
  const at::Tensor factor = at::clamp(most / (at::sqrt(squares) + 1e-6), std::nullopt, 1.0);
  for_each_tensor(groups, [&](const at::Tensor& tensor, const ParameterGroup&, std::size_t) {
    if (tensor.grad().defined())
      tensor.mutable_grad().mul_(factor);
  });
}

void clear_gradients(const std::vector<ParameterGroup>& groups) {
  for_each_tensor(groups, [](const at::Tensor& tensor, const ParameterGroup&, std::size_t) {
    tensor.mutable_grad() = at::Tensor();
  });
}

} // namespace cuecard
