/// The training examples of one task with all their prompts, batched in a seeded order.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include <cuecard/batch.hpp>
#include <cuecard/tuner.hpp>

#include "batch/pack.hpp"
#include "engine/checks/slot_counts.hpp"
#include "engine/counters.hpp"
#include "engine/prefix_cache/training_prefix_cache.hpp"
#include "engine/task_pipeline.hpp"

namespace cuecard {

/// An example that can't be used: no prompt can be made of it, or it has no gold answer.
struct SkippedExample {
  int64_t line = 0; ///< of its file; 0: unknown
  std::string reason;
};

class TrainingSet {
public:
  /// The references must outlive it. Examples that can't be used are added to `skipped`.
  TrainingSet(const Model& model, const TaskPipeline& pipeline, const CountedBackbone& backbone,
              const std::vector<Example>& examples, std::vector<SkippedExample>& skipped);

  /// Renders all examples again.
  void render(std::vector<SkippedExample>& skipped);

  /// What truncation removed from the examples.
  const CutExamples& cut() const { return cut_; }

  /// Soft slots of all prompts.
  const SlotCounts& slots() const { return slots_; }

  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  std::vector<const Example*> examples() const;
  int64_t steps_per_epoch(const FitSettings& settings) const;

  /// The batches of step `step`, a function of the seed and the step alone; of several ranks, the part of one.
  std::vector<Batch> batches(int64_t step, const FitSettings& settings, uint64_t seed, int64_t rank = 0,
                             int64_t ranks = 1);
  /// Examples in step `step`, of all ranks.
  int64_t examples_in(int64_t step, const FitSettings& settings) const;

  /// All prompts of an example that was in a batch, and the number of the first among all.
  const std::vector<TokenizedPrompt>& prompts_of(const Example& example) const;
  int64_t first_prompt_of(const Example& example) const;

  /// A batch of `items`; item i begins like prompt `numbers[i]` up to the first soft or trigger slot, and that
  /// text comes from the cache where it is cached.
  Batch packed(std::vector<PackItem> items, const std::vector<int64_t>& numbers);

  /// Features of the examples of `batch` (Tuner::input_features): [examples, width], computed once per example.
  at::Tensor input_features(const Batch& batch);

private:
  struct Entry {
    const Example* example;
    std::vector<TokenizedPrompt> prompts;
    int64_t first_prompt = 0; ///< number of its first prompt among all
    int64_t length = 0;       ///< tokens of all its prompts
    at::Tensor features = {}; ///< [width], for input-dependent tuners; undefined: not computed yet
  };

  int64_t batch_size(const FitSettings& settings) const;
  const std::vector<int64_t>& order_of(int64_t epoch, uint64_t seed);
  std::vector<const Entry*> entries_of(int64_t step, const FitSettings& settings, uint64_t seed);
  Batch packed(const std::vector<const Entry*>& entries);

  const Model& model_;
  const TaskPipeline& pipeline_;
  const CountedBackbone& backbone_;
  const std::vector<Example>& examples_;
  std::vector<Entry> entries_;
  SlotCounts slots_;
  CutExamples cut_;
  std::unordered_map<const Example*, std::size_t> entry_of_;
  std::unique_ptr<TrainingPrefixCache> prefixes_; ///< null where trained parameters precede or change all text
  std::vector<int64_t> order_;
  int64_t ordered_epoch_ = -1;
};

} // namespace cuecard
