/// The JSON header of a safetensors file, read without building a document: a million tensors are fine.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "model/safetensors.hpp"

namespace cuecard {

struct SafetensorsHeader {
  std::map<std::string, SafetensorsEntry, std::less<>> entries;
  std::map<std::string, std::string> metadata;
};

/// Checks all that the header says by itself: its form, types, shapes without overflow, and that each tensor's
/// bytes are as many as its shape and type need. Throws DataError that begins with `origin`.
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& origin);

} // namespace cuecard
