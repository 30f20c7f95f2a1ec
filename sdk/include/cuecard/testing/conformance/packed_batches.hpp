/// Checks of packed batches: independent sequences, slots, prefixes, parents and cached sequences.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <cuecard/kv_cache.hpp>
#include <cuecard/parts/training/trainable_prefix.hpp>
#include <cuecard/testing/conformance/sequences.hpp>
#include <cuecard/testing/packed_side.hpp>

#include <doctest/doctest.h>

namespace cuecard::testing::conformance {

/// A sequence gives the same in a batch as alone, whichever tokens are selected.
inline void batch_invariance(const Backbone& model) {
  const at::Tensor together = model.forward({batch_of({front, second, joined(first, front)}), {}});
  CHECK(same(together[0], model.forward({batch_of({front}), {}})[0]));
  CHECK(same(together[1], model.forward({batch_of({second}), {}})[0]));
  CHECK(same(together[2], model.forward({batch_of({joined(first, front)}), {}})[0]));

  const Batch both = batch_of({front, first});
  const at::Tensor all = model.forward({both, {}, nullptr, true});
  CHECK(all.size(0) == 7);
  CHECK(same(model.forward({with_selected(both, {1, 2, 5}), {}}), all.index_select(0, long_tensor({1, 2, 5}))));
}

/// In a causal model a token attends to no later one, otherwise to all; and its position matters.
inline void attention_direction(const Backbone& model) {
  const at::Tensor state = model.forward({with_selected(batch_of({{7, 8, 9}}), {1}), {}});
  const at::Tensor other_follows = model.forward({with_selected(batch_of({{7, 8, 10}}), {1}), {}});
  CHECK(same(state, other_follows) == model.shape().causal);
  const at::Tensor order = model.forward({batch_of({{7, 8, 9}}), {}});
  CHECK(!same(order, model.forward({batch_of({{8, 7, 9}}), {}})));
}

/// A soft slot with a word's embedding is equivalent to that word, and so is a trigger slot with its id.
inline void slots(const Backbone& model) {
  const at::Tensor whole = model.forward({batch_of({joined(front, first)}), {}});
  Batch soft = batch_of({joined(front, first)});
  soft.input.ids[1] = soft.input.ids[2] = 0;
  Batch trigger = soft;
  trigger.input.ids = soft.input.ids.clone();
  soft.input.soft_tokens = long_tensor({1, 2});
  soft.input.soft_slots = long_tensor({1, 0});
  Conditioning embeddings;
  embeddings.embeddings = model.token_vectors(TokenTable::input, long_tensor({9, 8}));
  CHECK(same(model.forward({soft, embeddings}), whole));
  trigger.input.trigger_tokens = long_tensor({1, 2});
  trigger.input.trigger_slots = long_tensor({1, 0});
  Conditioning tokens;
  tokens.triggers = long_tensor({9, 8});
  CHECK(same(model.forward({trigger, tokens}), whole));
}

/// A prefix of real tokens' keys and values equals those tokens, positions counted, for the card and the input
/// that have it. Real tokens' keys in later layers of a bidirectional model depend on what follows them, so
/// such a model must have one layer here.
inline void prefix(const Backbone& model) {
  REQUIRE((model.shape().causal || model.shape().layers == 1));
  BatchConditioning conditioning;
  conditioning.prefixes = {keys_and_values(model, long_tensor(front))};
  conditioning.prefix_cards = {0};
  const at::Tensor with = model.forward({batch_of({joined(front, first)}), {}}),
                   without = model.forward({batch_of({second}), {}});
  const Batch both = batch_of({first, second});
  const at::Tensor of_card = model.forward({with_cards(both, {0, 1}), conditioning});
  CHECK(same(of_card[0], with[0]));
  CHECK(same(of_card[1], without[0]));

  conditioning.prefixes[0].input = 2;
  Batch inputs = both;
  inputs.input.inputs = {2, 0};
  const at::Tensor of_input = model.forward({inputs, conditioning});
  CHECK(same(of_input[0], with[0]));
  CHECK(same(of_input[1], without[0]));
}

/// A parent's tokens, stored once, equal the same tokens in each of its children; so do those of a parent's
/// parent.
inline void parents(const Backbone& model) {
  const at::Tensor apart = model.forward({batch_of({joined(front, first), joined(front, second)}), {}});
  CHECK(same(apart, model.forward({batch_of({front, first, second}, {-1, 0, 0}), {}})));

  const std::vector<int64_t> text = joined(front, first);
  const at::Tensor answers = model.forward({batch_of({joined(text, {5}), joined(text, {6, 7})}), {}});
  Batch nested = batch_of({front, first, {5}, {6, 7}}, {-1, 0, 1, 1});
  nested.input.positions = long_tensor({0, 1, 2, 3, 4, 5, 6, 7, 7, 8});
  CHECK(same(answers, model.forward({nested, {}})));
}

/// `batch` with sequence s continuing the cached sequence which[s].
inline Batch continuing(Batch batch, const std::shared_ptr<const KvCache>& cache,
                        const std::vector<int64_t>& which) {
  batch.cache = cache;
  batch.input.cache_of = which;
  return batch;
}

/// Cached tokens equal tokens that are forwarded again: a cache that is shared, and one of several sequences
/// that forks and grows token by token.
inline void cache(const Backbone& model) {
  const auto kept = std::make_shared<KvCache>();
  model.forward({batch_of({front}), {}, kept.get()});
  CHECK(same(model.forward({continuing(batch_of({first, second}), kept, {0, 0}), {}}),
             model.forward({batch_of({joined(front, first), joined(front, second)}), {}})));

  const auto growing = std::make_shared<KvCache>();
  model.forward({batch_of({front, {3, 4}}), {}, growing.get()});
  REQUIRE(growing->fork(0) == 2);
  const std::vector<std::vector<int64_t>> steps{{5, 6, 7}, {8, 9, 10}, {11, 12, 13}};
  std::vector<std::vector<int64_t>> whole{front, {3, 4}, front};
  for (const std::vector<int64_t>& step : steps) {
    const Batch batch = continuing(batch_of({{step[0]}, {step[1]}, {step[2]}}), growing, {0, 1, 2});
    const at::Tensor got = model.forward({batch, {}, growing.get()});
    for (std::size_t s = 0; s < 3; ++s)
      whole[s].push_back(step[s]);
    CHECK(same(got, model.forward({batch_of(whole), {}})));
  }
  CHECK(growing->num_sequences() == 3);
  CHECK(growing->length(2) == 7);
  const auto alone = std::make_shared<KvCache>(growing->select({2}));
  CHECK(alone->num_sequences() == 1);
  CHECK(alone->length(0) == 7);
  CHECK(alone->bytes() < growing->bytes());
  CHECK(same(model.forward({continuing(batch_of({second}), alone, {0}), {}}),
             model.forward({batch_of({joined(whole[2], second)}), {}})));
}

} // namespace cuecard::testing::conformance
