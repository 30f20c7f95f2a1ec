/// Trained keys and values in front of every layer's own: one set of rows for each place that a model has for
/// them (PrefixSite). Prefix-Tuning (Li & Liang 2021) and p-tuning v2 (Liu et al. 2022) differ in what the rows
/// come out of and where they start.
///
/// P rows; L layers, G key/value heads of D at the site. What is learned or comes out is [P, L * 2 * G * D]
/// with row p seen as [L][key, value][G][D], the layout of those papers' code and of PEFT.
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

/// The rows of one site.
class CUECARD_API TrainablePrefix {
public:
  /// `rows` [P, L * 2 * G * D] are what is learned.
  TrainablePrefix(const BackboneShape::Site& site, at::Tensor rows);
  /// What is learned is `rows` [P, any width] and a network that makes [P, L * 2 * G * D] of them.
  TrainablePrefix(const BackboneShape::Site& site, at::Tensor rows, Mlp network);

  static int64_t width(const BackboneShape::Site& site) {
    return site.layers * 2 * site.kv_heads * site.head_dim;
  }

  const BackboneShape::Site& site() const { return site_; }
  int64_t length() const { return rows_.size(0); }
  bool has_network() const { return network_.has_value(); }

  /// [P, L * 2 * G * D].
  at::Tensor values() const { return network_ ? (*network_)(rows_) : rows_; }
  /// `values` with dropout in a pass that learns, as the backbone takes them. `positions`: what
  /// Prefix::positions says.
  Prefix prefix(int64_t positions, double dropout_rate, const Pass& pass) const;

  /// Changes the network's last layer by the least that makes `values` come out (exactly so while P is not
  /// above the width inside); without a network the rows become `values`.
  void start_from(const at::Tensor& values);
  /// From now on `values` themselves are what is learned.
  void collapse(const at::Tensor& values);

  std::vector<at::Tensor*> tensors();

private:
  BackboneShape::Site site_;
  at::Tensor rows_;
  std::optional<Mlp> network_;
};

/// The two views of the same numbers.
CUECARD_API Prefix as_prefix(const at::Tensor& values, const BackboneShape::Site& site);
/// The reverse: [P, L * 2 * G * D].
CUECARD_API at::Tensor as_values(const Prefix& prefix);

/// All prefixes that a tuner learns, and what a card keeps of them: the tensors `self.key`, `self.value`
/// ([L, P, G, D]) and so on for `encoder` and `cross`.
class CUECARD_API LearnedPrefixes {
public:
  LearnedPrefixes() = default;
  /// `counted`: the rows of the sites self and encoder move the positions behind them by P. Moves everything to
  /// `device`.
  LearnedPrefixes(std::vector<TrainablePrefix> sites, bool counted, double dropout_rate,
                  const at::Device& device);

  Conditioning condition(const Pass& pass) const;
  std::vector<at::Tensor> parameters();
  /// The rows come out of networks: not so without them, and no more after `load_state` or `adopt`.
  bool have_networks() const;
  ComponentState state() const;
  /// Keys and values that were exported, or a DataError that says what was expected. They are learned directly
  /// from then on.
  void load_state(const ComponentState& learned);
  /// Takes prefixes of the same sites and sizes; else false, and why.
  bool adopt(const Conditioning& learned, std::string& why);

private:
  std::vector<TrainablePrefix> sites_;
  bool counted_ = true;
  double dropout_rate_ = 0;
  at::Device device_ = at::kCPU;
};

/// The keys and values that the model itself has at `site` for the tokens `ids` [n] int64, in front of nothing:
/// what starts a prefix from real words. Keys of a rotary model are rotated by the positions 0 to n - 1. The
/// decoder of an encoder-decoder reads them behind an input of the same words.
CUECARD_API Prefix keys_and_values(const Backbone& backbone, const at::Tensor& ids,
                                   PrefixSite site = PrefixSite::self);

} // namespace cuecard
