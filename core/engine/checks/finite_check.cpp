#include "engine/checks/finite_check.hpp"

#include <algorithm>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/stored/stored_matrix.hpp>

#include "registry/registry.hpp"

namespace cuecard {

namespace {

/// Larger numbers can overflow float32 within a model.
constexpr double largest_usual = 1e6;

} // namespace

std::string damaged_tensor(const Backbone& backbone) {
  for (const auto& [name, tensor] : backbone.weights())
    if (tensor.is_floating_point() && !at::isfinite(dense(tensor)).all().item<bool>())
      return name;
  return "";
}

bool all_usual(const std::vector<at::Tensor>& tensors) {
  return std::ranges::all_of(tensors, [](const at::Tensor& tensor) {
    return !tensor.defined() || !tensor.is_floating_point() ||
           (dense(tensor.detach()).abs() < largest_usual).all().item<bool>(); // also false for NaN
  });
}

void check_numbers(const at::Tensor& scores, const Model& model) {
  if ((scores < std::numeric_limits<double>::infinity()).all().item<bool>()) // also false for NaN
    return;
  const std::string name = damaged_tensor(model.backbone()), origin = model.files().path.string();
  if (!name.empty())
    throw DataError(origin + ": the model's outputs are not finite, because its tensor \"" + name +
                    "\" holds NaN or infinite values; download the model again.");
  const registry::Entry& maker = model.backbone_maker();
  throw DataError(
      origin +
      ": the model's outputs are not finite, although its weights are: values overflow the dtype, or the "
      "backbone \"" +
      maker.component().name + "\" of the plugin \"" + maker.plugin->manifest.id +
      "\" computes NaN or infinite values; use --dtype float32, a card that was trained with a lower "
      "learning rate, or another version of this plugin.");
}

} // namespace cuecard
