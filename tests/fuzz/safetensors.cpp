// The header and all tensors of a safetensors file.
#include <ATen/core/Tensor.h>

#include "memory_file.hpp"
#include "model/safetensors/safetensors.hpp"
#include "parser.hpp"

using namespace cuecard;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  const fuzz::MemoryFile file(bytes, size);
  return fuzz::read_or_refuse([&] {
    const SafetensorsFile tensors(file.path());
    for (const auto& [name, entry] : tensors.entries())
      tensors.tensor(name).clone();
  });
}
