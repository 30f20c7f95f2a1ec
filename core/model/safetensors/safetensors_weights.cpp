#include "model/safetensors/safetensors_weights.hpp"

#include <algorithm>
#include <set>

#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>
#include <cuecard/parts/stored/stored_matrix.hpp>

#include "files/strict_json.hpp"
#include "model/safetensors/block_tensors.hpp"

namespace cuecard {

namespace {

constexpr const char* single_name = "model.safetensors";
constexpr const char* index_name = "model.safetensors.index.json";
constexpr const char* pickle_names[] = {"pytorch_model.bin", "pytorch_model.bin.index.json"};

/// Tensor name -> file name of its shard.
std::map<std::string, std::string> read_index(const std::filesystem::path& index) {
  const nlohmann::json document = read_json(index, {.bytes = SafetensorsFile::max_header, .depth = 8});
  const auto map = document.is_object() ? document.find("weight_map") : document.end();
  if (!document.is_object() || map == document.end() || !map->is_object())
    throw DataError(index.string() + ": has no object \"weight_map\".");
  std::map<std::string, std::string> shards;
  for (const auto& [name, shard] : map->items()) {
    const std::string file = shard.is_string() ? shard.get<std::string>() : "";
    // Only a plain file name: an index must not point outside its directory.
    if (file.empty() || std::filesystem::path(file).filename() != file || file == "." || file == "..")
      throw DataError(index.string() + ": tensor \"" + name.substr(0, 80) +
                      "\" isn't mapped to the name of a file next to the index.");
    shards[name] = file;
  }
  return shards;
}

/// `values` [rows, width] float32, quantised.
at::Tensor as_q8_0(const at::Tensor& values, std::string_view name, const std::string& origin) {
  if (values.size(1) % block_elements() != 0)
    throw DataError(origin + ": tensor \"" + std::string(name) + "\" has rows of " +
                    std::to_string(values.size(1)) + " elements, but --dtype int8 needs a multiple of " +
                    std::to_string(block_elements()) + "; use --dtype stored or float32.");
  return stored_matrix(quantised_bytes(values), *block_type(q8_0_id));
}

} // namespace

bool has_weight_file(const std::filesystem::path& directory) {
  const auto exists = [&](const char* name) { return std::filesystem::exists(directory / name); };
  return exists(single_name) || exists(index_name) || std::ranges::any_of(pickle_names, exists);
}

std::vector<std::filesystem::path> weight_files(const std::filesystem::path& directory) {
  if (std::filesystem::exists(directory / single_name))
    return {directory / single_name};
  if (std::filesystem::exists(directory / index_name)) {
    std::set<std::string> shards;
    for (const auto& [name, shard] : read_index(directory / index_name))
      shards.insert(shard);
    std::vector<std::filesystem::path> files{directory / index_name};
    for (const std::string& shard : shards) {
      if (!std::filesystem::exists(directory / shard))
        throw DataError((directory / index_name).string() + ": refers to the file \"" + shard +
                        "\", which is missing; download the rest of the model.");
      files.push_back(directory / shard);
    }
    return files;
  }
  for (const char* pickle : pickle_names)
    if (std::filesystem::exists(directory / pickle))
      throw DataError(
          (directory / pickle).string() +
          ": is a PyTorch pickle, which can run code and is never read; convert it once in Python with "
          "model.save_pretrained(DIR, safe_serialization=True), which writes model.safetensors.");
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.path().extension() == ".safetensors" && entry.path().filename().string().starts_with("model-"))
      throw DataError(directory.string() + ": has \"" + entry.path().filename().string() + "\" and no " +
                      index_name + ", which says what is in such a part; download it, too.");
  throw DataError(directory.string() + ": has neither " + single_name + " nor " + index_name +
                  "; expected a model folder in Hugging Face layout.");
}

SafetensorsWeights::SafetensorsWeights(const std::filesystem::path& directory, NumberFormat format,
                                       at::Device device)
    : ModelWeights(format, device) {
  std::vector<std::filesystem::path> paths = weight_files(directory);
  const bool sharded = paths.front().filename() == index_name;
  const std::filesystem::path index = directory / index_name;
  const auto shards = sharded ? read_index(index) : std::map<std::string, std::string>{};
  for (std::size_t i = sharded ? 1 : 0; i < paths.size(); ++i)
    has_blocks_.push_back(has_blocks(files_.emplace_back(paths[i])));
  for (std::size_t i = 0; i < files_.size(); ++i)
    for (const auto& [name, entry] : files_[i].entries()) {
      const auto listed = shards.find(name);
      if (sharded && (listed == shards.end() || files_[i].path().filename() != listed->second))
        throw DataError(files_[i].path().string() + ": has the tensor \"" + name.substr(0, 80) +
                        "\", which the index doesn't list for this file.");
      file_of_[name] = i;
    }
  for (const SafetensorsFile& file : files_)
    for (const auto& [other, name] : file.metadata())
      if (!file_of_.contains(other) && file_of_.contains(name))
        other_names_[other] = name;
  for (const auto& [name, shard] : shards)
    if (!has(name))
      throw DataError(index.string() + ": maps the tensor \"" + name.substr(0, 80) + "\" to \"" + shard +
                      "\", which doesn't contain it.");
}

std::vector<std::string> SafetensorsWeights::names() const {
  std::vector<std::string> names;
  for (const auto& [name, file] : file_of_)
    names.push_back(name);
  for (const auto& [other, name] : other_names_)
    names.push_back(other);
  return names;
}

SafetensorsWeights::FileOf::const_iterator SafetensorsWeights::find(std::string_view name) const {
  const auto other = other_names_.find(name);
  return file_of_.find(other == other_names_.end() ? name : std::string_view(other->second));
}

const SafetensorsWeights::FileOf::value_type& SafetensorsWeights::stored_as(std::string_view name) const {
  const auto found = find(name);
  if (found == file_of_.end())
    throw_missing(name, files_.front().path().parent_path().string());
  return *found;
}

bool SafetensorsWeights::in_blocks(const FileOf::value_type& where) const {
  return has_blocks_[where.second] && is_block_matrix(files_[where.second].entries().at(where.first));
}

at::Tensor SafetensorsWeights::get(std::string_view name, at::IntArrayRef shape) const {
  const auto& where = stored_as(name);
  const auto& [own_name, number] = where;
  const SafetensorsFile& file = files_[number];
  at::Tensor stored = file.tensor(own_name);
  if (in_blocks(where)) {
    check_shape(shape_of_blocks(file.entries().at(own_name)), name, shape, file.path().string());
    stored = dense(stored_matrix(stored, *block_type(q8_0_id)));
    file.release(own_name);
    return convert(stored, name, shape, file.path().string());
  }
  at::Tensor tensor = convert(stored, name, shape, file.path().string());
  if (!tensor.is_same(stored))
    file.release(own_name);
  return tensor;
}

at::Tensor SafetensorsWeights::matrix(std::string_view name, at::IntArrayRef shape) const {
  const auto& where = stored_as(name);
  const auto& [own_name, number] = where;
  const SafetensorsFile& file = files_[number];
  const SafetensorsEntry& entry = file.entries().at(own_name);
  const std::string origin = file.path().string();
  if (in_blocks(where) && (keeps(MatrixForm::stored) || keeps(MatrixForm::int8))) {
    check_shape(shape_of_blocks(entry), name, shape, origin);
    return stored_matrix(file.tensor(own_name), *block_type(q8_0_id));
  }
  const bool matrix = entry.shape.size() == 2 && entry.begin != entry.end;
  if (keeps(MatrixForm::stored) && matrix && (entry.dtype == at::kHalf || entry.dtype == at::kBFloat16)) {
    check_shape(entry.shape, name, shape, origin);
    return stored_matrix(file.tensor(own_name).view(at::kByte),
                         *block_type(entry.dtype == at::kHalf ? f16_id : bf16_id));
  }
  if (keeps(MatrixForm::int8) && matrix && at::isFloatingType(entry.dtype))
    return as_q8_0(get(name, shape), name, origin);
  return get(name, shape);
}

StoredTensor SafetensorsWeights::stored(std::string_view name) const {
  const auto& where = stored_as(name);
  const SafetensorsEntry& entry = files_[where.second].entries().at(where.first);
  if (in_blocks(where))
    return {blocks_q8_0, shape_of_blocks(entry), entry.end - entry.begin, format_.dtype};
  return {std::string(safetensors_dtype_name(entry.dtype)), entry.shape, entry.end - entry.begin,
          at::isFloatingType(entry.dtype) ? format_.dtype : entry.dtype};
}

} // namespace cuecard
