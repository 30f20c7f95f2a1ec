/// For tests of backbone plugins: packed batches from plain lists of token ids.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <cuecard/batch.hpp>

namespace cuecard::testing {

inline at::Tensor long_tensor(std::vector<int64_t> values) {
  return at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kLong).clone();
}

/// Sequences end to end, the last row of each read. `parents[s]`, when given: the sequence in front of sequence
/// s; such a sequence's positions go on where its parent's end, and parents are not read.
inline Batch batch_of(const std::vector<std::vector<int64_t>>& sequences,
                      const std::vector<int64_t>& parents = {}) {
  Batch batch;
  std::vector<int64_t> ids, positions, read;
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
      read.push_back(static_cast<int64_t>(ids.size()) - 1);
  }
  batch.input.ids = long_tensor(ids);
  batch.input.positions = long_tensor(positions);
  batch.answer_rows = long_tensor(read);
  batch.answer_rows_host = read;
  return batch;
}

} // namespace cuecard::testing
