/// Rows on their way through a predictor: where they come from, and what one pass over them gives.
#pragma once

#include <numeric>

#include "batch/batch_part.hpp"
#include "engine/predictor.hpp"

namespace cuecard {

/// One prompt on its way through the model.
struct Predictor::Row {
  int64_t index = 0; ///< of its example, or its prompt, among the caller's
  const Example* example = nullptr;
  int64_t card = 0;
  TokenizedPrompt prompt;
};

/// What shall go through the model: `count` examples or prompts, and how each becomes rows. A row that can't be
/// used has none.
struct Predictor::Source {
  int64_t count = 0;
  std::function<std::vector<Row>(int64_t index)> rows;
};

/// One forward pass: rows sorted by card, and hidden states where they are read.
struct Predictor::Chunk {
  std::vector<Row> rows;
  Batch batch;
  at::Tensor hidden;

  /// Calls `use(card, first, part, hidden)` for each run of entries of one card: the number of the first, the
  /// entries alone, and the hidden states of what is read of them.
  template <class F>
  void for_each_card(F&& use) const {
    for (int64_t first = 0; first < batch.size();) {
      int64_t last = first + 1;
      while (last < batch.size() && batch.cards[last] == batch.cards[first])
        ++last;
      if (last - first == batch.size()) {
        use(batch.cards[first], first, batch, hidden);
      } else {
        std::vector<int64_t> entries(static_cast<std::size_t>(last - first));
        std::iota(entries.begin(), entries.end(), first);
        const BatchPart part = part_of(batch, entries);
        use(batch.cards[first], first, part.batch, hidden.index_select(0, part.answers));
      }
      first = last;
    }
  }
};

} // namespace cuecard
