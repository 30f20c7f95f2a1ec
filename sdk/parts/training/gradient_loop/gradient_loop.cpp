/// The default of `Tuner::fit`: minibatch gradient descent on the parameters of tuner and verbalizers, keeping the state that is best
/// on the development set.
#include <cuecard/tuner.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/extensions/guarded_tuner.hpp>
#include <cuecard/extensions/ranks.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/optimizer.hpp>

#include "training/gradient_loop/divergence.hpp"
#include "training/gradient_loop/micro_batches.hpp"
#include "training/gradient_loop/rank_gradients.hpp"

namespace cuecard {

namespace {

std::vector<at::Tensor> trained_tensors(const std::vector<ParameterGroup>& groups) {
  std::vector<at::Tensor> tensors;
  for (const ParameterGroup& group : groups)
    tensors.insert(tensors.end(), group.tensors.begin(), group.tensors.end());
  return tensors;
}

double mean_dev_metric(Engine& engine) {
  double sum = 0;
  const std::size_t tasks = engine.problem().tasks.size();
  for (std::size_t task = 0; task < tasks; ++task)
    sum += engine.evaluate_dev(static_cast<int64_t>(task));
  return sum / static_cast<double>(tasks);
}

at::Tensor as_tensor(std::vector<double> values) {
  return at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kDouble).clone();
}

/// The state of a run: everything that the next step depends on, which is what a checkpoint stores.
class Run {
public:
  Run(std::vector<ParameterGroup> groups, const FitSettings& settings)
      : settings_(settings), groups_(std::move(groups)), trained_(trained_tensors(groups_)),
        optimizer_(make_optimizer(settings.optimizer, groups_)) {}

  int64_t step = 0;
  double best_dev = -INFINITY;
  int64_t evaluations_without_improvement = 0;
  FitReport report;

  void update(double factor) {
    if (settings_.clip > 0)
      clip_gradients(groups_, settings_.clip);
    updating_ = true; // a failure leaves some parameters updated and others not
    optimizer_->step(settings_.learning_rate * factor);
    updating_ = false;
    report.steps = ++step;
  }
  void clear() { clear_gradients(groups_); }

  /// Records the metric of an evaluation after step `step`. Of equal ones, the later is better, since it has trained longer;
  /// without a development set, the last always is.
  void take_evaluation(double dev) {
    if (dev < best_dev) {
      ++evaluations_without_improvement;
      return;
    }
    evaluations_without_improvement =
        dev > best_dev || std::isnan(dev) ? 0 : evaluations_without_improvement + 1;
    if (!std::isnan(dev))
      best_dev = dev;
    if (best_.empty())
      best_ = std::move(unevaluated_); // its memory
    copy_to(best_);
    report.best_step = step;
  }

  /// Copies the parameters after step `step` if they are finite and no evaluation has recorded a state yet: a failure falls back on
  /// this copy.
  void take_unevaluated() {
    if (!best_.empty())
      return;
    const at::NoGradGuard no_grad;
    at::Tensor finite = at::isfinite(trained_[0]).all(); // not read: no step waits for the device
    for (std::size_t i = 1; i < trained_.size(); ++i)
      finite = finite.logical_and(at::isfinite(trained_[i]).all());
    if (!unevaluated_step_.defined()) {
      copy_to(unevaluated_);
      unevaluated_step_ = at::zeros({}, trained_[0].options().dtype(at::kLong).requires_grad(false));
    }
    for (std::size_t i = 0; i < trained_.size(); ++i)
      unevaluated_[i].copy_(at::where(finite, trained_[i], unevaluated_[i]));
    unevaluated_step_ = at::where(finite, at::full_like(unevaluated_step_, step), unevaluated_step_);
  }

  const std::vector<at::Tensor>& trained() const { return trained_; }

  /// Restores the best evaluated state or, before the first evaluation, the last finite one. False if there is none.
  bool put_back_best() {
    if (!best_.empty()) {
      copy_back(best_);
      return true;
    }
    if (step > 0 && !updating_ && all_finite(trained_)) {
      report.best_step = step;
      return true;
    }
    const int64_t copied = unevaluated_step_.defined() ? unevaluated_step_.item<int64_t>() : 0;
    if (copied == 0)
      return false;
    copy_back(unevaluated_);
    report.best_step = copied;
    return true;
  }

  bool on_host() const { return trained_[0].is_cpu(); }

  TensorMap state() const {
    TensorMap state;
    for (const auto& [name, tensor] : optimizer_->state())
      state["optimizer." + name] = tensor;
    for (std::size_t i = 0; i < trained_.size(); ++i)
      state["trained." + std::to_string(i)] = trained_[i].detach();
    for (std::size_t i = 0; i < best_.size(); ++i)
      state["best." + std::to_string(i)] = best_[i];
    state["loop"] =
        as_tensor({static_cast<double>(step), best_dev, static_cast<double>(evaluations_without_improvement),
                   static_cast<double>(report.best_step)});
    state["losses"] = as_tensor({report.losses.begin(), report.losses.end()});
    return state;
  }

  void restore(const TensorMap& state) {
    const at::NoGradGuard no_grad;
    TensorMap optimizer;
    for (const auto& [name, tensor] : state)
      if (name.starts_with("optimizer."))
        optimizer[name.substr(10)] = tensor;
    optimizer_->restore(optimizer);
    for (std::size_t i = 0; i < trained_.size(); ++i)
      trained_[i].copy_(fitting(state, "trained." + std::to_string(i), trained_[i].sizes()));
    for (std::size_t i = 0; state.count("best." + std::to_string(i)); ++i)
      best_.push_back(
          fitting(state, "best." + std::to_string(i), trained_.at(i).sizes()).to(trained_[i].device()));
    const at::Tensor loop = fitting(state, "loop", {4}).to(at::kDouble).contiguous();
    const double* numbers = loop.const_data_ptr<double>();
    step = report.steps = static_cast<int64_t>(numbers[0]);
    best_dev = numbers[1];
    evaluations_without_improvement = static_cast<int64_t>(numbers[2]);
    report.best_step = static_cast<int64_t>(numbers[3]);
    const at::Tensor losses = fitting(state, "losses", {step}).to(at::kDouble).contiguous();
    for (int64_t i = 0; i < step; ++i)
      report.losses.push_back(static_cast<float>(losses.const_data_ptr<double>()[i]));
  }

private:
  /// Either all of `copies` are made or none: memory may run out.
  void copy_to(std::vector<at::Tensor>& copies) const {
    if (copies.empty()) {
      std::vector<at::Tensor> made;
      for (const at::Tensor& tensor : trained_)
        made.push_back(tensor.detach().clone());
      copies = std::move(made);
      return;
    }
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < copies.size(); ++i)
      copies[i].copy_(trained_[i]);
  }

  void copy_back(const std::vector<at::Tensor>& copies) {
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < copies.size(); ++i)
      trained_[i].copy_(copies[i]);
  }

  static at::Tensor fitting(const TensorMap& state, const std::string& name, at::IntArrayRef shape) {
    const auto found = state.find(name);
    if (found == state.end() || found->second.sizes() != shape)
      throw DataError("the checkpoint has no matching \"" + name + "\": it belongs to another run.");
    return found->second;
  }

  const FitSettings& settings_;
  std::vector<ParameterGroup> groups_;
  std::vector<at::Tensor> trained_, best_, unevaluated_;
  at::Tensor unevaluated_step_; ///< of `unevaluated_`, on the device; 0: no step was finite
  bool updating_ = false;
  std::unique_ptr<Optimizer> optimizer_;
};

} // namespace

FitReport Tuner::fit(Engine& engine) {
  GuardedTuner* const guarded = find_extension<GuardedTuner>(engine);
  Tuner& self = guarded ? guarded->tuner() : *this;
  std::vector<ParameterGroup> groups = self.parameters();
  int64_t steps_per_epoch = 1;
  for (std::size_t task = 0; task < engine.problem().tasks.size(); ++task) {
    steps_per_epoch = std::max(steps_per_epoch, engine.steps_per_epoch(static_cast<int64_t>(task)));
    for (ParameterGroup& group : engine.problem().tasks[task].verbalizer.parameters())
      groups.push_back(std::move(group));
  }
  if (trained_tensors(groups).empty())
    return {};
  const FitSettings& settings = engine.settings();
  const Schedule schedule{settings.schedule, settings.steps, settings.warmup, steps_per_epoch, settings.decay};
  Run run(std::move(groups), settings);
  FitReport& report = run.report;
  report.settings = recorded(settings);
  if (const TensorMap saved = engine.resume(); !saved.empty())
    run.restore(saved);
  Ranks* const ranks = find_extension<Ranks>(engine);
  if (ranks) // initial values may differ in rounding between kinds of processors
    ranks->copy_from_first(run.trained());
  bool same_everywhere = true;            // decisions depend only on values that all ranks have
  std::vector<at::Tensor> pending_losses; // still on the device

  const auto patient = [&]() {
    return settings.patience == 0 || run.evaluations_without_improvement < settings.patience;
  };

  /// Reads the losses of the steps up to `step`, the latest one. Called before the next update, which would spread a NaN to all
  /// parameters.
  const auto read_losses = [&](int64_t step, const Pass& pass) {
    const int64_t first = step - std::ssize(pending_losses) + 1;
    for (const at::Tensor& loss : std::exchange(pending_losses, {}))
      report.losses.push_back(loss.to(at::kCPU, at::kFloat).item<float>());
    for (int64_t of = first; of <= step; ++of)
      if (const float loss = report.losses[static_cast<std::size_t>(of) - 1]; !std::isfinite(loss))
        throw_not_finite(self, engine, run.trained(), loss, of, pass);
  };

  try {
    while (run.step < settings.steps && patient()) {
      run.clear();
      same_everywhere = !ranks;
      const Pass pass{true, Random(engine.problem().seed, static_cast<uint64_t>(run.step)).bits()};
      pending_losses.push_back(ranks ? sum_gradients(self, engine, *ranks, run.trained(), run.step, pass)
                                     : accumulate_gradients(self, engine, run.step, pass));
      const bool evaluates = run.step + 1 == settings.steps || (run.step + 1) % settings.evaluate_every == 0;
      const bool reads = run.on_host() || evaluates; // wait for other devices as rarely as possible
      same_everywhere = true;
      if (reads)
        read_losses(run.step + 1, pass);
      same_everywhere = !ranks;
      run.update(schedule_factor(schedule, run.step));
      // On other devices at steps 1, 2, 4, 8, ...: of many small tensors each costs several launches.
      if (!evaluates && (run.on_host() || std::has_single_bit(static_cast<uint64_t>(run.step))))
        run.take_unevaluated();
      same_everywhere = true;
      if (!reads)
        continue;
      if (evaluates && !all_finite(run.trained()))
        throw DataError("the trained parameters hold NaN or infinite values after step " +
                        std::to_string(run.step) + "; lower the learning rate (it was " +
                        shortest(settings.learning_rate) + ").");
      same_everywhere = !ranks;
      const double dev = evaluates ? mean_dev_metric(engine) : NAN;
      if (evaluates)
        run.take_evaluation(dev);
      engine.checkpoint(run.step, [&]() { return run.state(); });
      engine.progress(run.step, settings.steps, report.losses.back(), dev);
    }
    report.stopped_early = run.step < settings.steps;
    run.put_back_best();
  } catch (const Cancelled&) {
    if (!run.put_back_best())
      throw;
    report.cancelled = true;
  } catch (const std::exception& error) { // keep the best state before
    if (!same_everywhere || !run.put_back_best())
      throw;
    report.failure = error.what();
  }
  run.clear();
  if (std::isfinite(run.best_dev))
    report.best_dev = run.best_dev;
  return report;
}

} // namespace cuecard
