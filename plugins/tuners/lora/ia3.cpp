#include "ia3.hpp"

#include <algorithm>

#include <ATen/ops/ones.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>

#include "targets.hpp"

namespace cuecard {

namespace {

/// PEFT's default target modules of each family: keys, values and the second layer of the feed-forward network.
const std::vector<ModuleNames> default_targets{
    {"k_proj", "v_proj", "down_proj"},          // Llama, Mistral, Qwen, Gemma, OLMo 2
    {"k_proj", "v_proj", "fc2"},                // BART, OPT
    {"qkv_proj", "down_proj"},                  // Phi-3, for which PEFT has no default
    {"query_key_value", "dense_4h_to_h"},       // GPT-NeoX
    {"key", "value", "output.dense"},           // BERT, RoBERTa; ELECTRA has the same names
    {"key", "value", "ffn_output"},             // ALBERT, for which PEFT has no default
    {"key_proj", "value_proj", "output.dense"}, // DeBERTa
    {"k_lin", "v_lin", "lin2"},                 // DistilBERT, for which PEFT has no default
    {"c_attn", "mlp.c_proj"},                   // GPT-2
    {"k", "v", "wo"},                           // T5
    {"k", "v", "output.dense"},                 // MPNet, for which PEFT has no default
    {"Wqkv", "mlp.Wo"},                         // ModernBERT, for which PEFT has no default
};

/// The layers whose input is rescaled, the activation inside the feed-forward network (section 3.3); of other layers the output is.
const ModuleNames default_feed_forward{"down_proj",  "fc2",    "output.dense", "ffn_output",   "lin2",
                                       "mlp.c_proj", "mlp.Wo", "wo",           "dense_4h_to_h"};

bool fits(const at::Tensor& values, int64_t size) {
  return values.defined() && values.is_floating_point() && values.sizes() == at::IntArrayRef({size});
}

std::string sides_of(const LinearLayer& layer) {
  return "\"" + layer.weight + "\": expected " + std::to_string(layer.out) +
         " floating-point numbers for its output, or " + std::to_string(layer.in) + " for its input";
}

} // namespace

Ia3::Ia3(const Options& options)
    : targets_(options.text("targets")), feed_forward_(options.text("feed-forward")),
      weight_decay_(options.number("weight-decay")) {}

void Ia3::prepare(const Problem& problem) {
  device_ = problem.backbone.device();
  const ModuleNames feed_forward = feed_forward_ == "auto"   ? default_feed_forward
                                   : feed_forward_ == "none" ? ModuleNames{}
                                                             : split_names(feed_forward_, "feed-forward");
  factors_.clear();
  for (const LinearLayer& layer : target_layers(targets_, default_targets, problem.backbone)) {
    const bool of_input = names_layer(feed_forward, layer);
    set(factors_.emplace_back(Factors{layer, of_input, {}}), of_input,
        at::ones({of_input ? layer.in : layer.out}));
  }
}

void Ia3::set(Factors& factors, bool of_input, const at::Tensor& values) const {
  factors.of_input = of_input;
  factors.values =
      values.detach().to(device_, at::kFloat).clone(at::MemoryFormat::Contiguous).set_requires_grad(true);
}

Conditioning Ia3::condition(const ConditionArgs&) const {
  Conditioning conditioning;
  for (const Factors& factors : factors_)
    conditioning.rescalings.push_back({factors.layer.weight, factors.values, factors.of_input});
  return conditioning;
}

std::vector<ParameterGroup> Ia3::parameters() {
  ParameterGroup group{{}, 1.0, weight_decay_};
  for (const Factors& factors : factors_)
    group.tensors.push_back(factors.values);
  return {group};
}

FitRequest Ia3::defaults(const FitRequest& request) const {
  FitRequest usual;
  // Adafactor: Liu et al. 2022, section 3.4 (T-Few). AdamW: PEFT's example of (IA)^3.
  usual.learning_rate = request.optimizer == "adafactor" ? 3e-3 : 8e-3;
  usual.schedule = "linear";
  usual.warmup = 0.06;
  usual.batch_size = 8;
  usual.epochs = 10;
  usual.min_steps = 100;
  return filled_in(request, usual);
}

ComponentState Ia3::state(int64_t) const {
  ComponentState state;
  for (const Factors& factors : factors_)
    state.tensors[factors.layer.weight + (factors.of_input ? ".input" : ".output")] = factors.values.detach();
  return state;
}

void Ia3::load_state(const ComponentState& state) {
  if (state.tensors.size() != factors_.size())
    throw DataError("the card has factors of " + counted(state.tensors.size(), "layer") + "; expected " +
                    std::to_string(factors_.size()) + ", those that targets=" + targets_.substr(0, 80) +
                    " selects.");
  std::vector<std::pair<bool, at::Tensor>> found;
  for (const Factors& factors : factors_) {
    const LinearLayer& layer = factors.layer;
    const auto input = state.tensors.find(layer.weight + ".input"),
               output = state.tensors.find(layer.weight + ".output");
    const bool of_input = input != state.tensors.end();
    if (!of_input && output == state.tensors.end())
      throw DataError("the card has no factors of " + sides_of(layer) + ".");
    const at::Tensor& values = of_input ? input->second : output->second;
    if (!fits(values, of_input ? layer.in : layer.out))
      throw DataError("the card's factors don't fit the layer " + sides_of(layer) + "; found " +
                      std::to_string(values.numel()) + (values.is_floating_point() ? "." : " integers."));
    found.emplace_back(of_input, values);
  }
  for (std::size_t i = 0; i < factors_.size(); ++i)
    set(factors_[i], found[i].first, found[i].second);
}

bool Ia3::adopt(const Conditioning& trained, std::string& why) {
  if (const std::string parts = parts_of(trained); parts != "rescalings") {
    why = "it has " + parts + "; only rescalings of linear layers are expected";
    return false;
  }
  if (trained.rescalings.size() != factors_.size()) {
    why = "it rescales " + counted(trained.rescalings.size(), "layer") + ", and targets selects " +
          std::to_string(factors_.size());
    return false;
  }
  std::vector<const Rescaling*> given;
  for (const Factors& factors : factors_) {
    const LinearLayer& layer = factors.layer;
    const auto found = std::ranges::find(trained.rescalings, layer.weight, &Rescaling::weight);
    if (found == trained.rescalings.end() || !fits(found->factors, found->of_input ? layer.in : layer.out)) {
      why = "it has no matching factors of " + sides_of(layer);
      return false;
    }
    given.push_back(&*found);
  }
  for (std::size_t i = 0; i < factors_.size(); ++i)
    set(factors_[i], given[i]->of_input, given[i]->factors);
  return true;
}

} // namespace cuecard
