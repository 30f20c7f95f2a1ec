#include "peft/adapter.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include <ATen/ops/isfinite.h>

#include <cuecard/error.hpp>

#include "files/atomic_write.hpp"
#include "files/strict_json.hpp"
#include "model/safetensors/safetensors.hpp"
#include "peft/module_tensors.hpp"
#include "peft/target_modules.hpp"

namespace cuecard::peft {

namespace {

constexpr const char* config_name = "adapter_config.json";
constexpr const char* tensors_name = "adapter_model.safetensors";
constexpr const char* pickle_name = "adapter_model.bin";
constexpr std::size_t max_config_bytes = std::size_t{1} << 20;

/// Names of embedding modules in the model families.
constexpr std::array<std::string_view, 6> embedding_modules{"word_embeddings", "embed_tokens", "wte",
                                                            "shared",          "lm_head",      "embed_in"};

/// Modules of classification heads in the classes of transformers.
constexpr std::array<std::string_view, 5> head_modules{"classifier.", "pre_classifier.", "score.",
                                                       "classification_head.", "pooler."};

std::string shape_text(at::IntArrayRef shape) {
  std::string text;
  for (const int64_t size : shape)
    text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text.empty() ? "a scalar" : text;
}

std::filesystem::path tensors_file(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / tensors_name, pickle = folder / pickle_name;
  if (std::filesystem::exists(file))
    return file;
  if (std::filesystem::exists(pickle))
    throw DataError(
        pickle.string() +
        ": is a PyTorch pickle, which can execute code and is never loaded; convert it once in Python with "
        "safetensors.torch.save_file(torch.load(\"adapter_model.bin\", weights_only=True), "
        "\"adapter_model.safetensors\").");
  throw DataError(folder.string() + ": has no " + tensors_name + ", which holds the adapter's tensors.");
}

/// Whether a tensor of the model belongs to its classification head.
bool is_of_head(std::string_view name) {
  return std::ranges::any_of(head_modules, [&](std::string_view module) { return name.starts_with(module); });
}

/// The model's name for a tensor that PEFT calls "base_model.NAME", or "base_model.model.NAME" in some older
/// files and wherever it updates layers.
std::string name_in_model(std::string_view name, const AdapterConfig& config) {
  for (const std::string_view prefix : {"base_model.model.", "base_model."})
    if (name.starts_with(prefix)) {
      const std::string_view rest = name.substr(prefix.size());
      if (prefix == "base_model.model." && !config.updates_layers() && !is_of_head(rest))
        continue; // "model" is a module of Llama itself
      return std::string(rest);
    }
  return "";
}

bool is_embedding(std::string_view name) {
  if (!name.ends_with(".weight"))
    return false;
  name.remove_suffix(7);
  return std::ranges::any_of(embedding_modules, [&](std::string_view module) {
    return name == module || (name.ends_with(module) && name[name.size() - module.size() - 1] == '.');
  });
}

bool is_module_to_save(const AdapterConfig& config, std::string_view name) {
  return std::ranges::any_of(config.modules_to_save, [&](const std::string& module) {
    return name == module + ".weight" || name.ends_with("." + module + ".weight");
  });
}

class Reader {
public:
  Reader(Adapter& adapter, const std::filesystem::path& path) : adapter_(adapter), file_(path) {}

  void read() {
    for (const auto& [name, entry] : file_.entries())
      add_tensor(name, entry);
    const AdapterConfig& config = adapter_.config;
    if (config.updates_layers()) {
      ignore_other_modules(adapter_, file_.path().string());
      check_module_tensors(adapter_, file_.path().string());
      return;
    }
    const int64_t rows = config.virtual_tokens * (config.has_prefix() ? 1 : config.submodules);
    const at::Tensor& embeddings = require("prompt_embeddings");
    if (embeddings.dim() != 2 || embeddings.size(0) != rows || embeddings.size(1) < 1)
      refuse("prompt_embeddings", counted(rows, "row") + ", since \"num_virtual_tokens\" is " +
                                      std::to_string(config.virtual_tokens) +
                                      (rows == config.virtual_tokens ? "" : " for each of two submodules"));
    if (config.width && !config.has_prefix() && embeddings.size(1) != *config.width)
      refuse("prompt_embeddings", shape_text({rows, *config.width}) + ", from \"token_dim\"");
    if (config.width && config.layers && config.has_prefix() &&
        embeddings.size(1) != 2 * *config.layers * *config.width)
      refuse("prompt_embeddings",
             shape_text({rows, 2 * *config.layers * *config.width}) +
                 ", for the keys and values of \"num_layers\" layers of width \"token_dim\"");
    if (config.type != Type::multitask_prompt_tuning)
      return;
    require_shape("prefix_task_cols", {config.tasks, rows, config.ranks});
    require_shape("prefix_task_rows", {config.tasks, config.ranks, embeddings.size(1)});
  }

private:
  void add_tensor(const std::string& name, const SafetensorsEntry& entry) {
    const bool multitask = adapter_.config.type == Type::multitask_prompt_tuning;
    if (!adapter_.config.updates_layers() &&
        (name == "prompt_embeddings" ||
         (multitask && (name == "prefix_task_cols" || name == "prefix_task_rows")))) {
      adapter_.prompt_tensors[name] = to_float(name, entry);
      if (name == "prompt_embeddings")
        adapter_.dtype = entry.dtype;
      return;
    }
    const AdapterConfig& config = adapter_.config;
    if (const std::string module = module_tensor_name(config.type, name); !module.empty()) {
      adapter_.module_tensors[module] = to_float(name, entry);
      adapter_.dtype = entry.dtype;
      return;
    }
    const std::string in_model = name_in_model(name, config);
    if (is_of_head(in_model) && config.has_head())
      adapter_.head[in_model] = to_float(name, entry);
    else if (is_embedding(in_model) && !is_module_to_save(config, in_model) && entry.shape.size() == 2)
      adapter_.embeddings[in_model] = file_.tensor(name);
    else
      throw DataError(
          where(name) +
          (in_model.empty()          ? "is unknown"
           : config.updates_layers() ? "can't be imported"
                                     : "would replace weights of the model") +
          "; of a " + name_of(config.type) + " adapter, a card can hold only the " +
          (config.updates_layers() ? "updates of linear layers in the blocks" : "trained prompt") +
          (config.has_head() ? " and the classification head" : "") +
          (config.updates_layers() ? ", no embedding layers or other modules of \"modules_to_save\"." : "."));
  }

  at::Tensor to_float(const std::string& name, const SafetensorsEntry& entry) const {
    if (!at::isFloatingType(entry.dtype))
      throw DataError(where(name) + "has dtype " + std::string(safetensors_dtype_name(entry.dtype)) +
                      "; expected a floating-point dtype.");
    const at::Tensor values = file_.tensor(name).to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
    if (!at::isfinite(values).all().item<bool>())
      throw DataError(where(name) + "contains NaN or infinite values, so the adapter is unusable.");
    return values;
  }

  std::string where(const std::string& name) const {
    return file_.path().string() + ": the tensor \"" + name.substr(0, 120) + "\" ";
  }

  [[noreturn]] void refuse(const std::string& name, const std::string& expected) const {
    throw DataError(where(name) + "is " + shape_text(adapter_.prompt_tensors.at(name).sizes()) + "; expected " +
                    expected + ".");
  }

  const at::Tensor& require(const std::string& name) const {
    const auto found = adapter_.prompt_tensors.find(name);
    if (found == adapter_.prompt_tensors.end())
      throw DataError(file_.path().string() + ": lacks the tensor \"" + name + "\" of a " +
                      name_of(adapter_.config.type) + " adapter.");
    return found->second;
  }

  void require_shape(const std::string& name, const std::vector<int64_t>& shape) const {
    if (require(name).sizes() != at::IntArrayRef(shape))
      refuse(name, shape_text(shape) + ", from \"num_tasks\", \"num_ranks\" and \"prompt_embeddings\"");
  }

  Adapter& adapter_;
  SafetensorsFile file_;
};

} // namespace

std::filesystem::path adapter_folder(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder))
    throw DataError(folder.string() + ": is not a PEFT adapter: the folder does not exist.");
  if (std::filesystem::exists(folder / config_name))
    return folder;
  std::vector<std::string> inside;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_directory() && std::filesystem::exists(entry.path() / config_name))
      inside.push_back(entry.path().string());
  std::sort(inside.begin(), inside.end());
  if (inside.empty())
    throw DataError(folder.string() + ": is not a PEFT adapter: it has no " + config_name +
                    ", and neither does any subfolder.");
  std::string names;
  for (const std::string& name : inside)
    names += (names.empty() ? "" : ", ") + name;
  if (inside.size() > 1)
    throw UsageError(folder.string() + ": contains several adapters; choose one of " + names + ".");
  return inside.front();
}

Adapter read_adapter(const std::filesystem::path& folder) {
  Adapter adapter;
  adapter.folder = adapter_folder(folder);
  const std::filesystem::path config = adapter.folder / config_name;
  adapter.config = parse_adapter_config(read_text(config, max_config_bytes), config.string());
  Reader(adapter, tensors_file(adapter.folder)).read();
  return adapter;
}

void write_adapter(const Adapter& adapter, const std::filesystem::path& folder) {
  require_free_place(folder);
  TensorMap tensors = adapter.prompt_tensors;
  for (const auto& [name, tensor] : adapter.module_tensors)
    tensors[stored_name(name)] = tensor;
  for (const auto& [name, tensor] : adapter.head)
    tensors[(adapter.config.updates_layers() ? "base_model.model." : "base_model.") + name] = tensor;
  AtomicDirectory output(folder);
  try {
    write_safetensors(output.path() / tensors_name, tensors, {{"format", "pt"}});
    write_file_atomically(output.path() / config_name, adapter_config_text(adapter.config));
  } catch (const DataError& error) {
    throw DataError(output.with_target_path(error.what()));
  }
  output.commit();
}

} // namespace cuecard::peft
