/// How long and how fast to train: what was requested, what is done, and what came of it.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <cuecard/export.hpp>
#include <cuecard/options.hpp>

namespace cuecard {

/// Settings of a run that were given. The user's come first; `Tuner::defaults` fills in what the method does well with; what is
/// still empty is filled in by `resolve`.
struct FitRequest {
  std::optional<int64_t> steps;
  std::optional<double> epochs; ///< instead of steps
  std::optional<int64_t>
      min_steps; ///< with a length in epochs: at least as many steps, however few the examples are
  std::optional<double> learning_rate;
  std::optional<int64_t> batch_size;   ///< examples per step
  std::optional<int64_t> batch_tokens; ///< most tokens per forward pass; a larger step is split and accumulated
  std::optional<double> warmup;        ///< fraction of the steps, 0 to 1
  std::optional<double> clip;          ///< largest norm of all gradients together; 0: no clipping
  std::optional<int64_t> evaluate_every; ///< steps between evaluations on the development set
  std::optional<int64_t> patience; ///< evaluations without improvement before stopping; 0: never stop early
  std::optional<std::string> optimizer; ///< adamw | adafactor | adam
  std::optional<std::string> schedule;  ///< linear | constant | cosine | exponential
  std::optional<double> decay;          ///< exponential: factor of the learning rate per epoch
};

/// The settings of a run, complete.
struct FitSettings {
  int64_t steps = 0;
  double learning_rate = 0;
  int64_t batch_size = 0, batch_tokens = 0;
  double warmup = 0, clip = 0;
  int64_t evaluate_every = 0, patience = 0;
  std::string optimizer, schedule;
  double decay = 0;
};

/// `request` with the SDK's defaults for what is empty: batches of 16 examples and 8,192 tokens, 5 epochs of `examples` training
/// examples (those of the largest task), AdamW at 1e-3 with a linear schedule, no warm-up, gradients clipped to 1, an evaluation
/// per epoch and at least four in a run, no early stopping.
CUECARD_API FitSettings resolve(const FitRequest& request, int64_t examples);

/// What `Tuner::fit` did.
struct FitReport {
  int64_t steps = 0;
  int64_t best_step = 0;
  double best_dev = std::nan(""); ///< the task's metric on the development set, mean over tasks; NaN: unknown
  bool stopped_early = false;
  bool cancelled = false;
  /// Why training ended before its last step with the best state that it had found, in one sentence; empty if it did not.
  std::string failure;
  std::vector<float> losses; ///< mean training loss of each step
  /// The settings that were used, by option name, as the card records them. A search records only those that it has.
  Options settings;
  /// The result is entirely in the template (trigger tokens, text) and the label words: the card is a plain prompt, and needs no
  /// tuner.
  bool plain_prompt = false;
  /// Label words that a search found, [label][words], instead of the task's. Empty: unchanged.
  std::vector<std::vector<std::string>> label_words;
};

/// The settings of the gradient loop as a card records them.
CUECARD_API Options recorded(const FitSettings& settings);

} // namespace cuecard
