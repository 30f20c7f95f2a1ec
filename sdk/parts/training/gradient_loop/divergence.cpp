#include "training/gradient_loop/divergence.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/training/conditioning_tensors.hpp>

namespace cuecard {

namespace {

/// Not for tuners whose conditioning depends on the input, because there it differs between batches.
bool condition_is_finite(const Tuner& tuner, Engine& engine, const Pass& pass) {
  const at::NoGradGuard no_grad;
  const auto tasks = static_cast<int64_t>(engine.problem().tasks.size());
  for (int64_t task = 0; task < tasks && !tuner.input_features(); ++task)
    if (!all_finite(tensors_in(tuner.condition({task, pass}))))
      return false;
  return true;
}

} // namespace

bool all_finite(const std::vector<at::Tensor>& tensors) {
  return std::ranges::all_of(tensors, [](const at::Tensor& tensor) {
    return !tensor.defined() || at::isfinite(tensor.detach()).all().item<bool>();
  });
}

void throw_not_finite(const Tuner& tuner, Engine& engine, const std::vector<at::Tensor>& parameters, float loss,
                      int64_t step, const Pass& pass) {
  const std::string what =
      std::string("the training loss is ") + (std::isnan(loss) ? "NaN" : "infinite") +
      (step == 1 ? " at the first step, before anything was trained" : " at step " + std::to_string(step));
  const bool finite = all_finite(parameters);
  if (finite && !condition_is_finite(tuner, engine, pass))
    throw Error(
        what +
        ", because what `condition` returned holds NaN or infinite values, although the trained parameters are finite");
  if (step == 1)
    throw DataError(
        what +
        ": the model's weights, the initial values of the parameters, or what the backbone, the tuner or the verbalizer computes "
        "contain NaN or numbers too large for their type; fetch the model again, or use --dtype float32.");
  const std::string rate = "lower the learning rate (it was " + shortest(engine.settings().learning_rate) + ")";
  if (finite)
    throw DataError(
        what +
        ", although the trained parameters are finite: numbers became too large for their type, or the backbone, "
        "the tuner or the verbalizer computes values that are not finite; use --dtype float32, or " +
        rate + ".");
  throw DataError(what + "; " + rate + ".");
}

} // namespace cuecard
