/// The training rows of one task: each example with all its prompts, in a seeded order, as batches.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include <cuecard/batch.hpp>
#include <cuecard/tuner.hpp>

#include "batch/pack.hpp"
#include "engine/counters.hpp"
#include "engine/method.hpp"
#include "engine/text_cache.hpp"

namespace cuecard {

/// A row that can't be used: no prompt can be made of it, or nothing is known to compare with.
struct UnusableRow {
  int64_t line = 0; ///< of its file; 0: unknown
  std::string reason;
};

class TrainingRows {
public:
  /// `examples` and the other references must outlive it. Rows that can't be used are left out and added to
  /// `unusable`.
  TrainingRows(const Model& model, const Method& method, const CountedBackbone& backbone,
               const std::vector<Example>& examples, std::vector<UnusableRow>& unusable);

  /// Renders all rows anew.
  void render(std::vector<UnusableRow>& unusable);

  int64_t size() const { return static_cast<int64_t>(rows_.size()); }
  std::vector<const Example*> examples() const;
  int64_t steps_per_epoch(const FitSettings& settings) const;

  /// The batches of step `step`, a function of the seed and the step alone.
  std::vector<Batch> batches(int64_t step, const FitSettings& settings, uint64_t seed);

  /// All prompts of a row that stood in a batch, and the number of the first among all.
  const std::vector<TokenizedPrompt>& prompts_of(const Example& example) const;
  int64_t first_prompt_of(const Example& example) const;

  /// A batch of items that begin as the prompts of these numbers do, up to the first learned row or trigger:
  /// that text comes from the cache where it is kept.
  Batch packed(std::vector<PackItem> items, const std::vector<int64_t>& numbers);

private:
  struct Row {
    const Example* example;
    std::vector<TokenizedPrompt> prompts;
    int64_t first_prompt = 0; ///< number of its first prompt among all
    int64_t length = 0;       ///< rows of all its prompts
  };

  int64_t batch_size(const FitSettings& settings) const;
  const std::vector<int64_t>& order_of(int64_t epoch, uint64_t seed);
  Batch packed(const std::vector<const Row*>& rows);

  const Model& model_;
  const Method& method_;
  const CountedBackbone& backbone_;
  const std::vector<Example>& examples_;
  std::vector<Row> rows_;
  std::unordered_map<const Example*, std::size_t> row_of_;
  std::unique_ptr<TextCache> texts_; ///< null where something learned stands in front of every text
  std::vector<int64_t> order_;
  int64_t ordered_epoch_ = -1;
};

} // namespace cuecard
