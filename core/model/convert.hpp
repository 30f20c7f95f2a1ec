/// A model in one form made into a model directory in Hugging Face layout.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include <ATen/core/Tensor.h>

namespace cuecard {

/// Reads a GGUF file or a model directory and writes `to`: `config.json`, `tokenizer.json`,
/// `tokenizer_config.json` and one `model.safetensors` whose floating-point tensors have the type `dtype`
/// (float32, float16 or bfloat16). The directory is written beside and renamed, so it is there whole or not at
/// all; one that exists and isn't empty is a UsageError. One tensor is in memory at a time. `progress` is
/// called before each tensor and after the last with the number done and that of all; what it throws ends the
/// conversion, of which nothing is left then.
void convert_model(const std::filesystem::path& from, const std::filesystem::path& to, at::ScalarType dtype,
                   const std::function<void(int64_t done, int64_t tensors)>& progress = {});

} // namespace cuecard
