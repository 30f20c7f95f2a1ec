#include "engine/checks/finite_check.hpp"

#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/stored/stored_matrix.hpp>

namespace cuecard {

namespace {

/// The first tensor of the model that holds NaN or an infinite value; "" when none does.
std::string damaged_tensor(const Backbone& backbone) {
  for (const auto& [name, tensor] : backbone.weights())
    if (tensor.is_floating_point() && !at::isfinite(dense(tensor)).all().item<bool>())
      return name;
  return "";
}

} // namespace

void check_numbers(const at::Tensor& scores, const Model& model) {
  if ((scores < std::numeric_limits<double>::infinity()).all().item<bool>()) // also false for NaN
    return;
  const std::string name = damaged_tensor(model.backbone()), origin = model.files().path.string();
  if (!name.empty())
    throw DataError(origin + ": the model's outputs are not finite, because its tensor \"" + name +
                    "\" holds NaN or infinite values; download the model again.");
  throw DataError(origin +
                  ": the model's outputs are not finite, although its weights are: values overflow the dtype; "
                  "use --dtype float32, or a card that was trained with a lower learning rate.");
}

} // namespace cuecard
