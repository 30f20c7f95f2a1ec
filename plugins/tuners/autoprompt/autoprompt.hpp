/// AutoPrompt (Shin et al. 2020): tokens for the template's trigger slots, found by gradients at the slots and
/// kept when they lower the exact loss. What is found is text, so the card is a plain prompt.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/tuner.hpp>

#include "search.hpp"

namespace cuecard {

class AutoPrompt final : public Tuner {
public:
  explicit AutoPrompt(const Options& options);

  void prepare(const Problem& problem) override;
  /// The trigger under search stands in the slots, whatever the batch holds there.
  Conditioning condition(int64_t task, const Pass& pass) const override;
  FitSettings defaults(const FitSettings& asked) const override;
  FitReport fit(Engine& engine) override;

private:
  /// The tokens that a slot may take, given what the answers now are.
  void allow(const Problem& problem);
  /// Words for the labels from the training rows' states at the answer slot, under the first trigger.
  void search_label_words(Engine& engine, FitReport& report);

  struct Step {
    double loss = 0; ///< of what was kept, mean over the evaluation batches
    bool accepted = false;
  };

  /// The tokens that search number `restart` begins with, [slots].
  at::Tensor start(int64_t restart) const;
  /// The `candidates_` tokens for `slot` that the loss falls most with to first order (the paper's equation 3).
  at::Tensor candidates(Engine& engine, int64_t first_step, int64_t slot) const;
  /// One iteration: candidates for one slot, evaluated exactly, the best taken when it is better than what
  /// stands there.
  Step improve(Engine& engine);
  /// A look at the dev rows, after a trigger was accepted.
  double look(Engine& engine);
  /// The end of one of the searches. Without dev rows their last triggers are compared by loss.
  void settle(Engine& engine);
  /// The best that was found becomes the template's.
  void keep_best(Engine& engine, FitReport& report);

  int64_t iterations_, candidates_, accumulation_, restarts_, label_words_, label_epochs_;
  bool filter_, by_accuracy_;
  std::string init_;

  uint64_t seed_ = 0;
  Template* template_ = nullptr;
  const Verbalizer* verbalizer_ = nullptr;
  const Backbone* backbone_ = nullptr;
  std::vector<int64_t> allowed_; ///< tokens that a slot may take
  std::vector<int64_t> start_;   ///< of the first search
  at::Tensor penalty_;           ///< [vocabulary] float32: 0 where allowed, else -infinity
  TriggerSearch search_;
};

} // namespace cuecard
