#include <algorithm>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "files/atomic_write.hpp"
#include "model/safetensors/safetensors.hpp"

namespace cuecard {

namespace {

uint64_t byte_size(const TensorShape& tensor) {
  uint64_t bytes = c10::elementSize(tensor.dtype);
  for (const int64_t size : tensor.shape)
    bytes *= static_cast<uint64_t>(size);
  return bytes;
}

/// Widest elements first, so that each tensor's offset is a multiple of its element size.
std::vector<std::string> file_order(const std::map<std::string, TensorShape>& shapes) {
  std::vector<std::string> order;
  order.reserve(shapes.size());
  for (const auto& [name, shape] : shapes)
    order.push_back(name);
  std::stable_sort(order.begin(), order.end(), [&](const std::string& a, const std::string& b) {
    return c10::elementSize(shapes.at(a).dtype) > c10::elementSize(shapes.at(b).dtype);
  });
  return order;
}

std::string header_text(const std::map<std::string, TensorShape>& shapes, const std::vector<std::string>& order,
                        const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty())
    header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const std::string& name : order) {
    const TensorShape& shape = shapes.at(name);
    const std::string_view dtype = safetensors_dtype_name(shape.dtype);
    if (dtype.empty() || name == "__metadata__")
      throw Error("tensor \"" + name + "\" of type " + c10::toString(shape.dtype) +
                  " can't be written to a safetensors file.");
    const uint64_t end = offset + byte_size(shape);
    header[name] = {{"dtype", dtype}, {"shape", shape.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  constexpr std::size_t alignment = 64; // of the data within the file; the format pads the header with spaces
  text.append((alignment - (sizeof(uint64_t) + text.size()) % alignment) % alignment, ' ');
  return text;
}

std::map<std::string, TensorShape> shapes_of(const std::map<std::string, at::Tensor>& tensors) {
  std::map<std::string, TensorShape> shapes;
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined())
      throw Error("tensor \"" + name + "\" is undefined, so it can't be written to a safetensors file.");
    shapes[name] = {tensor.scalar_type(), tensor.sizes().vec()};
  }
  return shapes;
}

} // namespace

void serialize_safetensors(const std::map<std::string, TensorShape>& shapes,
                           const std::function<at::Tensor(const std::string&)>& tensor,
                           const std::map<std::string, std::string>& metadata,
                           const std::function<void(std::span<const std::byte>)>& write) {
  const std::vector<std::string> order = file_order(shapes);
  const std::string header = header_text(shapes, order, metadata);
  if (header.size() > SafetensorsFile::max_header)
    throw Error("the header of the safetensors file would be longer than the format allows.");
  const uint64_t length = header.size();
  write(std::as_bytes(std::span(&length, 1)));
  write(std::as_bytes(std::span(header)));
  for (const std::string& name : order) {
    const TensorShape& shape = shapes.at(name);
    const at::Tensor value = tensor(name).detach().cpu().contiguous();
    if (value.scalar_type() != shape.dtype || value.sizes() != at::IntArrayRef(shape.shape))
      throw Error("tensor \"" + name + "\" doesn't have the declared dtype or shape.");
    write({static_cast<const std::byte*>(value.const_data_ptr()), value.nbytes()});
  }
}

void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorShape>& shapes,
                       const std::function<at::Tensor(const std::string&)>& tensor,
                       const std::map<std::string, std::string>& metadata) {
  AtomicFile file(path);
  serialize_safetensors(shapes, tensor, metadata, [&](std::span<const std::byte> bytes) { file.write(bytes); });
  file.commit();
}

void write_safetensors(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  write_safetensors(
      path, shapes_of(tensors), [&](const std::string& name) { return tensors.at(name); }, metadata);
}

int64_t safetensors_size(const std::map<std::string, at::Tensor>& tensors) {
  std::size_t bytes = 0;
  serialize_safetensors(
      shapes_of(tensors), [&](const std::string& name) { return tensors.at(name); }, {},
      [&](std::span<const std::byte> part) { bytes += part.size(); });
  return static_cast<int64_t>(bytes);
}

} // namespace cuecard
