/// For tests of backbone plugins: packed batches from plain lists of token ids.
#pragma once

#include <map>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <cuecard/batch.hpp>

namespace cuecard::testing {

/// The values as an int64 tensor [n] on the CPU.
inline at::Tensor long_tensor(std::vector<int64_t> values) {
  return at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kLong).clone();
}

/// `batch` with `tokens` of its answer side selected, ascending, as one entry each.
inline Batch with_selected(Batch batch, const std::vector<int64_t>& tokens) {
  batch.answer_tokens = long_tensor(tokens);
  batch.answer_tokens_host = tokens;
  batch.answer_offsets = {0};
  batch.sequence_of.clear();
  batch.cards.clear();
  const Side& side = batch.answer_side();
  std::size_t s = 0;
  for (const int64_t token : tokens) {
    while (side.offsets[s + 1] <= token)
      ++s;
    batch.answer_offsets.push_back(batch.answer_offsets.back() + 1);
    batch.sequence_of.push_back(static_cast<int64_t>(s));
    batch.cards.push_back(side.cards[s]);
  }
  return batch;
}

/// Sequences end to end, the last token of each selected as an entry, all of card 0. `parents[s]`, when given,
/// is the parent of sequence s or -1: its positions continue after its parent's, and parents have no selected
/// token.
inline Batch batch_of(const std::vector<std::vector<int64_t>>& sequences,
                      const std::vector<int64_t>& parents = {}) {
  Batch batch;
  std::vector<int64_t> ids, positions, selected;
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const int64_t parent = parents.empty() ? -1 : parents[s];
    const int64_t start =
        parent < 0 ? 0 : static_cast<int64_t>(sequences[static_cast<std::size_t>(parent)].size());
    for (std::size_t i = 0; i < sequences[s].size(); ++i) {
      ids.push_back(sequences[s][i]);
      positions.push_back(start + static_cast<int64_t>(i));
    }
    batch.input.offsets.push_back(static_cast<int64_t>(ids.size()));
    batch.input.parent.push_back(parent);
    batch.input.cards.push_back(0);
    bool is_parent = false;
    for (int64_t other : parents)
      is_parent = is_parent || other == static_cast<int64_t>(s);
    if (!is_parent)
      selected.push_back(static_cast<int64_t>(ids.size()) - 1);
  }
  batch.input.ids = long_tensor(ids);
  batch.input.positions = long_tensor(positions);
  return with_selected(std::move(batch), selected);
}

/// For encoder-decoders: output sequence s attends to input sequence s.
inline Batch batch_of_pairs(const std::vector<std::vector<int64_t>>& inputs,
                            const std::vector<std::vector<int64_t>>& outputs) {
  Batch batch = batch_of(outputs);
  batch.output = std::move(batch.input);
  batch.input = batch_of(inputs).input;
  for (std::size_t s = 0; s < outputs.size(); ++s)
    batch.source_of.push_back(static_cast<int64_t>(s));
  return batch;
}

/// `batch` with sequence s, on both sides, of card cards[s].
inline Batch with_cards(Batch batch, const std::vector<int64_t>& cards) {
  batch.input.cards = cards;
  if (batch.output)
    batch.output->cards = cards;
  const std::vector<int64_t> selected = batch.answer_tokens_host;
  return with_selected(std::move(batch), selected);
}

/// `batch` with the first lengths[s] tokens of input sequence s entering at layer layers[s]. Late tokens have
/// the position of the token after them, and row i of BatchConditioning::late_embeddings is for the i-th of
/// them.
inline Batch with_late_tokens(Batch batch, const std::vector<int64_t>& lengths,
                              const std::vector<int64_t>& layers) {
  Side& side = batch.input;
  std::vector<int64_t> positions, ends;
  std::map<int64_t, std::vector<int64_t>> tokens, slots; // by layer
  int64_t slot = 0;
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    int64_t position = side.parent[s] < 0 ? 0 : ends[static_cast<std::size_t>(side.parent[s])];
    for (int64_t token = side.offsets[s]; token < side.offsets[s + 1]; ++token) {
      positions.push_back(position);
      if (token - side.offsets[s] >= lengths[s]) {
        ++position;
        continue;
      }
      tokens[layers[s]].push_back(token);
      slots[layers[s]].push_back(slot++);
    }
    ends.push_back(position);
  }
  side.positions = long_tensor(positions);
  side.late.clear();
  for (const auto& [layer, of_layer] : tokens)
    side.late.push_back({layer, long_tensor(of_layer), long_tensor(slots[layer])});
  side.late_lengths = lengths;
  side.late_layers = layers;
  return batch;
}

} // namespace cuecard::testing
