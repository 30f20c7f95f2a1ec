#include "model/model_files.hpp"

#include <algorithm>
#include <mutex>

#include <cuecard/error.hpp>

#include "files/sha256.hpp"
#include "model/configuration_json.hpp"
#include "model/gguf/gguf_configuration.hpp"
#include "model/gguf/gguf_tokenizer.hpp"
#include "model/gguf/gguf_weights.hpp"
#include "model/safetensors/block_tensors.hpp"
#include "model/safetensors/safetensors_weights.hpp"
#include "tokenizer/tokenizer.hpp"

namespace cuecard {

struct ModelFiles::LazyIdentity {
  std::once_flag once;
  std::function<ModelIdentity()> compute;
  ModelIdentity identity;
};

const ModelIdentity& ModelFiles::identity() const {
  std::call_once(lazy_identity->once, [&] { lazy_identity->identity = lazy_identity->compute(); });
  return lazy_identity->identity;
}

namespace {

/// Configuration keys that model families use for their sizes.
constexpr const char* size_keys[] = {"hidden_size",
                                     "num_hidden_layers",
                                     "num_attention_heads",
                                     "num_key_value_heads",
                                     "intermediate_size",
                                     "max_position_embeddings",
                                     "vocab_size",
                                     "type_vocab_size",
                                     "n_embd",
                                     "n_layer",
                                     "n_head",
                                     "n_positions",
                                     "d_model",
                                     "num_layers",
                                     "num_decoder_layers",
                                     "num_heads",
                                     "d_ff",
                                     "d_kv",
                                     "dim",
                                     "n_layers",
                                     "n_heads",
                                     "hidden_dim",
                                     "embedding_size"};

ModelIdentity identity_without_hashes(const std::filesystem::path& path, const Configuration& configuration) {
  ModelIdentity identity;
  identity.family = configuration.text_or("model_type", "");
  for (const char* key : size_keys)
    if (const auto found = configuration.values().find(key); found != configuration.values().end())
      if (const int64_t* size = std::get_if<int64_t>(&found->second))
        identity.sizes[key] = *size;
  const std::filesystem::path full_path = std::filesystem::absolute(path).lexically_normal();
  identity.source = (full_path.has_filename() ? full_path : full_path.parent_path()).filename().string();
  return identity;
}

std::string directory_weights_sha256(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files = weight_files(directory);
  std::erase_if(files, [](const std::filesystem::path& file) { return file.extension() != ".safetensors"; });
  if (files.size() == 1)
    return cached_sha256_of_file(files.front());
  std::string lines;
  for (const std::filesystem::path& file : files)
    lines += cached_sha256_of_file(file) + "  " + file.filename().string() + "\n";
  return sha256(lines);
}

ModelFiles make_files(const std::filesystem::path& path, Configuration configuration,
                      std::shared_ptr<const ModelWeights> weights, std::shared_ptr<const Vocabulary> vocabulary,
                      std::vector<std::string> warnings, std::function<ModelIdentity()> compute) {
  auto lazy = std::make_shared<ModelFiles::LazyIdentity>();
  lazy->compute = std::move(compute);
  return {
      path,           std::move(configuration), std::move(weights), std::move(vocabulary), std::move(warnings),
      std::move(lazy)};
}

/// Start and end token ids; generation_config.json takes precedence over config.json. Where it has none or null, those of config.json
/// count: transformers has no end token then, and every text is as long as the limit.
void override_start_and_end_tokens(const std::filesystem::path& directory, Configuration& configuration) {
  const std::filesystem::path file = directory / "generation_config.json";
  if (!std::filesystem::exists(file))
    return;
  const Configuration settings = read_configuration(file);
  for (const char* key :
       {"eos_token_id", "decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id"})
    if (const auto found = settings.values().find(key); found != settings.values().end())
      configuration.set(key, found->second);
}

/// Their weights are another program's quantisation codes, whatever types the tensors have.
void refuse_quantised(const Configuration& configuration) {
  if (configuration.text_or("quantization_config.quant_method", "") == blocks_method)
    return;
  for (const auto& [key, value] : configuration.values())
    if (key.starts_with("quantization_config."))
      throw DataError(
          configuration.origin() + ": \"quantization_config\" says that the weights are quantised (\"" +
          configuration.text_or("quantization_config.quant_method", "in an unnamed way") +
          "\"), which is not read from such folders; use the model's original folder or a GGUF file.");
}

ModelFiles open_directory(const std::filesystem::path& path, const OpenModel& options) {
  if (!std::filesystem::exists(path / "config.json") && std::filesystem::exists(path / "adapter_config.json"))
    throw DataError(path.string() +
                    ": is a PEFT adapter, not a model; give the model that it was trained for, and "
                    "make a card of the adapter with `cuecard card import`.");
  if (!std::filesystem::exists(path / "config.json"))
    throw DataError(path.string() + ": has no config.json; expected a model folder in Hugging Face layout, "
                                    "or give a .gguf file.");
  Configuration configuration = read_configuration(path / "config.json");
  override_start_and_end_tokens(path, configuration);
  std::vector<std::string> warnings;
  const auto vocabulary = read_tokenizer(path, configuration.text_or("model_type", ""), &warnings);
  std::shared_ptr<const ModelWeights> weights;
  if (options.weights) {
    refuse_quantised(configuration);
    weights = std::make_shared<SafetensorsWeights>(path, NumberFormat{options.dtype, options.matrices},
                                                   options.device);
  }
  auto compute = [path, configuration, has_weights = options.weights] {
    ModelIdentity identity = identity_without_hashes(path, configuration);
    if (has_weights)
      identity.weights_sha256 = directory_weights_sha256(path);
    identity.tokenizer_sha256 = sha256(tokenizer_json_text(path, identity.family));
    return identity;
  };
  ModelFiles files = make_files(path, configuration, weights, vocabulary, std::move(warnings), compute);
  files.unused_settings = unused_generation_settings(path);
  return files;
}

ModelFiles open_gguf(const std::filesystem::path& path, const OpenModel& options) {
  const auto file = std::make_shared<const GgufFile>(path);
  Configuration configuration = gguf_configuration(*file);
  std::shared_ptr<const ModelWeights> weights;
  if (options.weights)
    weights = std::make_shared<GgufWeights>(file, configuration, NumberFormat{options.dtype, options.matrices},
                                            options.device);
  auto compute = [path, file, configuration] {
    ModelIdentity identity = identity_without_hashes(path, configuration);
    identity.weights_sha256 = cached_sha256_of_file(path);
    identity.tokenizer_sha256 = sha256(to_tokenizer_json(gguf_tokenizer(*file), path.string()));
    return identity;
  };
  return make_files(path, configuration, weights, make_vocabulary(gguf_tokenizer(*file), path.string()), {},
                    compute);
}

} // namespace

ModelFiles open_model(const std::filesystem::path& path, const OpenModel& options) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status))
    throw DataError(path.string() +
                    ": there is no such file or folder; expected a model folder or a .gguf file.");
  return std::filesystem::is_directory(status) ? open_directory(path, options) : open_gguf(path, options);
}

} // namespace cuecard
