#include "model/gguf/gguf_types.hpp"

#include <array>

namespace cuecard {

namespace {

/// The ggml types found in files that have no dequantised blocks here (Q8_1 and Q8_K exist only in memory), so that sizes can be
/// checked and errors can name the type.
constexpr std::array others{
    GgufType{0, "F32", 1, 4, nullptr},        GgufType{16, "IQ2_XXS", 256, 66, nullptr},
    GgufType{17, "IQ2_XS", 256, 74, nullptr}, GgufType{18, "IQ3_XXS", 256, 98, nullptr},
    GgufType{19, "IQ1_S", 256, 50, nullptr},  GgufType{21, "IQ3_S", 256, 110, nullptr},
    GgufType{22, "IQ2_S", 256, 82, nullptr},  GgufType{23, "IQ4_XS", 256, 136, nullptr},
    GgufType{24, "I8", 1, 1, nullptr},        GgufType{25, "I16", 1, 2, nullptr},
    GgufType{26, "I32", 1, 4, nullptr},       GgufType{27, "I64", 1, 8, nullptr},
    GgufType{28, "F64", 1, 8, nullptr},       GgufType{29, "IQ1_M", 256, 56, nullptr},
    GgufType{34, "TQ1_0", 256, 54, nullptr},  GgufType{35, "TQ2_0", 256, 66, nullptr},
    GgufType{39, "MXFP4", 32, 17, nullptr},   GgufType{40, "NVFP4", 64, 36, nullptr},
    GgufType{41, "Q1_0", 128, 18, nullptr},
};

} // namespace

const GgufType* gguf_type(uint32_t id) {
  if (const BlockType* type = block_type(id))
    return type;
  for (const GgufType& type : others)
    if (type.id == id)
      return &type;
  return nullptr;
}

} // namespace cuecard
