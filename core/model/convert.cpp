#include "model/convert.hpp"

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "files/atomic_write.hpp"
#include "files/strict_json.hpp"
#include "model/configuration_json.hpp"
#include "model/gguf/gguf_tokenizer.hpp"
#include "model/model_files.hpp"
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

void write_weights(const ModelWeights& weights, const std::filesystem::path& file, const Progress& progress) {
  std::map<std::string, TensorShape> shapes;
  for (const std::string& name : weights.names()) {
    const StoredTensor stored = weights.stored(name);
    shapes[name] = {stored.dtype, stored.shape};
  }
  int64_t done = 0;
  const auto report = [&]() {
    if (progress)
      progress(done, std::ssize(shapes));
  };
  const auto next = [&](const std::string& name) {
    report();
    ++done;
    return weights.get(name, shapes.at(name).shape);
  };
  // transformers rejects a file without this entry.
  write_safetensors(file, shapes, next, {{"format", "pt"}});
  report();
}

/// config.json with another dtype, in both spellings; everything else is kept.
std::string configuration_with_dtype(const std::filesystem::path& file, const std::string& dtype) {
  nlohmann::json document = read_json(file);
  document["torch_dtype"] = document["dtype"] = dtype;
  return document.dump(2) + "\n";
}

void write_from_directory(const std::filesystem::path& from, const std::filesystem::path& to,
                          const std::string& family, const std::string& dtype) {
  write_file_atomically(to / "config.json", configuration_with_dtype(from / "config.json", dtype));
  write_file_atomically(to / "tokenizer.json", tokenizer_json_text(from, family));
  for (const char* name :
       {"tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "generation_config.json"})
    if (std::filesystem::exists(from / name))
      write_file_atomically(to / name, read_text(from / name, std::size_t{1} << 28));
}

void write_from_gguf(const std::filesystem::path& from, Configuration configuration,
                     const std::filesystem::path& to, const std::string& dtype) {
  configuration.set("torch_dtype", dtype);
  configuration.set("dtype", dtype);
  write_file_atomically(to / "config.json", configuration_text(configuration));
  const GgufTokenizer tokenizer = gguf_tokenizer(GgufFile(from));
  write_file_atomically(to / "tokenizer.json", to_tokenizer_json(tokenizer, from.string()));
  write_file_atomically(to / "tokenizer_config.json", to_tokenizer_config_json(tokenizer, from.string()));
}

} // namespace

void convert_model(const std::filesystem::path& from, const std::filesystem::path& to, at::ScalarType dtype,
                   const std::function<void(int64_t, int64_t)>& progress) {
  const std::string name = dtype_name(dtype);
  if (std::filesystem::exists(to) && !(std::filesystem::is_directory(to) && std::filesystem::is_empty(to)))
    throw UsageError(to.string() + ": already exists; choose another folder.");
  const ModelFiles model = open_model(from, {.dtype = dtype});
  AtomicDirectory directory(to);
  try {
    if (std::filesystem::is_directory(from))
      write_from_directory(from, directory.path(), model.configuration.text_or("model_type", ""), name);
    else
      write_from_gguf(from, model.configuration, directory.path(), name);
    write_weights(*model.weights, directory.path() / "model.safetensors", progress);
  } catch (const DataError& error) {
    throw DataError(directory.with_target_path(error.what()));
  }
  directory.commit();
}

} // namespace cuecard
