/// One safetensors file: eight bytes of header length (little-endian), a JSON header, the tensors' bytes.
///
/// Format: https://github.com/huggingface/safetensors#format. As strict as the reference reader: the
/// tensors must cover the bytes after the header exactly, without gaps or overlaps. Tensors are views of the
/// memory-mapped file, not copies.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include "files/mapped_file.hpp"

namespace cuecard {

/// "F32" and so on; "" for an unsupported type (supported: F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL).
std::string_view safetensors_dtype_name(at::ScalarType dtype);

struct SafetensorsEntry {
  at::ScalarType dtype = at::kFloat;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0; ///< byte offsets after the header
};

/// Threads: const methods from any thread.
class SafetensorsFile {
public:
  static constexpr uint64_t max_header = 100'000'000; ///< bytes; the reference reader's limit
  static constexpr std::size_t max_dimensions = 64;   ///< LibTorch's own limit

  /// Maps the file and checks its whole header. Throws DataError with the file, the tensor, and the
  /// found and expected values.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_->path(); }
  const std::map<std::string, SafetensorsEntry, std::less<>>& entries() const { return entries_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// The tensor on the CPU in its stored dtype: a view of the mapping, read-only, which keeps the mapping
  /// alive. Only a misaligned tensor is copied. Throws DataError for an unknown name and suggests the nearest
  /// one.
  at::Tensor tensor(std::string_view name) const;

  /// Releases the memory of a tensor's pages after it was copied or converted (MappedFile::release).
  void release(std::string_view name) const;

private:
  std::shared_ptr<const MappedFile> file_;
  std::span<const std::byte> data_;
  std::map<std::string, SafetensorsEntry, std::less<>> entries_;
  std::map<std::string, std::string> metadata_;
};

/// Dtype and shape of a tensor to be written.
struct TensorShape {
  at::ScalarType dtype = at::kFloat;
  std::vector<int64_t> shape;
};

/// Writes a file atomically (temporary file, then rename). `tensor` is called once per tensor in file order, so
/// that they need not all be in memory. The output is deterministic: widest dtype first, then by name, with the
/// data aligned to 64 bytes. Throws DataError and then leaves the old file intact.
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorShape>& shapes,
                       const std::function<at::Tensor(const std::string&)>& tensor,
                       const std::map<std::string, std::string>& metadata = {});

/// Passes the bytes of such a file to `write`, in order. Throws an Error for a tensor that the format can't hold.
void serialize_safetensors(const std::map<std::string, TensorShape>& shapes,
                           const std::function<at::Tensor(const std::string&)>& tensor,
                           const std::map<std::string, std::string>& metadata,
                           const std::function<void(std::span<const std::byte>)>& write);

/// Writes tensors that are already in memory, on any device.
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// Size of such a file.
int64_t safetensors_size(const std::map<std::string, at::Tensor>& tensors);

} // namespace cuecard
