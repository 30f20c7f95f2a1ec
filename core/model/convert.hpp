/// Conversion of a model to a directory in Hugging Face layout.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include <ATen/core/Tensor.h>

namespace cuecard {

/// Reads a GGUF file or a model directory and writes `to`: `config.json`, `tokenizer.json`,
/// `tokenizer_config.json` and one `model.safetensors` whose floating-point tensors have the type `dtype`
/// (float32, float16 or bfloat16). The directory is written atomically (temporary directory, then rename);
/// throws UsageError if `to` exists and isn't empty. One tensor is in memory at a time. `progress` is called
/// before each tensor and after the last one with the numbers of finished and of all tensors; an exception it
/// throws aborts the conversion and leaves nothing on disk.
void convert_model(const std::filesystem::path& from, const std::filesystem::path& to, at::ScalarType dtype,
                   const std::function<void(int64_t done, int64_t tensors)>& progress = {});

} // namespace cuecard
