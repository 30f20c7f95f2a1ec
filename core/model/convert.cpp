#include "model/convert.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "files/atomic_write.hpp"
#include "files/strict_json.hpp"
#include "model/configuration_json.hpp"
#include "model/gguf/gguf_tokenizer.hpp"
#include "model/model_files.hpp"
#include "model/safetensors/block_tensors.hpp"
#include "model/safetensors/safetensors.hpp"
#include "tokenizer/tokenizer.hpp"

namespace cuecard {

namespace {

std::string dtype_name(at::ScalarType dtype) {
  switch (dtype) {
  case at::kFloat:
    return "float32";
  case at::kHalf:
    return "float16";
  case at::kBFloat16:
    return "bfloat16";
  default:
    throw UsageError("a model can only be converted to float32, float16 or bfloat16.");
  }
}

using Progress = std::function<void(int64_t, int64_t)>;

constexpr const char* quantisation_key =
    "quantization_config"; ///< of config.json: other programs refuse what they don't know

/// Whether `name` is a table that positions, distances or segments are looked up in.
bool is_small_table(const std::string& name) {
  static constexpr std::array parts{"position", "wpe.", "token_type", "relative", "rel_embeddings"};
  return std::ranges::any_of(parts, [&](const char* part) { return name.find(part) != std::string::npos; });
}

/// Which tensors are written in which way.
struct Written {
  std::map<std::string, TensorShape> shapes;
  std::set<std::string> blocks;    ///< those that are quantised
  int64_t matrices_in_float32 = 0; ///< of those that could have been

  Written(const ModelWeights& weights, bool quantised) {
    for (const std::string& name : weights.names()) {
      const StoredTensor stored = weights.stored(name);
      shapes[name] = {stored.dtype, stored.shape};
      const bool matrix = stored.shape.size() == 2 && at::isFloatingType(stored.dtype);
      if (quantised && stored.shape.size() == 2 && stored.dtype == at::kByte)
        throw DataError("tensor \"" + name +
                        "\" is a matrix of bytes, which can't be distinguished from blocks of " +
                        std::string(blocks_q8_0) + "; convert to float32 or bfloat16.");
      if (!quantised || !matrix)
        continue;
      if (is_small_table(name) || stored.shape[1] % block_elements() != 0) {
        ++matrices_in_float32;
        continue;
      }
      blocks.insert(name);
      shapes[name] = {at::kByte, shape_in_blocks(stored.shape)};
    }
  }
};

/// Returns Written::matrices_in_float32.
int64_t write_weights(const ModelWeights& weights, bool quantised, const std::filesystem::path& file,
                      const Progress& progress) {
  const Written written(weights, quantised);
  int64_t done = 0;
  const auto report = [&]() {
    if (progress)
      progress(done, std::ssize(written.shapes));
  };
  const auto next = [&](const std::string& name) {
    report();
    ++done;
    const at::Tensor tensor = weights.get(name, weights.stored(name).shape);
    return written.blocks.contains(name) ? quantised_bytes(tensor) : tensor;
  };
  std::map<std::string, std::string> metadata{
      {"format", "pt"}}; // transformers rejects a file without this entry
  if (quantised)
    metadata[blocks_key] = blocks_q8_0;
  write_safetensors(file, written.shapes, next, metadata);
  report();
  return written.matrices_in_float32;
}

/// config.json with another dtype, in both spellings; everything else is kept.
std::string configuration_with_dtype(const std::filesystem::path& file, const std::string& dtype,
                                     bool quantised) {
  nlohmann::json document = read_json(file);
  document["torch_dtype"] = document["dtype"] = dtype;
  document.erase(quantisation_key);
  if (quantised)
    document[quantisation_key]["quant_method"] = blocks_method;
  return document.dump(2) + "\n";
}

void write_from_directory(const std::filesystem::path& from, const std::filesystem::path& to,
                          const std::string& family, const std::string& dtype, bool quantised) {
  write_file_atomically(to / "config.json", configuration_with_dtype(from / "config.json", dtype, quantised));
  write_file_atomically(to / "tokenizer.json", tokenizer_json_text(from, family));
  for (const char* name :
       {"tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "generation_config.json"})
    if (std::filesystem::exists(from / name))
      write_file_atomically(to / name, read_text(from / name, std::size_t{1} << 28));
}

void write_from_gguf(const std::filesystem::path& from, Configuration configuration,
                     const std::filesystem::path& to, const std::string& dtype, bool quantised) {
  if (quantised)
    configuration.set(std::string(quantisation_key) + ".quant_method", std::string(blocks_method));
  configuration.set("torch_dtype", dtype);
  configuration.set("dtype", dtype);
  write_file_atomically(to / "config.json", configuration_text(configuration));
  const GgufTokenizer tokenizer = gguf_tokenizer(GgufFile(from));
  write_file_atomically(to / "tokenizer.json", to_tokenizer_json(tokenizer, from.string()));
  write_file_atomically(to / "tokenizer_config.json", to_tokenizer_config_json(tokenizer, from.string()));
}

} // namespace

int64_t convert_model(const std::filesystem::path& from, const std::filesystem::path& to, NumberFormat format,
                      const std::function<void(int64_t, int64_t)>& progress) {
  const bool quantised = format.matrices == MatrixForm::int8;
  const std::string name = dtype_name(quantised ? at::kFloat : format.dtype);
  require_free_place(to);
  const ModelFiles model = open_model(from, {.dtype = quantised ? at::kFloat : format.dtype});
  AtomicDirectory directory(to);
  int64_t in_float32 = 0;
  try {
    if (std::filesystem::is_directory(from))
      write_from_directory(from, directory.path(), model.configuration.text_or("model_type", ""), name,
                           quantised);
    else
      write_from_gguf(from, model.configuration, directory.path(), name, quantised);
    in_float32 = write_weights(*model.weights, quantised, directory.path() / "model.safetensors", progress);
  } catch (const DataError& error) {
    throw DataError(directory.with_target_path(error.what()));
  }
  directory.commit();
  return in_float32;
}

} // namespace cuecard
