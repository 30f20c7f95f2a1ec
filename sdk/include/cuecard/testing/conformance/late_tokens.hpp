/// Checks of late tokens, which enter at a layer (Piece::first_layer).
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <cuecard/testing/conformance/packed_batches.hpp>
#include <cuecard/testing/conformance/sequences.hpp>
#include <cuecard/testing/packed_side.hpp>

#include <doctest/doctest.h>

namespace cuecard::testing::conformance {

/// The number of the layer that a weight belongs to: the first number between dots in its name.
inline int64_t layer_number(const std::string& weight) {
  for (std::size_t begin = 0; begin < weight.size();) {
    const std::size_t end = std::min(weight.find('.', begin), weight.size());
    const std::string part = weight.substr(begin, end - begin);
    if (!part.empty() && part.find_first_not_of("0123456789") == std::string::npos)
      return std::stoll(part);
    begin = end + 1;
  }
  return -1;
}

/// Whether some layers share their weights: then updating one layer updates all that share with it.
inline bool shares_layers(const Backbone& model) {
  std::set<int64_t> numbers;
  for (const LinearLayer& each : model.linear_layers())
    numbers.insert(layer_number(each.weight));
  return static_cast<int64_t>(numbers.size()) < input_layers(model.shape());
}

/// Updates that make the output of the layers below `layer` independent of a token's position: the output of all their linear
/// layers is zero, so nothing passes from one token to another.
inline Conditioning without_attention_below(const Backbone& model, int64_t layer) {
  Conditioning conditioning;
  for (const LinearLayer& each : model.linear_layers()) {
    REQUIRE(layer_number(each.weight) >= 0);
    if (layer_number(each.weight) < layer)
      conditioning.rescalings.push_back({each.weight, at::zeros({each.out})});
  }
  return conditioning;
}

/// Below their layer, late tokens are as if absent; from it on, they are tokens like all others.
inline void late_tokens(const Backbone& model) {
  const int64_t layers = input_layers(model.shape());
  const std::vector<int64_t> places(front.size(), 0); // ids of late tokens do not matter
  for (int64_t k = 1; k < layers; ++k) {
    CAPTURE(k);
    const Batch late = with_late_tokens(batch_of({joined(places, first)}), {4}, {k});
    Conditioning arbitrary;
    arbitrary.late_embeddings = random_states(model, 4, 1);
    CHECK(same(model.forward({late, arbitrary, nullptr, false, k}).narrow(0, 4, 3),
               model.forward({batch_of({first}), {}, nullptr, false, k})));

    // The same after a prefix, which text tokens see and late tokens do not yet.
    const BackboneShape::Site site = *std::find_if(
        model.shape().sites.begin(), model.shape().sites.end(), [&](const BackboneShape::Site& each) {
          return each.site == (model.shape().encoder_decoder ? PrefixSite::encoder : PrefixSite::self);
        });
    const std::vector<int64_t> size{site.layers, 2, site.kv_heads, site.head_dim};
    arbitrary.prefixes = {
        {site.site, Random(2).normal_tensor(size, 1.0), Random(3).normal_tensor(size, 1.0), 2}};
    CHECK(same(model.forward({late, arbitrary, nullptr, false, k}).narrow(0, 4, 3),
               model.forward({batch_of({first}), arbitrary, nullptr, false, k})));

    // If the layers below k pass nothing between tokens, late tokens that enter with real tokens' hidden states equal these.
    if (shares_layers(model))
      continue;
    const Conditioning silent = without_attention_below(model, k);
    Batch real = batch_of({joined(front, first)});
    real.input.positions = late.input.positions;
    Conditioning entering = silent;
    entering.late_embeddings = model.forward({real, silent, nullptr, false, k}).narrow(0, 0, 4);
    CHECK(same(model.forward({late, entering, nullptr, true}), model.forward({real, silent, nullptr, true})));
    CHECK(same(model.forward({late, entering}), model.forward({real, silent})));
    CHECK(!same(model.forward({late, entering}), model.forward({batch_of({first}), silent})));
  }
}

/// Sequences whose late tokens differ in number and layer, and one without, give the same in one batch as each alone.
inline void late_tokens_in_batch(const Backbone& model) {
  const int64_t layers = input_layers(model.shape());
  if (layers < 2)
    return;
  const std::vector<std::vector<int64_t>> sequences{
      {0, 0, 11, 12, 13}, {14, 15, 7}, {0, 0, 0, 8, 9}, {0, 10, 11}};
  const std::vector<int64_t> lengths{2, 0, 3, 1}, enters{layers - 1, 0, 1, layers - 1};
  Conditioning conditioning;
  conditioning.late_embeddings = random_states(model, 6, 1);
  const Batch together = with_cards(with_late_tokens(batch_of(sequences), lengths, enters), {0, 1, 2, 0});
  std::vector<at::Tensor> selected, all;
  int64_t slot = 0;
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const Batch alone = with_late_tokens(batch_of({sequences[s]}), {lengths[s]}, {enters[s]});
    Conditioning own;
    own.late_embeddings = conditioning.late_embeddings.narrow(0, slot, lengths[s]);
    slot += lengths[s];
    selected.push_back(model.forward({alone, own}));
    all.push_back(model.forward({alone, own, nullptr, true}));
  }
  CHECK(same(model.forward({together, conditioning}), at::cat(selected)));
  CHECK(same(model.forward({together, conditioning, nullptr, true}), at::cat(all)));
}

/// Late tokens that are cached, or stored once for several sequences, equal late tokens in each sequence.
inline void cached_late_tokens(const Backbone& model) {
  for (int64_t k = 1; k < model.shape().layers; ++k) {
    CAPTURE(k);
    Conditioning once, twice;
    once.late_embeddings = random_states(model, 3, 1);
    twice.late_embeddings = once.late_embeddings.repeat({2, 1});
    const std::vector<int64_t> places{0, 0, 0}, begin = joined(places, front);
    const auto whole = [&](const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
      return model.forward({with_late_tokens(batch_of({a, b}), {3, 3}, {k, k}), twice});
    };
    const at::Tensor expected = whole(joined(begin, first), joined(begin, second));
    CHECK(
        same(model.forward(
                 {with_late_tokens(batch_of({begin, first, second}, {-1, 0, 0}), {3, 0, 0}, {k, 0, 0}), once}),
             expected));

    const auto kept = std::make_shared<KvCache>();
    model.forward({with_late_tokens(batch_of({begin}), {3}, {k}), once, kept.get()});
    CHECK(kept->length(0) == 7);
    CHECK(kept->next_position(0) == 4);
    CHECK(same(model.forward({continuing(batch_of({first, second}), kept, {0, 0}), {}}), expected));

    // Late tokens alone, of which one sequence is a part of a longer one.
    const auto only = std::make_shared<KvCache>();
    model.forward({with_late_tokens(batch_of({places}), {3}, {k}), once, only.get()});
    CHECK(only->next_position(0) == 0);
    const at::Tensor from_late =
        model.forward({continuing(batch_of({joined(front, first), joined(front, second)}), only, {0, 0}), {}});
    CHECK(same(from_late, expected));
    CHECK(kept->fork(0, 3) == 1);
    CHECK(kept->next_position(1) == 0);
    const int64_t copied = kept->copy(*only, 0, 3);
    for (const int64_t cached : {int64_t{1}, copied})
      CHECK(same(model.forward({continuing(batch_of({joined(front, first)}), kept, {cached}), {}}),
                 expected.narrow(0, 0, 1)));
    const auto chosen = std::make_shared<KvCache>(kept->select({1, 0}));
    CHECK(same(model.forward({continuing(batch_of({joined(front, first), second}), chosen, {0, 1}), {}}),
               expected));

    // Token by token.
    std::vector<int64_t> a = begin, b = joined(places, second);
    const auto growing = std::make_shared<KvCache>();
    model.forward({with_late_tokens(batch_of({a, b}), {3, 3}, {k, k}), twice, growing.get()});
    for (const int64_t token : {5, 6, 7}) {
      a.push_back(token);
      b.push_back(token + 3);
      const Batch step = continuing(batch_of({{token}, {token + 3}}), growing, {0, 1});
      CHECK(same(model.forward({step, {}, growing.get()}), whole(a, b)));
    }
  }
}

} // namespace cuecard::testing::conformance
