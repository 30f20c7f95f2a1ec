/// Training settings, as requested and as used, and the report of a run. Functions of this file may be called from several threads at once.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <cuecard/export.hpp>
#include <cuecard/options.hpp>

namespace cuecard {

/// The values of FitRequest::optimizer.
inline std::vector<std::string> optimizer_names() {
  return {"adamw", "adam", "adafactor"};
}
/// The values of FitRequest::schedule.
inline std::vector<std::string> schedule_names() {
  return {"linear", "constant", "cosine", "exponential"};
}

/// Requested settings of a run. The user's take precedence; `Tuner::defaults` fills in the method's recommended values, and
/// `resolve` whatever is still empty.
struct FitRequest {
  std::optional<int64_t> steps; ///< 1 or more
  std::optional<double> epochs; ///< instead of steps, above 0; never both
  std::optional<int64_t>
      min_steps; ///< with a length in epochs: the least number of steps, however few examples there are
  std::optional<double> learning_rate;
  std::optional<int64_t> batch_size;     ///< examples per step
  std::optional<int64_t> batch_tokens;   ///< most tokens per forward pass; larger steps accumulate gradients
  std::optional<double> warmup;          ///< fraction of the steps, 0 to 1
  std::optional<double> clip;            ///< maximum joint norm of all gradients; 0: no clipping
  std::optional<int64_t> evaluate_every; ///< steps between evaluations on the development set
  std::optional<int64_t> patience; ///< evaluations without improvement before stopping; 0: never stop early
  std::optional<std::string> optimizer; ///< one of optimizer_names
  std::optional<std::string> schedule;  ///< one of schedule_names
  std::optional<double> decay;          ///< exponential: factor of the learning rate per epoch
};

/// The complete settings of a run.
struct FitSettings {
  /// Each as in FitRequest.
  int64_t steps = 0;
  double learning_rate = 0;
  int64_t batch_size = 0, batch_tokens = 0;
  double warmup = 0, clip = 0;
  int64_t evaluate_every = 0, patience = 0;
  std::string optimizer, schedule;
  double decay = 0;
};

/// `request` with its empty fields set to the SDK's defaults: batches of 16 examples and 8,192 tokens, 5 epochs of `examples`
/// training examples (those of the largest task), AdamW at 1e-3 with a linear schedule, no warm-up, gradients clipped to 1, an
/// evaluation per epoch and at least four in a run, no early stopping. Ranges are not checked here: the host has done it.
CUECARD_API FitSettings resolve(const FitRequest& request, int64_t examples);

/// The result of `Tuner::fit`.
struct FitReport {
  int64_t steps = 0;              ///< that were done
  int64_t best_step = 0;          ///< the step whose state was kept
  double best_dev = std::nan(""); ///< the task's metric on the development set, mean over tasks; NaN: unknown
  bool stopped_early = false;
  bool cancelled = false;
  /// Why training ended before its last step, in one sentence; empty if it did not. The tuner then holds the best state found so
  /// far, or the last finite one if none was evaluated.
  std::string failure;
  /// The mean training loss of each of the `steps` steps, those before a resume included (a checkpoint has to keep them), or empty.
  std::vector<float> losses;
  /// The settings that were used, by option name, as the card records them. A search records only those that it uses.
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
