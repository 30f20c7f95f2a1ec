/// The JSON header of a safetensors file, parsed without building a document, so that it scales to a million
/// tensors.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "model/safetensors/safetensors.hpp"

namespace cuecard {

struct SafetensorsHeader {
  std::map<std::string, SafetensorsEntry, std::less<>> entries;
  std::map<std::string, std::string> metadata;
};

/// Checks everything that can be checked without the data: structure, dtypes, shapes without overflow, and that
/// each tensor's data_offsets match its shape and dtype. Throws DataError; the message starts with `origin`.
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& origin);

} // namespace cuecard
