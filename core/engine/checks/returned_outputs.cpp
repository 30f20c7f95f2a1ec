#include "engine/checks/returned_outputs.hpp"

#include <algorithm>
#include <string>

#include <ATen/core/grad_mode.h>

#include <cuecard/error.hpp>

#include "engine/checks/refusal.hpp"
#include "engine/checks/tensor_check.hpp"

namespace cuecard {

namespace {

bool requires_grad(const at::Tensor& tensor) {
  return tensor.defined() && tensor.numel() > 0 && tensor.requires_grad();
}

bool has_soft_tokens(const Side& side) {
  return side.soft_tokens.defined() && side.soft_tokens.size(0) > 0;
}

/// Whether sequences of every card of `side`, if any, get what belongs to the card `cards[index]`.
bool applies(const std::vector<int64_t>& cards, std::size_t index, const Side& side) {
  const int64_t card = index < cards.size() ? cards[index] : -1;
  return card < 0 ||
         (!side.cards.empty() && std::ranges::all_of(side.cards, [&](int64_t each) { return each == card; }));
}

/// A part of the conditioning that requires gradients and that the hidden states must depend on, in words; "" where there is none, or where
/// that depends on the model: parts that may apply to some tokens only, or to layers that were not run.
std::string differentiable_part(const ForwardArgs& args, const BackboneShape& shape) {
  const BatchConditioning& conditioning = args.conditioning;
  const Batch& batch = args.batch;
  const bool partial = args.layers >= 0;
  const Side& side = partial ? batch.input : batch.answer_side();
  const bool reads_input = !partial && batch.output && !batch.source_of.empty();
  if (requires_grad(conditioning.embeddings) &&
      (has_soft_tokens(side) || (reads_input && has_soft_tokens(batch.input))))
    return "the embeddings of the soft tokens do";
  if (partial || shape.encoder_decoder) // which stacks and layers run depends on the batch and the cache
    return "";
  for (std::size_t i = 0; i < conditioning.low_rank.size(); ++i)
    if (const LowRankUpdate& update = conditioning.low_rank[i];
        (requires_grad(update.a) || requires_grad(update.b)) && update.scale != 0 &&
        applies(conditioning.low_rank_cards, i, side))
      return "the update of \"" + update.weight + "\" does";
  for (std::size_t i = 0; i < conditioning.rescalings.size(); ++i)
    if (const Rescaling& rescaling = conditioning.rescalings[i];
        requires_grad(rescaling.factors) && applies(conditioning.rescaling_cards, i, side))
      return "the factors of \"" + rescaling.weight + "\" do";
  for (std::size_t i = 0; i < conditioning.prefixes.size(); ++i)
    if (const Prefix& prefix = conditioning.prefixes[i];
        requires_grad(prefix.value) && prefix.input < 0 && applies(conditioning.prefix_cards, i, side))
      return "the values of a prefix do";
  return "";
}

std::set<at::ScalarType> float_or_type_of(const at::Tensor& hidden) {
  return {at::kFloat, hidden.scalar_type()};
}

} // namespace

void check_windows(const BackboneShape& shape) {
  const auto count = std::ssize(shape.windows);
  if (count == 0)
    return;
  const std::string what = "a shape with windows for", found = counted(count, "layer");
  if (shape.encoder_decoder)
    refuse(what, found, "none, because only a model with one stack has them");
  if (count != shape.layers)
    refuse(what, found, "one for each of the model's " + counted(shape.layers, "layer") + ", or none");
  if (const auto negative = std::ranges::find_if(shape.windows, [](int64_t window) { return window < 0; });
      negative != shape.windows.end())
    refuse("a shape with the window", std::to_string(*negative), "0 or more; 0: the layer has no window");
}

void check_linear_layers(const std::vector<LinearLayer>& layers,
                         const std::map<std::string, at::Tensor>& weights) {
  std::set<std::string> seen;
  for (const LinearLayer& layer : layers) {
    const std::string what = "the linear layer \"" + layer.weight + "\"";
    if (!seen.insert(layer.weight).second)
      refuse(what, "twice", "each layer once");
    const auto found = weights.find(layer.weight);
    if (found == weights.end()) {
      std::vector<std::string> names;
      names.reserve(weights.size());
      for (const auto& [name, weight] : weights)
        names.push_back(name);
      throw Error("it returned " + what +
                  ", which is not among the model's weights; expected a name of Backbone::weights." +
                  did_you_mean(layer.weight, names));
    }
    const at::IntArrayRef sizes = found->second.sizes();
    const bool fits = sizes == at::IntArrayRef({layer.out, layer.in}) ||
                      sizes == at::IntArrayRef({layer.in, layer.out}); // a checkpoint may hold the transpose
    if (!fits)
      refuse(what, "of " + counted(layer.out, "output") + " and " + counted(layer.in, "input"),
             "the sizes of its weight, " + shown(sizes));
  }
}

std::set<at::ScalarType> types_of(const std::map<std::string, at::Tensor>& weights) {
  std::set<at::ScalarType> types;
  for (const auto& [name, weight] : weights)
    if (weight.defined() && at::isFloatingType(weight.scalar_type()))
      types.insert(weight.scalar_type());
  return types;
}

void check_hidden_states(const at::Tensor& hidden, const ForwardArgs& args, const Backbone& backbone,
                         const std::set<at::ScalarType>& types) {
  const BackboneShape& shape = backbone.shape();
  const Batch& batch = args.batch;
  const int64_t rows = args.layers >= 0  ? batch.input.num_tokens()
                       : args.all_tokens ? batch.answer_side().num_tokens()
                                         : std::ssize(batch.answer_tokens_host);
  check_tensor("hidden states", hidden, {rows, shape.hidden}, backbone.device(), types);
  if (rows == 0 || !at::GradMode::is_enabled() || hidden.requires_grad())
    return;
  if (const std::string part = differentiable_part(args, shape); !part.empty())
    refuse("hidden states", "that require no gradient, although " + part,
           "states computed from the conditioning");
}

void check_outputs(const at::Tensor& outputs, const ProjectArgs& args, const Backbone& backbone) {
  using Kind = OutputRequest::Kind;
  const BackboneShape& shape = backbone.shape();
  const OutputRequest& request = args.request;
  const at::Tensor& hidden = args.hidden;
  const int64_t rows = hidden.size(0);
  const int64_t words = request.token_ids.defined() ? request.token_ids.size(0) : shape.vocabulary;
  std::string what;
  switch (request.kind) {
  case Kind::logits:
    what = "logits";
    check_tensor(what, outputs, {rows, words}, backbone.device(), float_or_type_of(hidden));
    break;
  case Kind::log_probs:
  case Kind::target_log_probs: {
    what = "log-probabilities";
    const bool wide = hidden.scalar_type() == at::kDouble;
    const std::vector<int64_t> sizes =
        request.kind == Kind::log_probs ? std::vector<int64_t>{rows, words} : std::vector<int64_t>{rows};
    check_tensor(what, outputs, sizes, backbone.device(),
                 wide ? float_or_type_of(hidden) : std::set<at::ScalarType>{at::kFloat});
    break;
  }
  case Kind::hidden_states:
  case Kind::pooled:
    what = request.kind == Kind::pooled ? "pooled states" : "hidden states";
    check_tensor(what, outputs, {rows, shape.hidden}, backbone.device(), float_or_type_of(hidden));
    break;
  case Kind::transformed_states:
    what = "transformed states";
    check_tensor(what, outputs, {rows, -1}, backbone.device(), float_or_type_of(hidden), "width");
    break;
  }
  if (rows > 0 && outputs.defined() && outputs.numel() > 0 && at::GradMode::is_enabled() &&
      hidden.requires_grad() && !outputs.requires_grad())
    refuse(what, "that require no gradient, although the hidden states do", "outputs computed from them");
}

void check_dot_products(const at::Tensor& products, const at::Tensor& vectors, const Backbone& backbone) {
  check_tensor("dot products", products, {vectors.size(0), backbone.shape().vocabulary}, backbone.device(),
               {at::kFloat});
}

} // namespace cuecard
