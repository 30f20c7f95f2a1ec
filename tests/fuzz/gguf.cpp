// A GGUF file: metadata and tensors, and the configuration, weights and tokenizer read from them.
#include <memory>

#include <ATen/core/Tensor.h>

#include <cuecard/parts/stored/stored_matrix.hpp>

#include "memory_file.hpp"
#include "model/gguf/gguf.hpp"
#include "model/gguf/gguf_configuration.hpp"
#include "model/gguf/gguf_tokenizer.hpp"
#include "model/gguf/gguf_weights.hpp"
#include "parser.hpp"
#include "tokenize.hpp"

using namespace cuecard;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  const fuzz::MemoryFile in_memory(bytes, size);
  return fuzz::read_or_refuse([&] {
    const auto file = std::make_shared<const GgufFile>(in_memory.path());
    for (const auto& [name, tensor] : file->tensors())
      if (plain_dtype(*tensor.type) || tensor.type->dequantise)
        file->tensor(name).clone();
    const GgufTokenizer tokenizer = gguf_tokenizer(*file);
    const auto vocabulary = make_vocabulary(tokenizer, "fuzzed");
    fuzz::tokenize(*vocabulary);
    to_tokenizer_json(tokenizer, "fuzzed");
    to_tokenizer_config_json(tokenizer, "fuzzed");
    const GgufWeights weights(file, gguf_configuration(*file), {at::kFloat}, at::kCPU);
    for (const std::string& name : weights.names())
      weights.get(name, weights.stored(name).shape);
    const GgufWeights stored(file, gguf_configuration(*file), {at::kFloat, MatrixForm::stored}, at::kCPU);
    for (const std::string& name : stored.names())
      dense(stored.matrix(name, stored.stored(name).shape));
  });
}
