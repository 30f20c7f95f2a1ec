/// AutoPrompt (Shin et al. 2020): tokens for the template's trigger slots, proposed by gradients at the slots
/// and accepted when they lower the exact loss. The result is text, so the card is a plain prompt.
#pragma once

#include <string>
#include <vector>

#include <cuecard/extensions/token_search.hpp>
#include <cuecard/options.hpp>
#include <cuecard/tuner.hpp>

#include "search.hpp"

namespace cuecard {

class AutoPrompt final : public Tuner {
public:
  explicit AutoPrompt(const Options& options);

  void prepare(const Problem& problem) override;
  /// Puts the current trigger into the slots, overriding the batch's tokens.
  Conditioning condition(const ConditionArgs& args) const override;
  FitRequest defaults(const FitRequest& request) const override;
  FitReport fit(Engine& engine) override;

private:
  /// Computes which tokens a slot may take; depends on the label words.
  void set_allowed_tokens(const Problem& problem);
  /// Finds label words from hidden states at the answer slot, under the initial trigger.
  void search_label_words(Engine& engine, FitReport& report);

  struct Step {
    double loss = 0; ///< of the trigger after the step, mean over the evaluation batches
    bool accepted = false;
  };

  /// The trigger that restart number `restart` begins with, [slots].
  at::Tensor initial_trigger(int64_t restart) const;
  /// The `candidates_` tokens for `slot` that lower the loss most to first order (Shin et al. 2020, equation
  /// 3).
  at::Tensor candidates(Engine& engine, TokenSearch& token_search, int64_t first_step, int64_t slot) const;
  /// One iteration: evaluates candidates for one slot exactly and accepts the best if it improves on the
  /// current token.
  Step improve(Engine& engine, TokenSearch& token_search);
  /// Evaluates on the development set after a token was accepted.
  double evaluate(Engine& engine);
  /// Ends a restart. Without a development set, restarts are compared by the loss of their last triggers.
  void finish_restart(Engine& engine);
  /// Writes the best trigger into the template.
  void apply_best(Engine& engine, FitReport& report);

  int64_t iterations_, candidates_, accumulation_, restarts_, label_words_, label_epochs_;
  bool filter_, by_accuracy_;
  std::string init_;

  uint64_t seed_ = 0;
  Template* template_ = nullptr;
  const Verbalizer* verbalizer_ = nullptr;
  const Backbone* backbone_ = nullptr;
  std::vector<int64_t> allowed_;         ///< tokens that a slot may take
  std::vector<int64_t> initial_trigger_; ///< of the first restart
  at::Tensor penalty_;                   ///< [vocabulary] float32: 0 where allowed, else -infinity
  TriggerSearch search_;
};

} // namespace cuecard
