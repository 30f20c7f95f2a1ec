#include "model/model_weights.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (const int64_t size : shape)
    text += (text.size() > 1 ? ", " : "") + (size == -1 ? "any" : std::to_string(size));
  return text + "]";
}

bool matches(at::IntArrayRef found, at::IntArrayRef expected) {
  return found.size() == expected.size() &&
         std::equal(found.begin(), found.end(), expected.begin(),
                    [](int64_t actual, int64_t wanted) { return wanted == -1 || wanted == actual; });
}

} // namespace

void ModelWeights::check_shape(at::IntArrayRef found, std::string_view name, at::IntArrayRef expected,
                               const std::string& origin) const {
  if (!matches(found, expected))
    throw DataError(origin + ": tensor \"" + std::string(name) + "\" has the shape " + shape_text(found) +
                    "; expected " + shape_text(expected) + ".");
}

at::Tensor ModelWeights::convert(const at::Tensor& tensor, std::string_view name, at::IntArrayRef shape,
                                 const std::string& origin) const {
  check_shape(tensor.sizes(), name, shape, origin);
  return tensor.to(device_, tensor.is_floating_point() ? format_.dtype : tensor.scalar_type());
}

void ModelWeights::throw_missing(std::string_view name, const std::string& origin) const {
  throw DataError(origin + ": has no tensor \"" + std::string(name) + "\"." + did_you_mean(name, names()));
}

} // namespace cuecard
