#include "peft/module_tensors.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <cuecard/error.hpp>

#include "peft/name_pattern.hpp"
#include "peft/update_config.hpp"

namespace cuecard::peft {

namespace {

constexpr std::string_view stored_prefix = "base_model.model.", weight_suffix = ".weight";
constexpr std::string_view a_suffix = ".lora_A", b_suffix = ".lora_B", factors_suffix = ".ia3_l";

/// The module of transformers' classes that a backbone's family is in: its checkpoints may lack it.
constexpr std::array<std::pair<std::string_view, std::string_view>, 16> stacks{{{"llama", "model."},
                                                                                {"gemma", "model."},
                                                                                {"phi3", "model."},
                                                                                {"olmo2", "model."},
                                                                                {"gpt-neox", "gpt_neox."},
                                                                                {"opt", "model."},
                                                                                {"bart", "model."},
                                                                                {"gpt2", "transformer."},
                                                                                {"bert", "bert."},
                                                                                {"roberta", "roberta."},
                                                                                {"distilbert", "distilbert."},
                                                                                {"electra", "electra."},
                                                                                {"albert", "albert."},
                                                                                {"mpnet", "mpnet."},
                                                                                {"deberta-v2", "deberta."},
                                                                                {"modernbert", "model."}}};

std::string shape_text(at::IntArrayRef shape) {
  std::string text;
  for (const int64_t size : shape)
    text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text.empty() ? "a scalar" : text;
}

std::string_view without(std::string_view name, std::string_view suffix) {
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
}

std::string_view module_of(const LinearLayer& layer) {
  return without(layer.weight, weight_suffix);
}

/// Whether transformers' classes have a linear layer of that name beside the blocks: in heads, poolers and projections of embeddings,
/// which "all-linear" also updates.
bool is_outside_blocks(std::string_view module) {
  static constexpr std::array<std::string_view, 17> outside{"pooler",
                                                            "pooler.dense",
                                                            "head.dense",
                                                            "classifier",
                                                            "classifier.dense",
                                                            "classifier.out_proj",
                                                            "pre_classifier",
                                                            "score",
                                                            "lm_head",
                                                            "lm_head.dense",
                                                            "embed_out",
                                                            "predictions.transform.dense",
                                                            "embeddings_project",
                                                            "embedding_hidden_mapping_in",
                                                            "embed_proj",
                                                            "project_in",
                                                            "project_out"};
  return std::ranges::any_of(
      outside, [&](std::string_view name) { return module == name || ends_at_dot(module, name); });
}

const LinearLayer& layer_of(std::string_view module, const Adapter& adapter, const Backbone& backbone) {
  const LinearLayer* found = nullptr;
  for (const LinearLayer& layer : backbone.linear_layers()) {
    const std::string_view name = module_of(layer);
    if (name == module)
      return layer;
    if (!ends_at_dot(name, module) && !ends_at_dot(module, name))
      continue;
    if (found)
      throw DataError(adapter.folder.string() + ": the module \"" + std::string(module) + "\" may be \"" +
                      found->weight + "\" or \"" + layer.weight + "\" of the " + backbone.shape().family +
                      " model.");
    found = &layer;
  }
  if (!found)
    throw DataError(
        adapter.folder.string() + ": updates the module \"" + std::string(module).substr(0, 120) +
        "\", which is not a linear layer in the " + backbone.shape().family + " model's blocks; " +
        (is_outside_blocks(module)
             ? "a card can hold updates of those layers alone, so train it with \"target_modules\" that leave "
               "this one out."
             : "use the model that it was trained on."));
  return *found;
}

void require_sizes(const Adapter& adapter, const std::string& name, at::IntArrayRef expected,
                   const LinearLayer& layer) {
  const at::Tensor& tensor = adapter.module_tensors.at(name);
  if (tensor.sizes() != expected)
    throw DataError(adapter.folder.string() + ": the tensor \"" + stored_name(name) + "\" is " +
                    shape_text(tensor.sizes()) + "; expected " + shape_text(expected) + " for the model's \"" +
                    layer.weight + "\"; use the model that it was trained on.");
}

/// The name of a layer in the class of transformers.
std::string transformers_module(const std::string& weight, const BackboneShape& shape) {
  const std::string module(without(weight, weight_suffix));
  for (const auto& [family, stack] : stacks)
    if (family == shape.family && !module.starts_with(stack))
      return std::string(stack) + module;
  return module;
}

/// Names for "target_modules" that select exactly `weights`: last components where all layers of that name are among them,
/// whole names otherwise. "dense" and "out_proj" also occur in heads, which a backbone does not list.
std::vector<std::string> target_names(const std::set<std::string>& weights, const Backbone& backbone) {
  std::set<std::string> names;
  for (const std::string& weight : weights) {
    const std::string_view module = without(weight, weight_suffix);
    const std::string_view last = module.substr(module.rfind('.') + 1);
    const bool all = std::ranges::all_of(backbone.linear_layers(), [&](const LinearLayer& layer) {
      return !module_of(layer).ends_with(last) || weights.contains(layer.weight);
    });
    names.insert(all && last != "dense" && last != "out_proj" ? std::string(last)
                                                              : transformers_module(weight, backbone.shape()));
  }
  return {names.begin(), names.end()};
}

at::Tensor stored(const at::Tensor& tensor) {
  return tensor.detach().to(at::kCPU, at::kFloat).contiguous();
}

} // namespace

std::string module_tensor_name(Type type, std::string_view stored) {
  if (!stored.starts_with(stored_prefix))
    return "";
  stored.remove_prefix(stored_prefix.size());
  const std::string_view name = without(stored, weight_suffix);
  const bool fits = type == Type::lora ? stored.ends_with(weight_suffix) &&
                                             (name.ends_with(a_suffix) || name.ends_with(b_suffix))
                                       : type == Type::ia3 && stored.ends_with(factors_suffix);
  return fits ? std::string(name) : "";
}

std::string stored_name(const std::string& name) {
  return std::string(stored_prefix) + name + (name.ends_with(factors_suffix) ? "" : std::string(weight_suffix));
}

void check_module_tensors(const Adapter& adapter, const std::string& origin) {
  const AdapterConfig& config = adapter.config;
  if (adapter.module_tensors.empty())
    throw DataError(origin + ": has no tensor of a " + name_of(config.type) + " adapter, such as \"" +
                    (config.type == Type::lora ? "base_model.model.MODULE.lora_A.weight"
                                               : "base_model.model.MODULE.ia3_l") +
                    "\".");
  const auto refuse = [&](const std::string& name, const std::string& expected) {
    throw DataError(origin + ": the tensor \"" + stored_name(name).substr(0, 160) + "\" is " +
                    shape_text(adapter.module_tensors.at(name).sizes()) + "; expected " + expected + ".");
  };
  for (const auto& [name, tensor] : adapter.module_tensors) {
    if (config.type == Type::ia3) {
      if (tensor.dim() != 2 || (tensor.size(0) != 1 && tensor.size(1) != 1))
        refuse(name, "a column [out, 1] or a row [1, in]");
      continue;
    }
    const bool is_a = name.ends_with(a_suffix);
    const std::string module(without(name, is_a ? a_suffix : b_suffix));
    if (const std::string other = module + std::string(is_a ? b_suffix : a_suffix);
        !adapter.module_tensors.contains(other))
      throw DataError(origin + ": lacks the tensor \"" + stored_name(other) + "\".");
    const int64_t rank = rank_of(config, module);
    if (tensor.dim() != 2 || tensor.size(is_a ? 0 : 1) != rank)
      refuse(name, is_a ? std::to_string(rank) + " x in, since \"r\" is " + std::to_string(rank)
                        : "out x " + std::to_string(rank) + ", since \"r\" is " + std::to_string(rank));
  }
}

Conditioning updates_of(const Adapter& adapter, const Backbone& backbone) {
  Conditioning conditioning;
  std::set<std::string> updated;
  for (const auto& [name, tensor] : adapter.module_tensors) {
    if (name.ends_with(b_suffix))
      continue;
    const bool low_rank = name.ends_with(a_suffix);
    const std::string module(without(name, low_rank ? a_suffix : factors_suffix));
    const LinearLayer& layer = layer_of(module, adapter, backbone);
    if (!updated.insert(layer.weight).second)
      throw DataError(adapter.folder.string() + ": updates the layer \"" + layer.weight + "\" twice.");
    if (!low_rank) {
      const bool of_input = tensor.size(0) == 1 && layer.in > 1;
      require_sizes(adapter, name, of_input ? at::IntArrayRef({1, layer.in}) : at::IntArrayRef({layer.out, 1}),
                    layer);
      conditioning.rescalings.push_back({layer.weight, tensor.flatten(), of_input});
      continue;
    }
    const std::string b_name = module + std::string(b_suffix);
    const int64_t rank = tensor.size(0);
    require_sizes(adapter, name, {rank, layer.in}, layer);
    require_sizes(adapter, b_name, {layer.out, rank}, layer);
    conditioning.low_rank.push_back({layer.weight, tensor, adapter.module_tensors.at(b_name),
                                     scale_of(adapter.config, module, rank), adapter.config.dropout});
  }
  return conditioning;
}

void store_low_rank(Adapter& adapter, const std::vector<LowRankUpdate>& updates, const Backbone& backbone) {
  AdapterConfig& config = adapter.config;
  const LowRankUpdate& largest =
      *std::ranges::max_element(updates, {}, [](const LowRankUpdate& each) { return each.a.size(0); });
  config.rank = largest.a.size(0);
  config.alpha = largest.scale * static_cast<double>(config.rank);
  config.dropout = largest.dropout;
  adapter.module_tensors.clear();
  std::set<std::string> weights;
  for (const LowRankUpdate& update : updates) {
    const std::string module = transformers_module(update.weight, backbone.shape());
    const int64_t rank = update.a.size(0);
    const double alpha = update.scale * static_cast<double>(rank);
    weights.insert(update.weight);
    adapter.module_tensors[module + std::string(a_suffix)] = stored(update.a);
    adapter.module_tensors[module + std::string(b_suffix)] = stored(update.b);
    if (rank != config.rank)
      config.rank_pattern.emplace_back(module, rank);
    if (alpha != config.alpha)
      config.alpha_pattern.emplace_back(module, alpha);
  }
  config.target_modules = target_names(weights, backbone);
}

void store_rescalings(Adapter& adapter, const std::vector<Rescaling>& rescalings, const Backbone& backbone) {
  adapter.module_tensors.clear();
  std::set<std::string> inputs, outputs;
  for (const Rescaling& rescaling : rescalings) {
    (rescaling.of_input ? inputs : outputs).insert(rescaling.weight);
    adapter
        .module_tensors[transformers_module(rescaling.weight, backbone.shape()) + std::string(factors_suffix)] =
        stored(rescaling.factors).unsqueeze(rescaling.of_input ? 0 : 1);
  }
  adapter.config.feedforward_modules = target_names(inputs, backbone);
  adapter.config.target_modules = target_names(outputs, backbone);
  for (const std::string& name : adapter.config.feedforward_modules)
    adapter.config.target_modules.push_back(name);
}

} // namespace cuecard::peft
