/// One GGUF file (versions 2 and 3, little-endian): typed metadata, then quantised tensors.
///
/// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include "files/mapped_file.hpp"
#include "model/gguf/gguf_types.hpp"

namespace cuecard {

/// Integers of every width become int64 (a uint64 beyond its range stays uint64), floats become double. Arrays
/// of booleans become integers; arrays of arrays, which no model file uses, are checked and become monostate.
using GgufValue = std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string,
                               std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;

/// The LibTorch dtype of an unquantised type; nullopt for a quantised one.
std::optional<at::ScalarType> plain_dtype(const GgufType& type);

struct GgufTensor {
  const GgufType* type = nullptr;
  std::vector<int64_t> shape;  ///< slowest dimension first, as in LibTorch (reversed in the file)
  uint64_t begin = 0, end = 0; ///< byte offsets in the tensor data
};

/// Threads: const methods from any thread.
class GgufFile {
public:
  static constexpr int max_array_depth = 4;
  static constexpr uint64_t max_array_length = uint64_t{1} << 24;

  /// Maps the file and checks everything except the tensor data. Throws DataError.
  explicit GgufFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_->path(); }
  uint32_t version() const { return version_; }
  const std::map<std::string, GgufValue, std::less<>>& metadata() const { return metadata_; }
  const std::map<std::string, GgufTensor, std::less<>>& tensors() const { return tensors_; }

  /// The tensor on the CPU. Quantised types are dequantised to float32 in newly allocated memory; F64, F32,
  /// F16, BF16 and integers are read-only views of the mapping. Throws DataError for an unsupported type, and
  /// for an unknown name, with the nearest one.
  at::Tensor tensor(std::string_view name) const;

  /// The bytes of a matrix as a read-only view of the mapping: [rows, bytes per row] uint8.
  at::Tensor bytes(std::string_view name) const;

  /// Releases the memory of a tensor's pages after it was converted (MappedFile::release).
  void release(std::string_view name) const;

private:
  /// DataError with the nearest name for an unknown one.
  const GgufTensor& entry(std::string_view name) const;
  std::shared_ptr<const MappedFile> file_;
  uint32_t version_ = 0;
  std::span<const std::byte> data_;
  std::map<std::string, GgufValue, std::less<>> metadata_;
  std::map<std::string, GgufTensor, std::less<>> tensors_;
};

} // namespace cuecard
