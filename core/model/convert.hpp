/// A model in one form made into a model directory in Hugging Face layout.
#pragma once

#include <filesystem>

#include <ATen/core/Tensor.h>

namespace cuecard {

/// Reads a GGUF file or a model directory and writes `to`: `config.json`, `tokenizer.json`,
/// `tokenizer_config.json` and one `model.safetensors` whose floating-point tensors have the type `dtype`
/// (float32, float16 or bfloat16). The directory is written beside and renamed, so it is there whole or not at
/// all; one that exists and isn't empty is a UsageError. One tensor is in memory at a time.
void convert_model(const std::filesystem::path& from, const std::filesystem::path& to, at::ScalarType dtype);

} // namespace cuecard
