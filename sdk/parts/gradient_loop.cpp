/// The default of `Tuner::fit`: minibatch gradient descent on what tuner and verbalizers learn, keeping what
/// was best on dev rows.
#include <cuecard/tuner.hpp>

#include <algorithm>
#include <cmath>
#include <memory>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/optimizer.hpp>

namespace cuecard {

namespace {

/// What nobody chose.
FitSettings complete(FitSettings settings, int64_t steps_per_epoch) {
  if (settings.optimizer.empty())
    settings.optimizer = "adamw";
  if (settings.schedule.empty())
    settings.schedule = "linear";
  if (settings.learning_rate <= 0)
    settings.learning_rate = 1e-3;
  if (settings.warmup < 0)
    settings.warmup = 0;
  if (settings.clip < 0)
    settings.clip = 1.0;
  if (settings.patience < 0)
    settings.patience = 0;
  if (settings.steps <= 0) {
    const double epochs = settings.epochs > 0 ? settings.epochs : 5;
    settings.steps = std::max<int64_t>(1, std::llround(epochs * static_cast<double>(steps_per_epoch)));
  }
  if (settings.evaluate_every <= 0)
    settings.evaluate_every = std::max<int64_t>(1, std::min(steps_per_epoch, settings.steps / 4));
  return settings;
}

/// The learned tensors as they were at their best.
class Best {
public:
  explicit Best(const std::vector<ParameterGroup>& groups) : groups_(groups) {}

  void keep() {
    kept_.clear();
    for (const ParameterGroup& group : groups_)
      for (const at::Tensor& tensor : group.tensors)
        kept_.push_back(tensor.detach().clone());
  }

  void put_back() const {
    const at::NoGradGuard no_grad;
    std::size_t i = 0;
    for (const ParameterGroup& group : groups_)
      for (const at::Tensor& tensor : group.tensors)
        if (i < kept_.size())
          tensor.copy_(kept_[i++]);
  }

private:
  const std::vector<ParameterGroup>& groups_;
  std::vector<at::Tensor> kept_;
};

/// One optimizer step over all tasks: gradients of the mean loss of each, micro-batch by micro-batch. Returns
/// the loss, on the device.
at::Tensor accumulate(Tuner& tuner, Engine& engine, int64_t step) {
  at::Tensor total;
  const int64_t tasks = static_cast<int64_t>(engine.problem().tasks.size());
  for (int64_t task = 0; task < tasks; ++task) {
    const std::vector<Batch> batches = engine.training_batches(task, step);
    int64_t examples = 0;
    for (const Batch& batch : batches)
      examples += batch.size();
    for (const Batch& batch : batches) {
      const double share = static_cast<double>(batch.size()) / static_cast<double>(examples * tasks);
      const at::Tensor loss = engine.loss(task, batch, tuner.condition(task)) * share;
      loss.backward();
      total = total.defined() ? total + loss.detach() : loss.detach();
    }
  }
  return total;
}

double mean_dev_metric(Engine& engine) {
  double sum = 0;
  const std::size_t tasks = engine.problem().tasks.size();
  for (std::size_t task = 0; task < tasks; ++task)
    sum += engine.evaluate_dev(static_cast<int64_t>(task));
  return sum / static_cast<double>(tasks);
}

} // namespace

FitReport Tuner::fit(Engine& engine) {
  std::vector<ParameterGroup> groups = parameters();
  int64_t steps_per_epoch = 1;
  for (std::size_t task = 0; task < engine.problem().tasks.size(); ++task) {
    steps_per_epoch = std::max(steps_per_epoch, engine.steps_per_epoch(static_cast<int64_t>(task)));
    for (ParameterGroup& group : engine.problem().tasks[task].verbalizer.parameters())
      groups.push_back(std::move(group));
  }
  FitReport report;
  if (groups.empty())
    return report;
  const FitSettings settings = complete(engine.settings(), steps_per_epoch);
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(settings.optimizer, groups);
  Best best(groups);
  double best_dev = -INFINITY;
  int64_t looks_without_gain = 0;
  std::vector<at::Tensor> unread; // losses that still lie on the device
  const bool on_host = groups[0].tensors[0].is_cpu();

  try {
    for (int64_t step = 0; step < settings.steps; ++step) {
      clear_gradients(groups);
      unread.push_back(accumulate(*this, engine, step));
      if (settings.clip > 0)
        clip_gradients(groups, settings.clip);
      optimizer->step(settings.learning_rate *
                      schedule_factor(settings.schedule, step, settings.steps, settings.warmup));
      report.steps = step + 1;

      const bool last = step + 1 == settings.steps;
      const bool look = last || (step + 1) % settings.evaluate_every == 0;
      if (!on_host && !look)
        continue;
      for (const at::Tensor& loss : unread)
        report.losses.push_back(loss.to(at::kCPU, at::kFloat).item<float>());
      unread.clear();
      if (!std::isfinite(report.losses.back()))
        throw DataError("the training loss became " + std::to_string(report.losses.back()) + " at step " +
                        std::to_string(step + 1) + "; lower the learning rate (it was " +
                        std::to_string(settings.learning_rate) + ").");
      const double dev = look ? mean_dev_metric(engine) : NAN;
      if (look && !(dev < best_dev)) { // among equals the later one, which has learned longer; without dev rows
                                       // always the last
        looks_without_gain = dev > best_dev ? 0 : looks_without_gain + 1;
        if (!std::isnan(dev))
          best_dev = dev;
        best.keep();
        report.best_step = step + 1;
      } else if (look) {
        ++looks_without_gain;
      }
      engine.progress(step + 1, settings.steps, report.losses.back(), dev);
      if (settings.patience > 0 && looks_without_gain >= settings.patience && !last) {
        report.stopped_early = true;
        break;
      }
    }
  } catch (const Cancelled&) {
    report.cancelled = true;
  }
  clear_gradients(groups);
  if (report.best_step > 0)
    best.put_back();
  else
    report.best_step = report.steps;
  if (std::isfinite(best_dev))
    report.best_dev = best_dev;
  return report;
}

} // namespace cuecard
