/// `config.json` as a Configuration, and back.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <cuecard/configuration.hpp>

namespace cuecard {

/// Reads `config.json` (at most 16 MB, nested at most 32 deep). Objects are flattened with dots; nulls, lists
/// of lists and lists of objects are left out; a list of booleans becomes integers. What transformers 4 and 5
/// spell differently is there in both spellings, so that a backbone may ask for either:
/// - `torch_dtype` and `dtype`
/// - `rope_theta` and `rope_parameters.rope_theta`; `rope_scaling.x` and `rope_parameters.x`, where the kind of
///   scaling is `rope_type` (old files: `type`)
/// Throws DataError.
Configuration read_configuration(const std::filesystem::path& path);

/// The same from text; `origin` names it in errors.
Configuration parse_configuration(std::string_view json, const std::string& origin);

/// JSON text, indented by 2, keys in alphabetical order, dots unfolded into objects. A key that is both a value
/// and a prefix of others is a logic_error.
std::string configuration_text(const Configuration& configuration);

} // namespace cuecard
