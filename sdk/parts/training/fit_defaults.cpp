#include <cuecard/parts/training/fit_defaults.hpp>

#include <optional>

namespace cuecard {

namespace {

template <class T>
void fill(std::optional<T>& field, const std::optional<T>& usual) {
  if (!field)
    field = usual;
}

} // namespace

FitRequest filled_in(FitRequest request, const FitRequest& usual) {
  if (!request.steps && !request.epochs) {
    request.steps = usual.steps;
    request.epochs = usual.epochs;
    fill(request.min_steps, usual.min_steps);
  }
  fill(request.learning_rate, usual.learning_rate);
  fill(request.batch_size, usual.batch_size);
  fill(request.batch_tokens, usual.batch_tokens);
  fill(request.warmup, usual.warmup);
  fill(request.clip, usual.clip);
  fill(request.evaluate_every, usual.evaluate_every);
  fill(request.patience, usual.patience);
  fill(request.optimizer, usual.optimizer);
  fill(request.schedule, usual.schedule);
  fill(request.decay, usual.decay);
  return request;
}

} // namespace cuecard
