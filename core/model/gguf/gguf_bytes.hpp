/// For tests: handmade GGUF files (ggml's docs/gguf.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/test_folder.hpp"

namespace cuecard {

inline std::string text(const std::string& value) {
  return raw<uint64_t>(value.size()) + value;
}
inline std::string pair(const std::string& key, uint32_t type, const std::string& value) {
  return text(key) + raw(type) + value;
}

inline std::string info(const std::string& name, const std::vector<uint64_t>& dimensions, uint32_t type,
                        uint64_t offset) {
  std::string bytes = text(name) + raw(static_cast<uint32_t>(dimensions.size()));
  for (const uint64_t size : dimensions)
    bytes += raw(size);
  return bytes + raw(type) + raw(offset);
}

/// A complete file; the tensor data starts at the next multiple of 32.
inline std::string file_of(const std::vector<std::string>& pairs, const std::vector<std::string>& infos,
                           const std::string& data, uint32_t version = 3) {
  std::string bytes = "GGUF" + raw(version) + raw<uint64_t>(infos.size()) + raw<uint64_t>(pairs.size());
  for (const std::string& part : pairs)
    bytes += part;
  for (const std::string& part : infos)
    bytes += part;
  bytes.append((32 - bytes.size() % 32) % 32, '\0');
  return bytes + data;
}

} // namespace cuecard
