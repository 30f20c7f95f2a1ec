#include "model/safetensors/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cuecard/error.hpp>

#include "model/safetensors/safetensors_header.hpp"

namespace cuecard {

// Safetensors and GGUF store little-endian numbers, which are used in place.
static_assert(std::endian::native == std::endian::little);

namespace {

constexpr std::size_t length_bytes = sizeof(uint64_t);

std::string_view header_of(const MappedFile& file) {
  const std::string name = file.path().string();
  const auto bytes = file.bytes();
  if (bytes.size() < length_bytes)
    throw DataError(name + ": is " + std::to_string(bytes.size()) +
                    " bytes long; a safetensors file has at least 8. It may have been cut off.");
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), length_bytes);
  if (length > SafetensorsFile::max_header)
    throw DataError(name + ": is not a safetensors file: it claims a header of " + std::to_string(length) +
                    " bytes; at most " + std::to_string(SafetensorsFile::max_header) + " are allowed.");
  if (length > bytes.size() - length_bytes)
    throw DataError(name + ": is cut off: its header should have " + std::to_string(length) +
                    " bytes, but only " + std::to_string(bytes.size() - length_bytes) +
                    " follow the header length.");
  return {reinterpret_cast<const char*>(bytes.data()) + length_bytes, length};
}

/// Checks that every byte after the header belongs to exactly one tensor.
void check_coverage(const std::map<std::string, SafetensorsEntry, std::less<>>& entries, uint64_t size,
                    const std::string& origin) {
  std::vector<std::pair<const std::string*, const SafetensorsEntry*>> order;
  order.reserve(entries.size());
  for (const auto& [name, entry] : entries)
    order.emplace_back(&name, &entry);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
  });
  uint64_t covered = 0;
  const std::string* previous = nullptr;
  for (const auto& [name, entry] : order) {
    const std::string subject = origin + ": tensor \"" + name->substr(0, 80) + "\" ";
    if (entry->end > size)
      throw DataError(subject + "ends at byte " + std::to_string(entry->end) +
                      " of the data, but the file has only " + std::to_string(size) +
                      " bytes of data. It may have been cut off.");
    if (entry->begin < covered)
      throw DataError(subject + "overlaps \"" + previous->substr(0, 80) + "\".");
    if (entry->begin > covered)
      throw DataError(subject + "leaves a gap of " + std::to_string(entry->begin - covered) +
                      " bytes before it, which the format doesn't allow.");
    covered = entry->end;
    previous = name;
  }
  if (covered != size)
    throw DataError(origin + ": has " + std::to_string(size - covered) +
                    " bytes after its last tensor, which the format doesn't allow.");
}

std::vector<std::string> names_of(const std::map<std::string, SafetensorsEntry, std::less<>>& entries) {
  std::vector<std::string> names;
  names.reserve(entries.size());
  for (const auto& [name, entry] : entries)
    names.push_back(name);
  return names;
}

} // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(MappedFile::open(path)) {
  const std::string_view json = header_of(*file_);
  SafetensorsHeader header = parse_safetensors_header(json, path.string());
  data_ = file_->bytes().subspan(length_bytes + json.size());
  check_coverage(header.entries, data_.size(), path.string());
  entries_ = std::move(header.entries);
  metadata_ = std::move(header.metadata);
}

at::Tensor SafetensorsFile::tensor(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end())
    throw DataError(path().string() + ": has no tensor \"" + std::string(name) + "\"." +
                    did_you_mean(name, names_of(entries_)));
  const SafetensorsEntry& entry = found->second;
  const auto options = at::TensorOptions().dtype(entry.dtype);
  const std::byte* bytes = data_.data() + entry.begin;
  if (entry.begin == entry.end)
    return at::empty(entry.shape, options);
  if (entry.dtype == at::kBool)
    for (uint64_t i = 0; i < entry.end - entry.begin; ++i)
      if (bytes[i] > std::byte{1})
        throw DataError(path().string() + ": tensor \"" + found->first +
                        "\" has dtype BOOL but contains a byte that is neither 0 nor 1.");
  if (reinterpret_cast<std::uintptr_t>(bytes) % c10::elementSize(entry.dtype) != 0) {
    at::Tensor copy = at::empty(entry.shape, options);
    std::memcpy(copy.mutable_data_ptr(), bytes, entry.end - entry.begin);
    return copy;
  }
  return at::from_blob(
      const_cast<std::byte*>(bytes), entry.shape, [file = file_](void*) {}, options);
}

void SafetensorsFile::release(std::string_view name) const {
  if (const auto found = entries_.find(name); found != entries_.end())
    file_->release(data_.subspan(found->second.begin, found->second.end - found->second.begin));
}

} // namespace cuecard
