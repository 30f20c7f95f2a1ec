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

#include "model/gguf_types.hpp"
#include "model/mapped_file.hpp"

namespace cuecard {

/// Integers of every width are int64 (a uint64 above its range is uint64), floats of both widths double. Lists
/// of booleans are integers; lists of lists, which no model file has, are checked and read as monostate.
using GgufValue = std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string,
                               std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;

/// The LibTorch type of a type that is stored as plain numbers.
std::optional<at::ScalarType> plain_dtype(const GgufType& type);

struct GgufTensor {
  const GgufType* type = nullptr;
  std::vector<int64_t> shape;  ///< slowest dimension first, as LibTorch has it (the file has the reverse)
  uint64_t begin = 0, end = 0; ///< bytes behind the start of the tensor data
};

/// Threads: const methods from any thread.
class GgufFile {
public:
  static constexpr int max_list_depth = 4;
  static constexpr uint64_t max_list = uint64_t{1} << 24; ///< items of one metadata list

  /// Maps the file and checks all of it but the numbers in the tensors. Throws DataError.
  explicit GgufFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_->path(); }
  uint32_t version() const { return version_; }
  const std::map<std::string, GgufValue, std::less<>>& metadata() const { return metadata_; }
  const std::map<std::string, GgufTensor, std::less<>>& tensors() const { return tensors_; }

  /// The tensor on the CPU. Quantised types become float32 in memory of their own; F64, F32, F16, BF16 and
  /// integers are views of the mapping, read-only memory. A type that can't be dequantised is a DataError that
  /// names tensor and type, a missing name one that has the nearest.
  at::Tensor tensor(std::string_view name) const;

  /// Gives back the memory of a tensor's pages after it was converted (MappedFile::release).
  void release(std::string_view name) const;

private:
  std::shared_ptr<const MappedFile> file_;
  uint32_t version_ = 0;
  std::span<const std::byte> data_;
  std::map<std::string, GgufValue, std::less<>> metadata_;
  std::map<std::string, GgufTensor, std::less<>> tensors_;
};

} // namespace cuecard
