#include "model/gguf/gguf_weights.hpp"

#include <utility>

namespace cuecard {

GgufWeights::GgufWeights(std::shared_ptr<const GgufFile> file, const Configuration& configuration,
                         at::ScalarType dtype, at::Device device)
    : ModelWeights(dtype, device), file_(std::move(file)), sources_(gguf_sources(*file_, configuration)) {}

std::vector<std::string> GgufWeights::names() const {
  std::vector<std::string> names;
  for (const auto& [name, source] : sources_)
    names.push_back(name);
  return names;
}

const GgufSource& GgufWeights::source_of(std::string_view name) const {
  const auto found = sources_.find(name);
  if (found == sources_.end())
    throw_missing(name, file_->path().string());
  return found->second;
}

at::Tensor GgufWeights::get(std::string_view name, at::IntArrayRef shape) const {
  const GgufSource& source = source_of(name);
  const at::Tensor converted = to_hugging_face_layout(file_->tensor(source.name), source);
  at::Tensor tensor = convert(converted, name, shape, file_->path().string());
  if (file_->tensors().at(source.name).type->dequantise || !tensor.is_same(converted))
    file_->release(source.name);
  return tensor;
}

StoredTensor GgufWeights::stored(std::string_view name) const {
  const GgufSource& source = source_of(name);
  const GgufTensor& tensor = file_->tensors().at(source.name);
  const auto plain = plain_dtype(*tensor.type);
  std::vector<int64_t> shape = tensor.shape;
  if (source.transposed)
    std::swap(shape[0], shape[1]);
  return {tensor.type->name, shape, tensor.end - tensor.begin,
          plain && !at::isFloatingType(*plain) ? *plain : dtype_};
}

} // namespace cuecard
