/// Conversion of a model to a directory in Hugging Face layout.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "model/matrix_form.hpp"

namespace cuecard {

/// Reads a GGUF file or a model directory and writes `to`: `config.json`, `tokenizer.json`,
/// `tokenizer_config.json` and one `model.safetensors` whose floating-point tensors have the type `format.dtype`
/// (float32, float16 or bfloat16). With `MatrixForm::int8` its matrices are blocks of Q8_0 (block_tensors.hpp) and all other tensors
/// float32; other programs can't read that folder. The directory is written atomically (temporary directory, then rename);
/// throws UsageError if `to` exists and isn't empty. One tensor is in memory at a time. `progress` is called
/// before each tensor and after the last one with the numbers of finished and of all tensors; an exception it
/// throws aborts the conversion and leaves nothing on disk. Returns how many matrices are no blocks although blocks are asked for: tables
/// of positions and segments, which are small and added to every token, and matrices whose rows are not whole blocks.
int64_t convert_model(const std::filesystem::path& from, const std::filesystem::path& to, NumberFormat format,
                      const std::function<void(int64_t done, int64_t tensors)>& progress = {});

} // namespace cuecard
