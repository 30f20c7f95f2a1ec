/// Runs prompts of any mixture of cards through one frozen model, batch by batch. Prediction, scoring and
/// generation use it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include <cuecard/example.hpp>
#include <cuecard/prompt.hpp>

#include "batch/batch_part.hpp"
#include "batch/pack.hpp"
#include "engine/card_mix.hpp"
#include "engine/counters.hpp"
#include "engine/predict/ensemble.hpp"
#include "engine/predict/example_notes.hpp"
#include "engine/task_pipeline.hpp"

namespace cuecard {

class CardPrefixCache;

struct PredictSettings {
  int64_t batch_size = 32;     ///< examples per forward pass
  int64_t batch_tokens = 4096; ///< most tokens per forward pass
  Vote vote = Vote::mean;      ///< how the members of an ensemble decide
  /// Maximum memory for the keys and values of cards' common prefixes; the least recently used ones are dropped.
  int64_t prefix_bytes = int64_t{1} << 30;
};

/// One prompt to run.
struct RunItem {
  int64_t index = 0; ///< of its example, or its prompt, among the caller's
  const Example* example = nullptr;
  int64_t card = 0;
  TokenizedPrompt prompt;
};

/// What to run: `count` examples or prompts, and the items of each. One that can't be used has none.
struct RunSource {
  int64_t count = 0;
  std::function<std::vector<RunItem>(int64_t index)> items;
};

/// The result of one forward pass: items sorted by card, and the hidden states of their selected tokens.
struct ForwardBatch {
  std::vector<RunItem> items;
  Batch batch;
  at::Tensor hidden;

  /// Calls `use(card, first, part, hidden)` for each run of entries of one card: the number of the first, these
  /// entries alone, and the hidden states of their selected tokens.
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

/// Threads: one at a time.
class BatchRunner {
public:
  /// Adds `pipelines`, numbered from 0. On causal models the common prefix of a card's prompts is forwarded once and then taken
  /// from a cache.
  BatchRunner(const Model& model, const std::vector<const TaskPipeline*>& pipelines,
              const PredictSettings& settings);
  ~BatchRunner();

  /// Adds a pipeline, which must live until it is removed, and returns its number. Conditioning that does not depend on the input
  /// is computed once, here.
  int64_t add(const TaskPipeline& pipeline);
  /// Removes pipeline number `card` and what is cached for it. The number is free for the next one.
  void remove(int64_t card);

  /// Number of the pipeline that an example goes to: the first that its `card` names, or the only one.
  std::optional<int64_t> find(const Example& example) const;
  /// The same; DataError when there is none.
  int64_t pipeline_of(const Example& example) const;

  /// Examples, rendered and edited by their pipelines. `notes` must have an entry for each of them; they are
  /// filled in as the examples are taken.
  RunSource examples(const std::vector<const Example*>& examples, ExampleNotes& notes);
  /// Prompts of the first pipeline as they are, with the tokens `positions` selected.
  RunSource prompts(const std::vector<Prompt>& prompts, const OutputPositions& positions) const;

  /// Runs everything in order, and calls `use` after each forward pass.
  void run(const RunSource& source, const std::function<void(const ForwardBatch&)>& use);

  /// By example: its representation, where its pipeline's tuner requests one (EditArgs::representation).
  std::vector<at::Tensor> representations_of(const std::vector<const Example*>& examples);

  const Model& model() const { return model_; }
  const PredictSettings& settings() const { return settings_; }
  const TaskPipeline& pipeline(int64_t card) const { return *pipelines_[static_cast<std::size_t>(card)]; }
  CountedBackbone backbone(int64_t card) { return pipeline(card).backbone(model_, counters_); }
  CardMix& mix() { return mix_; }
  const Counters& counters() const { return counters_; }

private:
  ForwardBatch forward(std::vector<RunItem> items);

  const Model& model_;
  std::vector<const TaskPipeline*> pipelines_; ///< by number; null for one that was removed
  std::multimap<std::string, int64_t, std::less<>> by_name_;
  PredictSettings settings_;
  Counters counters_;
  CardMix mix_;
  std::unique_ptr<CardPrefixCache> prefixes_;
};

} // namespace cuecard
