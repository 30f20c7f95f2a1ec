/// Tensor types of GGUF by their numbers.
#pragma once

#include <cstdint>

#include <cuecard/parts/stored/block_types.hpp>

namespace cuecard {

using GgufType = BlockType;

/// Every type that files have, also those without `dequantise`: unquantised ones (plain_dtype) and those that are not supported. Null for
/// an unknown id.
const GgufType* gguf_type(uint32_t id);

} // namespace cuecard
