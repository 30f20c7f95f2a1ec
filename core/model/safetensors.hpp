/// One safetensors file: eight bytes of header length (little-endian), a JSON header, the tensors' bytes.
///
/// Format: https://github.com/huggingface/safetensors#format. Read as strictly as the reference reader: the
/// tensors cover the bytes behind the header exactly, without gaps or overlaps. Tensors are laid over the
/// mapped file, not copied.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/mapped_file.hpp"

namespace cuecard {

/// "F32" and the like; "" for a type that the format or this reader doesn't have (F64 F32 F16 BF16 I64 I32 I16
/// I8 U8 BOOL are read and written).
std::string_view safetensors_dtype_name(at::ScalarType dtype);

struct SafetensorsEntry {
  at::ScalarType dtype = at::kFloat;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0; ///< bytes behind the header
};

/// Threads: const methods from any thread.
class SafetensorsFile {
public:
  static constexpr uint64_t max_header = 100'000'000; ///< bytes; the reference reader's limit
  static constexpr std::size_t max_dimensions = 64;   ///< LibTorch's own limit

  /// Maps the file and checks its whole header. Throws DataError: one sentence with the file, the tensor, what
  /// was found and what was expected.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_->path(); }
  const std::map<std::string, SafetensorsEntry, std::less<>>& entries() const { return entries_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// The tensor on the CPU in the type it is stored in: a view of the mapping that keeps it alive, read-only
  /// memory. Only one whose offset its type doesn't allow is copied. A missing name is a DataError with the
  /// nearest one.
  at::Tensor tensor(std::string_view name) const;

  /// Gives back the memory of a tensor's pages after it was copied or converted (MappedFile::release).
  void release(std::string_view name) const;

private:
  std::shared_ptr<const MappedFile> file_;
  std::span<const std::byte> data_;
  std::map<std::string, SafetensorsEntry, std::less<>> entries_;
  std::map<std::string, std::string> metadata_;
};

/// A tensor that is going to be written.
struct TensorShape {
  at::ScalarType dtype = at::kFloat;
  std::vector<int64_t> shape;
};

/// Writes a file beside and renames it. Tensors are asked for one at a time, in the order in which they stand
/// in the file, so that they need not all be in memory. The bytes depend on nothing but the arguments: widest
/// type first, then by name, data from a multiple of 64 bytes. Throws DataError, and then leaves the old file.
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorShape>& shapes,
                       const std::function<at::Tensor(const std::string&)>& tensor,
                       const std::map<std::string, std::string>& metadata = {});

/// The same from tensors at hand, on any device.
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

} // namespace cuecard
