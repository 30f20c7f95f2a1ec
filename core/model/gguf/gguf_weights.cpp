#include "model/gguf/gguf_weights.hpp"

#include <utility>

#include <cuecard/error.hpp>
#include <cuecard/parts/stored/stored_matrix.hpp>

namespace cuecard {

GgufWeights::GgufWeights(std::shared_ptr<const GgufFile> file, const Configuration& configuration,
                         NumberFormat format, at::Device device)
    : ModelWeights(format, device), file_(std::move(file)), sources_(gguf_sources(*file_, configuration)) {
  if (format.matrices == MatrixForm::int8)
    throw UsageError(
        file_->path().string() +
        ": --dtype int8 quantises the weights of a model folder; a GGUF file's are used as they are "
        "with --dtype stored.");
}

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
  if (!plain_dtype(*file_->tensors().at(source.name).type) || !tensor.is_same(converted))
    file_->release(source.name);
  return tensor;
}

at::Tensor GgufWeights::matrix(std::string_view name, at::IntArrayRef shape) const {
  const GgufSource& source = source_of(name);
  const GgufTensor& tensor = file_->tensors().at(source.name);
  if (!keeps(MatrixForm::stored) || tensor.shape.size() != 2 || !tensor.type->dequantise || source.plus_one)
    return get(name, shape);
  check_shape(stored(name).shape, name, shape, file_->path().string());
  const at::Tensor bytes = file_->bytes(source.name);
  GgufSource order = source;
  order.transposed = false; // of a view of the rows, below
  const at::Tensor rows = to_hugging_face_layout(bytes, order);
  if (!rows.is_same(bytes)) // reordered rows are a copy
    file_->release(source.name);
  const at::Tensor matrix = stored_matrix(rows, *tensor.type);
  return source.transposed ? transposed(matrix) : matrix;
}

StoredTensor GgufWeights::stored(std::string_view name) const {
  const GgufSource& source = source_of(name);
  const GgufTensor& tensor = file_->tensors().at(source.name);
  const auto plain = plain_dtype(*tensor.type);
  std::vector<int64_t> shape = tensor.shape;
  if (source.transposed)
    std::swap(shape[0], shape[1]);
  return {tensor.type->name, shape, tensor.end - tensor.begin,
          plain && !at::isFloatingType(*plain) ? *plain : format_.dtype};
}

} // namespace cuecard
