/// Trained keys and values that precede every layer's own, one prefix for each attention site of a model (PrefixSite).
/// Prefix-Tuning (Li & Liang 2021) and p-tuning v2 (Liu et al. 2022) differ in their reparametrisation and initialisation.
///
/// P virtual tokens; L layers, G key/value heads of size D at the site. A prefix as one matrix is [P, L * 2 * G * D], with row p
/// viewed as [L][key, value][G][D]: the layout of those papers' code and of PEFT. Trained tensors are float32. Shapes that don't match are
/// LibTorch's c10::Error where nothing else is said.
///
/// Threads: const functions and free functions may run concurrently; the others need exclusive use.
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
  /// Trains `values` [P, L * 2 * G * D] float32 directly. Neither constructor checks or copies its tensors.
  TrainablePrefix(const BackboneShape::Site& site, at::Tensor values);
  /// Trains `inputs` [P, any width] float32 and a network that maps them to [P, L * 2 * G * D].
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

  /// [P, L * 2 * G * D] float32 on the device of the trained tensors, differentiable in them.
  at::Tensor values() const { return network_ ? (*network_)(inputs_) : inputs_; }
  /// `values` as keys and values [L, P, G, D] for the backbone, with dropout in a training pass. `positions`: Prefix::positions.
  Prefix prefix(int64_t positions, double dropout_rate, const Pass& pass) const;

  /// Initialises the prefix to `values` [P, L * 2 * G * D], any floating-point dtype and device: with a network, by the smallest change to
  /// the weight of its last layer that fits best (exact if the P hidden states are linearly independent, which they can only be if P is at
  /// most the width of the hidden layer). May wait for the device.
  void start_from(const at::Tensor& values);
  /// Drops the network; from then on, a float32 copy of `values` [P, L * 2 * G * D] is trained directly, on the device of the tensors
  /// before.
  void collapse(const at::Tensor& values);

  /// All trained tensors; the pointers are valid until `start_from` or `collapse`, and as long as the object stays where it is.
  std::vector<at::Tensor*> tensors();

private:
  BackboneShape::Site site_;
  at::Tensor inputs_; ///< of the network, or the values themselves
  std::optional<Mlp> network_;
};

/// `values` [P, L * 2 * G * D] as keys and values [L, P, G, D], contiguous, in the same dtype and on the same device, with
/// Prefix::positions 0. Differentiable. c10::Error for another width.
CUECARD_API Prefix as_prefix(const at::Tensor& values, const BackboneShape::Site& site);
/// The reverse: [P, L * 2 * G * D]. c10::Error if key and value have different shapes.
CUECARD_API at::Tensor as_values(const Prefix& prefix);

/// All prefixes of a tuner. A card stores them as the tensors `self.key` and `self.value` [L, P, G, D] float32, likewise for `encoder` and
/// `cross`.
class CUECARD_API TrainablePrefixes {
public:
  TrainablePrefixes() = default;
  /// `counted`: virtual tokens of the sites self and encoder take up positions, so those of the text begin at P. Moves all tensors
  /// to `device`, as leaves that require a gradient.
  TrainablePrefixes(std::vector<TrainablePrefix> sites, bool counted, double dropout_rate,
                    const at::Device& device);

  /// A prefix for each site, for Tuner::condition. Does not wait for the device.
  Conditioning condition(const Pass& pass) const;
  /// The trained tensors, for Tuner::parameters. Other objects after `load_state` or `adopt`.
  std::vector<at::Tensor> parameters();
  /// Whether networks are trained: false if none was given, and after `load_state` or `adopt`.
  bool have_networks() const;
  /// The prefixes as a card stores them, without gradients. Never the networks.
  ComponentState state() const;
  /// Loads the tensors of `saved`; from then on they are trained directly. DataError, with the expected shape, for a tensor that is
  /// missing, has another shape or holds integers; then nothing is loaded.
  void load_state(const ComponentState& saved);
  /// Loads prefixes of the same sites, sizes and positions; from then on they are trained directly. Returns false and sets `why` for
  /// others.
  bool adopt(const Conditioning& trained, std::string& why);

private:
  std::vector<TrainablePrefix> sites_;
  bool counted_ = true;
  double dropout_rate_ = 0;
  at::Device device_ = at::kCPU;
};

/// The keys and values that the model computes at `site`, one of BackboneShape::sites, for the tokens `ids` alone, to initialise a prefix
/// from words: [L, n, G, D] float32 on the backbone's device, without gradients, with Prefix::positions n (0 at the site `cross`). `ids` is
/// [n] int64 on any device, n > 0, each 0 to BackboneShape::vocabulary - 1. Keys of a rotary model are rotated by the positions 0 to n - 1.
/// In an encoder-decoder, the same tokens are the encoder's input. Errors: those of Backbone::forward, such as DataError for more tokens
/// than the model has positions.
CUECARD_API Prefix keys_and_values(const Backbone& backbone, const at::Tensor& ids,
                                   PrefixSite site = PrefixSite::self);

} // namespace cuecard
