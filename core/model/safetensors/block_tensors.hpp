/// Matrices in blocks of Q8_0 within a safetensors file. The format has no such type, so they are uint8 [rows, bytes per row], and the
/// file's metadata identifies them: {"cuecard.blocks": "Q8_0"}. Every matrix of uint8 in such a file is one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/safetensors/safetensors.hpp"

namespace cuecard {

constexpr const char* blocks_key = "cuecard.blocks"; ///< in the metadata
constexpr const char* blocks_q8_0 = "Q8_0";          ///< its value
constexpr const char* blocks_method =
    "q8_0"; ///< quantization_config.quant_method in config.json: others refuse such a folder

/// Whether a file has such matrices. DataError if they are of another type, or not whole blocks.
bool has_blocks(const SafetensorsFile& file);

bool is_block_matrix(const SafetensorsEntry& entry);

/// The shape in numbers of such a matrix.
std::vector<int64_t> shape_of_blocks(const SafetensorsEntry& entry);

/// The shape in bytes of a matrix [rows, width] once it is quantised; `width` is a multiple of `block_elements`.
std::vector<int64_t> shape_in_blocks(at::IntArrayRef shape);

int64_t block_elements();

/// `values` [rows, width] float32, quantised: uint8 [rows, bytes per row]. `width` is a multiple of `block_elements`.
at::Tensor quantised_bytes(const at::Tensor& values);

} // namespace cuecard
