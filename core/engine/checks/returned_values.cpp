#include "engine/checks/returned_values.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include <ATen/TensorOperators.h>

#include <cuecard/error.hpp>

#include "engine/checks/refusal.hpp"
#include "engine/checks/tensor_check.hpp"

namespace cuecard {

namespace {

const char* name_of(PrefixSite site) {
  switch (site) {
  case PrefixSite::self:
    return "self";
  case PrefixSite::encoder:
    return "encoder";
  case PrefixSite::cross:
    return "cross";
  }
  return "unknown";
}

/// float32, whatever the type of the model's weights.
void check_float32(const std::string& what, const at::Tensor& tensor, const std::vector<int64_t>& expected,
                   const at::Device& device, const std::string& any = "") {
  check_tensor(what, tensor, expected, device, {at::kFloat}, any);
}

/// On other devices than the CPU, reading a value back would synchronise; there the check of the loss finds it.
bool has_numbers(const at::Tensor& tensor) {
  return !tensor.defined() || !tensor.is_cpu() || tensor.numel() == 0 ||
         std::isfinite(tensor.detach().sum().to(at::kDouble).item<double>());
}

void check_rows(const std::string& what, const at::Tensor& rows, int64_t width, const ConditionArgs& args,
                int64_t slots, const at::Device& device) {
  if (!rows.defined())
    return;
  if (args.inputs.defined())
    check_float32(what, rows, {args.inputs.size(0), slots, width}, device);
  else
    check_float32(what, rows, {-1, width}, device, "slots");
}

void check_prefix(const Prefix& prefix, const ConditionArgs& args, const Backbone& backbone) {
  const std::vector<BackboneShape::Site>& sites = backbone.shape().sites;
  const auto site = std::ranges::find(sites, prefix.site, &BackboneShape::Site::site);
  if (site == sites.end())
    throw Error(std::string("it returned a prefix for the site \"") + name_of(prefix.site) + "\", which the " +
                backbone.shape().family + " model does not have");
  const std::string of = std::string(" of the prefix at the site \"") + name_of(prefix.site) + "\"";
  check_float32("keys" + of, prefix.key, {site->layers, -1, site->kv_heads, site->head_dim}, backbone.device(),
                "slots");
  check_float32("values" + of, prefix.value, {site->layers, prefix.key.size(1), site->kv_heads, site->head_dim},
                backbone.device());
  const int64_t length = prefix.key.size(1);
  if (length == 0)
    refuse("keys" + of, "of shape " + shown(prefix.key.sizes()), "at least one slot");
  if (prefix.positions != 0 && prefix.positions != length)
    throw Error("it returned a prefix of " + counted(length, "slot") + " that counts as " +
                counted(prefix.positions, "position") + "; expected " + std::to_string(length) + ", or 0");
  const int64_t inputs = args.inputs.defined() ? args.inputs.size(0) : 0;
  if (prefix.input != -1 && (prefix.input < 0 || prefix.input >= inputs))
    throw Error("it returned a prefix for input " + std::to_string(prefix.input) + " of " +
                std::to_string(inputs) + "; expected the number of an input, or -1 for all");
}

void check_update(const LowRankUpdate& update, const LinearLayer& layer, const at::Device& device) {
  check_float32("the matrix A of \"" + update.weight + "\"", update.a, {-1, layer.in}, device, "rank");
  if (update.a.size(0) == 0)
    refuse("the matrix A of \"" + update.weight + "\"", "of shape " + shown(update.a.sizes()),
           "a rank of at least 1");
  check_float32("the matrix B of \"" + update.weight + "\"", update.b, {layer.out, update.a.size(0)}, device);
  if (!std::isfinite(update.scale))
    refuse("the scale of \"" + update.weight + "\"", "as " + shortest(update.scale), "a finite number");
  if (!(update.dropout >= 0 && update.dropout < 1))
    refuse("the dropout of \"" + update.weight + "\"", "as " + shortest(update.dropout),
           "a number from 0 to below 1");
}

const LinearLayer& layer_of(const std::string& weight, const Backbone& backbone) {
  const std::vector<LinearLayer>& layers = backbone.linear_layers();
  const auto found = std::ranges::find(layers, weight, &LinearLayer::weight);
  if (found == layers.end()) {
    std::vector<std::string> names;
    names.reserve(layers.size());
    for (const LinearLayer& layer : layers)
      names.push_back(layer.weight);
    throw Error("it updates the weight \"" + weight + "\", which is not a linear layer of the " +
                backbone.shape().family + " model." + did_you_mean(weight, names));
  }
  return *found;
}

} // namespace

int64_t input_layers(const BackboneShape& shape) {
  const auto encoder = std::ranges::find(shape.sites, PrefixSite::encoder, &BackboneShape::Site::site);
  return encoder == shape.sites.end() ? shape.layers : encoder->layers;
}

void check_conditioning(const Conditioning& conditioning, const ConditionArgs& args, int64_t slots,
                        int64_t trigger_slots, const Backbone& backbone) {
  const BackboneShape& shape = backbone.shape();
  const at::Device device = backbone.device();
  check_rows("embeddings", conditioning.embeddings, shape.embedding_width, args, slots, device);
  check_rows("late embeddings", conditioning.late_embeddings, shape.hidden, args, slots, device);
  for (const Prefix& prefix : conditioning.prefixes)
    check_prefix(prefix, args, backbone);
  for (const LowRankUpdate& update : conditioning.low_rank)
    check_update(update, layer_of(update.weight, backbone), device);
  for (const Rescaling& rescaling : conditioning.rescalings) {
    const LinearLayer& layer = layer_of(rescaling.weight, backbone);
    check_float32("the factors of \"" + rescaling.weight + "\"", rescaling.factors,
                  {rescaling.of_input ? layer.in : layer.out}, device);
  }
  const at::Tensor& triggers = conditioning.triggers;
  if (!triggers.defined())
    return;
  if (triggers.layout() != at::kStrided)
    refuse("trigger tokens", "of layout " + shown(triggers.layout()), "a dense (strided) tensor");
  if (triggers.scalar_type() != at::kLong)
    refuse("trigger tokens", std::string("of type ") + at::toString(triggers.scalar_type()), "int64");
  if (triggers.dim() != 1)
    refuse("trigger tokens", "of shape " + shown(triggers.sizes()), "[trigger slots]");
  if (trigger_slots >= 0 && triggers.size(0) != trigger_slots)
    refuse(counted(triggers.size(0), "trigger token"),
           "for a template with " + counted(trigger_slots, "trigger slot"), "one for each slot");
  if (triggers.device().type() != device.type())
    refuse("trigger tokens", "on " + triggers.device().str(), device.str() + ", where the model is");
}

std::string not_finite_in(const Conditioning& conditioning) {
  if (!has_numbers(conditioning.embeddings))
    return "embeddings";
  if (!has_numbers(conditioning.late_embeddings))
    return "late embeddings";
  for (const Prefix& prefix : conditioning.prefixes)
    if (!has_numbers(prefix.key) || !has_numbers(prefix.value))
      return std::string("the prefix at the site \"") + name_of(prefix.site) + "\"";
  for (const LowRankUpdate& update : conditioning.low_rank)
    if (!has_numbers(update.a) || !has_numbers(update.b))
      return "the update of \"" + update.weight + "\"";
  for (const Rescaling& rescaling : conditioning.rescalings)
    if (!has_numbers(rescaling.factors))
      return "the factors of \"" + rescaling.weight + "\"";
  return "";
}

void check_input_features(const InputFeatures& features, const Backbone& backbone) {
  const auto known = {InputFeatures::Kind::none, InputFeatures::Kind::mean_embedding,
                      InputFeatures::Kind::max_embedding, InputFeatures::Kind::hidden_state};
  if (std::ranges::find(known, features.kind) == known.end())
    throw Error("it returned the unknown kind " + std::to_string(static_cast<int>(features.kind)));
  const int64_t layers = input_layers(backbone.shape());
  if (features.kind == InputFeatures::Kind::hidden_state && (features.layers < -1 || features.layers > layers))
    throw Error("it requests the hidden states after " + counted(features.layers, "layer") + " of a model of " +
                std::to_string(layers) + "; expected 0 to " + std::to_string(layers) + ", or -1 for all");
  if (features.soft_slots < 0)
    throw Error("it returned " + counted(features.soft_slots, "soft slot") + "; expected 0 or more");
}

void check_own_weights(const TensorMap& weights, const at::Device& device) {
  for (const auto& [name, tensor] : weights) {
    const std::string what = "the weight \"" + name + "\"";
    if (!tensor.defined())
      refuse(what, "as undefined", "a tensor with values");
    if (tensor.layout() != at::kStrided)
      refuse(what, "of layout " + shown(tensor.layout()), "a dense (strided) tensor");
    if (tensor.scalar_type() != at::kFloat)
      refuse(what, std::string("of type ") + at::toString(tensor.scalar_type()), "Float (float32)");
    if (!tensor.is_leaf())
      refuse(what, "that is not a leaf, because it was computed from another tensor", "a leaf");
    if (tensor.device().type() != device.type())
      refuse(what, "on " + tensor.device().str(), device.str() + ", where the model is");
  }
}

std::string unfit_weight(const TensorMap& weights, const Backbone& backbone) {
  for (const auto& [name, tensor] : weights) {
    const auto found = backbone.weights().find(name);
    if (found == backbone.weights().end()) {
      std::vector<std::string> names;
      for (const auto& [known, weight] : backbone.weights())
        names.push_back(known);
      return "it replaces the weight \"" + name + "\", which the " + backbone.shape().family +
             " model does not have; expected a name of Backbone::weights." + did_you_mean(name, names);
    }
    if (found->second.sizes() != tensor.sizes())
      return "it returned the weight \"" + name + "\" of shape " + shown(tensor.sizes()) + "; expected " +
             shown(found->second.sizes()) + ", the shape of the weight that it replaces";
  }
  return "";
}

void check_token_vectors(const at::Tensor& rows, const at::Tensor& ids, const at::Device& device) {
  check_float32("rows of the table", rows, {ids.size(0), -1}, device, "width");
  if (!has_numbers(rows))
    refuse("rows of the table", "with NaN or infinite values", "finite ones");
}

} // namespace cuecard
