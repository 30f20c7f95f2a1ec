#include "engine/checks/returned_values.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>

#include <ATen/TensorOperators.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

std::string shown(at::IntArrayRef sizes) {
  std::ostringstream text;
  text << sizes;
  return text.str();
}

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

[[noreturn]] void refuse(const std::string& what, const std::string& found, const std::string& expected) {
  throw Error("it returned " + what + " " + found + "; expected " + expected);
}

/// `expected` entries of -1 match any size.
void check_tensor(const std::string& what, const at::Tensor& tensor, const std::vector<int64_t>& expected,
                  const at::Device& device) {
  if (!tensor.defined())
    refuse(what, "that are undefined", shown(expected));
  bool fits = tensor.dim() == std::ssize(expected);
  for (std::size_t i = 0; fits && i < expected.size(); ++i)
    fits = expected[i] < 0 || tensor.size(static_cast<int64_t>(i)) == expected[i];
  if (!fits)
    refuse(what, "of shape " + shown(tensor.sizes()), shown(expected) + " (-1: any size)");
  if (tensor.scalar_type() != at::kFloat)
    refuse(what, std::string("of type ") + at::toString(tensor.scalar_type()),
           "Float (float32), whatever the type of the model's weights");
  if (tensor.device().type() != device.type())
    refuse(what, "on " + tensor.device().str(), device.str() + ", where the model is");
  // On other devices reading a value back would synchronise; there the loss shows it.
  if (tensor.is_cpu() && tensor.numel() > 0 &&
      !std::isfinite(tensor.detach().sum().to(at::kDouble).item<double>()))
    refuse(what, "with NaN or infinite values", "finite ones");
}

void check_rows(const std::string& what, const at::Tensor& rows, int64_t width, const ConditionArgs& args,
                const at::Device& device) {
  if (!rows.defined())
    return;
  if (args.inputs.defined())
    check_tensor(what, rows, {args.inputs.size(0), -1, width}, device);
  else
    check_tensor(what, rows, {-1, width}, device);
}

void check_prefix(const Prefix& prefix, const Backbone& backbone) {
  const std::vector<BackboneShape::Site>& sites = backbone.shape().sites;
  const auto site = std::ranges::find(sites, prefix.site, &BackboneShape::Site::site);
  if (site == sites.end())
    throw Error(std::string("it returned a prefix for the site \"") + name_of(prefix.site) + "\", which the " +
                backbone.shape().family + " model does not have");
  const std::string of = std::string(" of the prefix at the site \"") + name_of(prefix.site) + "\"";
  check_tensor("keys" + of, prefix.key, {site->layers, -1, site->kv_heads, site->head_dim}, backbone.device());
  check_tensor("values" + of, prefix.value, {site->layers, prefix.key.size(1), site->kv_heads, site->head_dim},
               backbone.device());
  if (prefix.positions < 0)
    throw Error("it returned a prefix that counts as " + std::to_string(prefix.positions) +
                " positions; expected 0 or more");
}

const LinearLayer& layer_of(const std::string& weight, const Backbone& backbone) {
  const std::vector<LinearLayer>& layers = backbone.linear_layers();
  const auto found = std::ranges::find(layers, weight, &LinearLayer::weight);
  if (found == layers.end()) {
    std::vector<std::string> names;
    for (const LinearLayer& layer : layers)
      names.push_back(layer.weight);
    throw Error("it updates the weight \"" + weight + "\", which is not a linear layer of the " +
                backbone.shape().family + " model." + did_you_mean(weight, names));
  }
  return *found;
}

/// Layers of the stack that the input goes through: the encoder's, where there are two.
int64_t input_layers(const BackboneShape& shape) {
  const auto encoder = std::ranges::find(shape.sites, PrefixSite::encoder, &BackboneShape::Site::site);
  return encoder == shape.sites.end() ? shape.layers : encoder->layers;
}

} // namespace

void check_conditioning(const Conditioning& conditioning, const ConditionArgs& args, const Backbone& backbone) {
  const BackboneShape& shape = backbone.shape();
  const at::Device device = backbone.device();
  check_rows("embeddings", conditioning.embeddings, shape.embedding_width, args, device);
  check_rows("late embeddings", conditioning.late_embeddings, shape.hidden, args, device);
  for (const Prefix& prefix : conditioning.prefixes)
    check_prefix(prefix, backbone);
  for (const LowRankUpdate& update : conditioning.low_rank) {
    const LinearLayer& layer = layer_of(update.weight, backbone);
    check_tensor("the matrix A of \"" + update.weight + "\"", update.a, {-1, layer.in}, device);
    check_tensor("the matrix B of \"" + update.weight + "\"", update.b, {layer.out, update.a.size(0)}, device);
  }
  for (const Rescaling& rescaling : conditioning.rescalings) {
    const LinearLayer& layer = layer_of(rescaling.weight, backbone);
    check_tensor("the factors of \"" + rescaling.weight + "\"", rescaling.factors,
                 {rescaling.of_input ? layer.in : layer.out}, device);
  }
  if (conditioning.triggers.defined() && conditioning.triggers.scalar_type() != at::kLong)
    refuse("trigger tokens", std::string("of type ") + at::toString(conditioning.triggers.scalar_type()),
           "int64");
}

void check_token_vectors(const at::Tensor& rows, const at::Tensor& ids, const at::Device& device) {
  check_tensor("rows of the table", rows, {ids.size(0), -1}, device);
}

void check_prompts(const std::vector<Prompt>& prompts, const Backbone& backbone) {
  if (prompts.empty())
    throw Error("it removed all prompts of the example");
  for (const Prompt& prompt : prompts) {
    const auto late = [](const Piece& piece) { return piece.first_layer != 0; };
    if (std::ranges::any_of(prompt.input, late) || std::ranges::any_of(prompt.output, late))
      throw Error(
          "it placed a late soft slot (Piece::first_layer) in the text; expected in Prompt::prepended only");
    bool ended = false;
    for (const Piece& piece : prompt.prepended) {
      ended = ended || piece.first_layer == 0;
      if (piece.first_layer == 0)
        continue;
      if (ended || piece.kind != Piece::Kind::soft || piece.first_layer != prompt.prepended.front().first_layer)
        throw Error("late soft slots (Piece::first_layer) must come first, and all with the same layer");
      const int64_t layers = input_layers(backbone.shape());
      if (piece.first_layer < 0 || piece.first_layer >= layers)
        throw Error("it placed a soft slot that enters at layer " + std::to_string(piece.first_layer) +
                    "; expected 0 to " + std::to_string(layers - 1));
    }
  }
}

void check_scores(const Scores& scores, const ScoreArgs& args) {
  if (scores.offsets.empty() || scores.offsets.front() != 0 || !std::ranges::is_sorted(scores.offsets))
    throw Error("it returned offsets of scores that do not ascend from 0");
  const at::Tensor& values = scores.values;
  if (!values.defined() || values.dim() != 1 || values.size(0) != scores.offsets.back())
    refuse("scores", values.defined() ? "of shape " + shown(values.sizes()) : "that are undefined",
           "[" + std::to_string(scores.offsets.back()) + "], as their offsets say");
  const int64_t decisions = std::ssize(scores.offsets) - 1;
  if (!scores.entries.empty() && std::ssize(scores.entries) != decisions)
    refuse("entries of", std::to_string(scores.entries.size()) + " decisions", std::to_string(decisions));
  for (const int64_t entry : scores.entries)
    if (entry < 0 || entry >= args.batch.size())
      throw Error("it returned a decision for entry " + std::to_string(entry) + " of a batch of " +
                  std::to_string(args.batch.size()));
  if (scores.entries.empty() && decisions != args.batch.size())
    refuse("scores of", std::to_string(decisions) + " decisions",
           std::to_string(args.batch.size()) + ", one for each entry");
}

void check_loss(const at::Tensor& loss) {
  if (!loss.defined() || loss.numel() != 1 || !at::isFloatingType(loss.scalar_type()))
    throw Error("it returned a loss " +
                (loss.defined() ? "of shape " + shown(loss.sizes()) : std::string("that is undefined")) +
                "; expected a floating-point scalar");
}

} // namespace cuecard
