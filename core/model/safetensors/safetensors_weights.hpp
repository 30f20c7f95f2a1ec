/// The weights of a model directory: one `model.safetensors`, or shards and their index.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "model/model_weights.hpp"
#include "model/safetensors/safetensors.hpp"

namespace cuecard {

/// The weight files of a model directory, including the index, in a fixed order. Throws DataError if there are
/// none. PyTorch pickles are never read; the error then explains how to convert them.
std::vector<std::filesystem::path> weight_files(const std::filesystem::path& directory);

/// Whether a directory has a weight file in any format, supported or not.
bool has_weight_file(const std::filesystem::path& directory);

/// Maps the files and checks all headers and that the index matches the shards. A tensor that is stored under one of its names
/// has the others, too, if the file's metadata lists them ({other name: name}), as `safetensors.torch.save_model` writes tensors
/// that share memory. Matrices in blocks (block_tensors.hpp) are dequantised by `get`.
class SafetensorsWeights : public ModelWeights {
public:
  SafetensorsWeights(const std::filesystem::path& directory, NumberFormat format, at::Device device);

  bool has(std::string_view name) const override { return find(name) != file_of_.end(); }
  std::vector<std::string> names() const override;
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override;
  at::Tensor matrix(std::string_view name, at::IntArrayRef shape) const override;
  StoredTensor stored(std::string_view name) const override;

private:
  using FileOf = std::map<std::string, std::size_t, std::less<>>;

  /// The tensor's name in its file, and the number of that.
  FileOf::const_iterator find(std::string_view name) const;
  const FileOf::value_type& stored_as(std::string_view name) const;

  /// Whether a tensor is a matrix in blocks.
  bool in_blocks(const FileOf::value_type& where) const;

  std::vector<SafetensorsFile> files_;
  std::vector<bool> has_blocks_; ///< of each file
  FileOf file_of_;
  std::map<std::string, std::string, std::less<>> other_names_; ///< to names in `file_of_`
};

} // namespace cuecard
