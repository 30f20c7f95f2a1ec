#include "lora.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>
#include <cuecard/parts/training/named_tensors.hpp>
#include <cuecard/parts/training/sized_rate.hpp>

#include "targets.hpp"

namespace cuecard {

namespace {

/// PEFT's default target modules of each family, which are the paper's query and value projections; in GPT-2 and GPT-NeoX the fused
/// layer for queries, keys and values, and likewise in Phi-3, for which PEFT has no default.
const std::vector<ModuleNames> default_targets{
    {"q_proj", "v_proj"},         // Llama, Mistral, Qwen, Gemma, OLMo 2, OPT, BART
    {"query", "value"},           // BERT, RoBERTa, ELECTRA, ALBERT
    {"query_proj", "value_proj"}, // DeBERTa
    {"q_lin", "v_lin"},           // DistilBERT
    {"c_attn"},                   // GPT-2
    {"query_key_value"},          // GPT-NeoX
    {"qkv_proj"},                 // Phi-3
    {"q", "v"},                   // T5, MPNet
    {"Wqkv"},                     // ModernBERT
};

/// Why `a` and `b` are not an update of `layer` with a rank of at most `rank`; empty if they are.
std::string misfit(const at::Tensor& a, const at::Tensor& b, const LinearLayer& layer, int64_t rank) {
  const bool fits = a.defined() && b.defined() && a.is_floating_point() && b.is_floating_point() &&
                    a.dim() == 2 && a.size(0) >= 1 && a.size(0) <= rank && a.size(1) == layer.in &&
                    b.sizes() == at::IntArrayRef({layer.out, a.size(0)});
  if (fits)
    return "";
  return "the update of \"" + layer.weight + "\" has A of " + sizes_of(a) + " and B of " + sizes_of(b) +
         "; expected floating-point matrices of r x " + std::to_string(layer.in) + " and " +
         std::to_string(layer.out) + " x r with r from 1 to " + std::to_string(rank);
}

at::Tensor tensor_of(const TensorMap& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  return found == tensors.end() ? at::Tensor() : found->second;
}

} // namespace

Lora::Lora(const Options& options)
    : rank_(options.integer("rank")), dropout_(options.number("dropout")),
      weight_decay_(options.number("weight-decay")), targets_(options.text("targets")) {
  const auto rank = static_cast<double>(rank_);
  scale_ = options.number("alpha") / (options.flag("rs-lora") ? std::sqrt(rank) : rank);
}

void Lora::prepare(const Problem& problem) {
  model_width_ = problem.backbone.shape().hidden;
  device_ = problem.backbone.device();
  updates_.clear();
  for (const LinearLayer& layer : target_layers(targets_, default_targets, problem.backbone)) {
    // Kaiming-uniform with a = sqrt(5) is uniform within sqrt(6 / ((1 + a^2) in)) = 1 / sqrt(in).
    const double bound = 1 / std::sqrt(static_cast<double>(layer.in));
    Random random(problem.seed, stream_id("lora") + updates_.size());
    set(updates_.emplace_back(Update{layer, {}, {}}), random.uniform_tensor({rank_, layer.in}, -bound, bound),
        at::zeros({layer.out, rank_}));
  }
}

void Lora::set(Update& update, const at::Tensor& a, const at::Tensor& b) const {
  const auto leaf = [this](const at::Tensor& tensor) {
    return tensor.detach().to(device_, at::kFloat).clone(at::MemoryFormat::Contiguous).set_requires_grad(true);
  };
  update.a = leaf(a);
  update.b = leaf(b);
}

Conditioning Lora::condition(const ConditionArgs&) const {
  Conditioning conditioning;
  for (const Update& update : updates_)
    conditioning.low_rank.push_back({update.layer.weight, update.a, update.b, scale_, dropout_});
  return conditioning;
}

std::vector<ParameterGroup> Lora::parameters() {
  ParameterGroup group{{}, 1.0, weight_decay_};
  for (const Update& update : updates_) {
    group.tensors.push_back(update.a);
    group.tensors.push_back(update.b);
  }
  return {group};
}

FitRequest Lora::defaults(const FitRequest& request) const {
  FitRequest usual; // Hu et al. 2021: tables 9 (RoBERTa-large on SST-2) and 12 (GPT-3)
  usual.learning_rate = sized_rate(model_width_, 4e-4, 2e-4);
  usual.schedule = "linear";
  usual.warmup = 0.06;
  usual.batch_size = 16;
  usual.epochs = 10;
  usual.min_steps = 100;
  return filled_in(request, usual);
}

ComponentState Lora::state(int64_t) const {
  ComponentState state;
  for (const Update& update : updates_) {
    state.tensors[update.layer.weight + ".a"] = update.a.detach();
    state.tensors[update.layer.weight + ".b"] = update.b.detach();
  }
  return state;
}

void Lora::load_state(const ComponentState& state) {
  if (state.tensors.size() != 2 * updates_.size())
    throw DataError("the card has " + std::to_string(state.tensors.size()) +
                    " tensors of low-rank updates; expected " + std::to_string(2 * updates_.size()) +
                    ", two for each of " + std::to_string(updates_.size()) +
                    " layers that targets=" + targets_.substr(0, 80) + " selects.");
  for (const Update& update : updates_) {
    const std::string& weight = update.layer.weight;
    const std::string why = misfit(tensor_of(state.tensors, weight + ".a"),
                                   tensor_of(state.tensors, weight + ".b"), update.layer, rank_);
    if (!why.empty())
      throw DataError("the card doesn't fit the model and its own options: " + why + ".");
  }
  for (Update& update : updates_)
    set(update, state.tensors.at(update.layer.weight + ".a"), state.tensors.at(update.layer.weight + ".b"));
}

bool Lora::adopt(const Conditioning& trained, std::string& why) {
  if (const std::string parts = parts_of(trained); parts != "low-rank updates") {
    why = "it has " + parts + "; only low-rank updates of linear layers are expected";
    return false;
  }
  if (trained.low_rank.size() != updates_.size()) {
    why = "it updates " + counted(trained.low_rank.size(), "layer") + ", and targets selects " +
          std::to_string(updates_.size());
    return false;
  }
  std::vector<const LowRankUpdate*> given;
  for (const Update& update : updates_) {
    const auto found = std::ranges::find(trained.low_rank, update.layer.weight, &LowRankUpdate::weight);
    if (found == trained.low_rank.end()) {
      why = "it does not update \"" + update.layer.weight + "\", which targets selects";
      return false;
    }
    why = misfit(found->a, found->b, update.layer, rank_);
    if (!why.empty())
      return false;
    given.push_back(&*found);
  }
  for (std::size_t i = 0; i < updates_.size(); ++i) {
    const LowRankUpdate& update = *given[i];
    set(updates_[i], update.a, update.scale == scale_ ? update.b : update.b * (update.scale / scale_));
  }
  return true;
}

} // namespace cuecard
