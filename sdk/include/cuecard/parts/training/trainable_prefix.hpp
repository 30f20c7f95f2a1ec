/// Trained keys and values that precede every layer's own, one prefix for each attention site of a model (PrefixSite).
/// Prefix-Tuning (Li & Liang 2021) and p-tuning v2 (Liu et al. 2022) differ in their reparametrisation and initialisation.
///
/// P virtual tokens; L layers, G key/value heads of size D at the site. A prefix as one matrix is [P, L * 2 * G * D], with row p
/// viewed as [L][key, value][G][D]: the layout of those papers' code and of PEFT.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/component_state.hpp>
#include <cuecard/conditioning.hpp>
#include <cuecard/export.hpp>
#include <cuecard/parts/training/reparametrisation.hpp>

namespace cuecard {

/// The prefix of one site.
class CUECARD_API TrainablePrefix {
public:
  /// Trains `values` [P, L * 2 * G * D] directly.
  TrainablePrefix(const BackboneShape::Site& site, at::Tensor values);
  /// Trains `inputs` [P, any width] and a network that maps them to [P, L * 2 * G * D].
  TrainablePrefix(const BackboneShape::Site& site, at::Tensor inputs, Mlp network);

  /// Numbers for one virtual token: L * 2 * G * D.
  static int64_t width(const BackboneShape::Site& site) {
    return site.layers * 2 * site.kv_heads * site.head_dim;
  }

  /// The site that it was constructed for.
  const BackboneShape::Site& site() const { return site_; }
  /// The number of virtual tokens, P, and whether a network is trained.
  int64_t length() const { return inputs_.size(0); }
  bool has_network() const { return network_.has_value(); }

  /// [P, L * 2 * G * D].
  at::Tensor values() const { return network_ ? (*network_)(inputs_) : inputs_; }
  /// `values` as keys and values for the backbone, with dropout in a training pass. `positions`: Prefix::positions.
  Prefix prefix(int64_t positions, double dropout_rate, const Pass& pass) const;

  /// Initialises the prefix to `values`: with a network, by the smallest change to its last layer (exact if P is at most the width
  /// of its hidden layer).
  void start_from(const at::Tensor& values);
  /// Drops the network; from then on, `values` are trained directly.
  void collapse(const at::Tensor& values);

  /// What is trained: `inputs` (or `values`), and the network's tensors.
  std::vector<at::Tensor*> tensors();

private:
  BackboneShape::Site site_;
  at::Tensor inputs_; ///< of the network, or the values themselves
  std::optional<Mlp> network_;
};

/// [P, L * 2 * G * D] as keys and values, contiguous.
CUECARD_API Prefix as_prefix(const at::Tensor& values, const BackboneShape::Site& site);
/// The reverse: [P, L * 2 * G * D].
CUECARD_API at::Tensor as_values(const Prefix& prefix);

/// All prefixes of a tuner. A card stores them as the tensors `self.key` and `self.value` [L, P, G, D], likewise for `encoder` and
/// `cross`.
class CUECARD_API TrainablePrefixes {
public:
  TrainablePrefixes() = default;
  /// `counted`: virtual tokens of the sites self and encoder take up positions, so those of the text begin at P. Moves all tensors
  /// to `device`.
  TrainablePrefixes(std::vector<TrainablePrefix> sites, bool counted, double dropout_rate,
                    const at::Device& device);

  /// As the functions of Tuner.
  Conditioning condition(const Pass& pass) const;
  std::vector<at::Tensor> parameters();
  /// Whether networks are trained: false if none was given, and after `load_state` or `adopt`.
  bool have_networks() const;
  ComponentState state() const;
  /// Loads the tensors of `saved`; from then on they are trained directly. DataError, with the expected shapes, if they don't fit.
  void load_state(const ComponentState& saved);
  /// Loads prefixes of the same sites and sizes. Returns false and sets `why` for others.
  bool adopt(const Conditioning& trained, std::string& why);

private:
  std::vector<TrainablePrefix> sites_;
  bool counted_ = true;
  double dropout_rate_ = 0;
  at::Device device_ = at::kCPU;
};

/// The keys and values that the model computes at `site` for the tokens `ids` [n] int64 alone, to initialise a prefix from words. Keys
/// of a rotary model are rotated by the positions 0 to n - 1. In an encoder-decoder, the same tokens are the encoder's input.
CUECARD_API Prefix keys_and_values(const Backbone& backbone, const at::Tensor& ids,
                                   PrefixSite site = PrefixSite::self);

} // namespace cuecard
