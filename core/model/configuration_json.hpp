/// `config.json` as a Configuration, and back.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <cuecard/configuration.hpp>

namespace cuecard {

/// Reads `config.json` (at most 16 MB, nested at most 32 levels deep). Objects are flattened into dotted keys;
/// nulls, arrays of arrays and arrays of objects are dropped; an array of booleans becomes integers. Keys that
/// differ between transformers 4 and 5 are present in both spellings, so that a backbone may use either:
/// - `torch_dtype` and `dtype`
/// - `rope_theta` and `rope_parameters.rope_theta`; `rope_scaling.x` and `rope_parameters.x`, where the scaling
///   type is `rope_type` (old files: `type`); where a file has both groups, `rope_scaling` counts, as in transformers. A `rope_theta`
///   of GPT-NeoX counts only in a group
/// A null `sliding_window` is `use_sliding_window` false: Mistral's files say so that they have none. A null cap of Gemma's is 0. A null
/// `scale_decoder_outputs` is false.
/// Throws DataError.
Configuration read_configuration(const std::filesystem::path& path);

/// Parses the text of a `config.json`; `origin` names it in errors.
Configuration parse_configuration(std::string_view json, const std::string& origin);

/// JSON text, indented by 2, keys in alphabetical order, dotted keys as nested objects. Throws logic_error for
/// a key that is both a value and a prefix of other keys.
std::string configuration_text(const Configuration& configuration);

} // namespace cuecard
