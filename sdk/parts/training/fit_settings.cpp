#include <cuecard/fit.hpp>

#include <algorithm>
#include <cmath>

namespace cuecard {

namespace {

/// With very few examples an epoch is too short: evaluating after each would take longer than training.
constexpr int64_t max_evaluations = 25;

} // namespace

FitSettings resolve(const FitRequest& request, int64_t examples) {
  FitSettings settings;
  settings.batch_size = request.batch_size.value_or(16);
  settings.batch_tokens = request.batch_tokens.value_or(8192);
  settings.learning_rate = request.learning_rate.value_or(1e-3);
  settings.optimizer = request.optimizer.value_or("adamw");
  settings.schedule = request.schedule.value_or("linear");
  settings.decay = request.decay.value_or(0.95);
  settings.warmup = request.warmup.value_or(0);
  settings.clip = request.clip.value_or(1);
  settings.patience = request.patience.value_or(0);

  const int64_t batch = std::max<int64_t>(1, std::min(settings.batch_size, examples));
  const int64_t steps_per_epoch = std::max<int64_t>(1, (examples + batch - 1) / batch);
  bool extended = false; // beyond the epochs
  if (request.steps) {
    settings.steps = *request.steps;
  } else {
    const double epochs = request.epochs.value_or(5);
    settings.steps = std::max<int64_t>(1, std::llround(epochs * static_cast<double>(steps_per_epoch)));
    const int64_t least = request.min_steps.value_or(0);
    extended = settings.steps < least;
    settings.steps = std::max(settings.steps, least);
  }
  settings.evaluate_every = request.evaluate_every.value_or(std::max<int64_t>(
      {1, std::min(steps_per_epoch, settings.steps / 4), extended ? settings.steps / max_evaluations : 0}));
  return settings;
}

Options recorded(const FitSettings& settings) {
  Options options;
  options.set("steps", settings.steps);
  options.set("learning-rate", settings.learning_rate);
  options.set("batch-size", settings.batch_size);
  options.set("batch-tokens", settings.batch_tokens);
  options.set("warmup", settings.warmup);
  options.set("clip", settings.clip);
  options.set("evaluate-every", settings.evaluate_every);
  options.set("patience", settings.patience);
  options.set("optimizer", settings.optimizer);
  options.set("schedule", settings.schedule);
  if (settings.schedule == "exponential")
    options.set("decay", settings.decay);
  return options;
}

} // namespace cuecard
