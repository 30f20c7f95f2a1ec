#include "model/safetensors/block_tensors.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/stored/block_types.hpp>

namespace cuecard {

namespace {

const BlockType& q8_0() {
  return *block_type(q8_0_id);
}

} // namespace

int64_t block_elements() {
  return q8_0().elements;
}

bool is_block_matrix(const SafetensorsEntry& entry) {
  return entry.dtype == at::kByte && entry.shape.size() == 2;
}

bool has_blocks(const SafetensorsFile& file) {
  const auto found = file.metadata().find(blocks_key);
  if (found == file.metadata().end())
    return false;
  if (found->second != blocks_q8_0)
    throw DataError(file.path().string() + ": its matrices are blocks of \"" + found->second.substr(0, 80) +
                    "\"; expected " + blocks_q8_0 + "; convert the model anew with this version.");
  for (const auto& [name, entry] : file.entries())
    if (is_block_matrix(entry) && entry.shape[1] % q8_0().bytes != 0)
      throw DataError(file.path().string() + ": tensor \"" + name.substr(0, 80) + "\" has rows of " +
                      std::to_string(entry.shape[1]) + " bytes; expected a multiple of " +
                      std::to_string(q8_0().bytes) + ", as blocks of " + blocks_q8_0 +
                      " have; convert the model anew.");
  return true;
}

std::vector<int64_t> shape_of_blocks(const SafetensorsEntry& entry) {
  return {entry.shape[0], entry.shape[1] / q8_0().bytes * q8_0().elements};
}

std::vector<int64_t> shape_in_blocks(at::IntArrayRef shape) {
  return {shape[0], shape[1] / q8_0().elements * q8_0().bytes};
}

at::Tensor quantised_bytes(const at::Tensor& values) {
  const int64_t width = values.size(1), blocks = width / q8_0().elements, bytes_of_row = blocks * q8_0().bytes;
  at::Tensor bytes = at::empty(shape_in_blocks(values.sizes()), at::TensorOptions().dtype(at::kByte));
  auto* out = static_cast<std::byte*>(bytes.mutable_data_ptr());
  const at::Tensor rows = values.contiguous();
  const float* in = rows.const_data_ptr<float>();
  at::parallel_for(0, values.size(0), 16, [&](int64_t begin, int64_t end) {
    quantise_q8_0(in + begin * width, (end - begin) * blocks, out + begin * bytes_of_row);
  });
  return bytes;
}

} // namespace cuecard
