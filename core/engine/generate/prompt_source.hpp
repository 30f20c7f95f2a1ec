/// The interface through which a generator receives prompts and returns their texts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <cuecard/example.hpp>
#include <cuecard/scorer.hpp>

#include "batch/assemble.hpp"

namespace cuecard {

/// A prompt to continue.
struct PendingPrompt {
  int64_t number = 0; ///< the caller's name for it, unique in a run
  int64_t stream = 0; ///< of random numbers, where its texts are sampled
  TokenizedPrompt prompt;
  const Example* example = nullptr;
  int64_t card = 0;
  std::shared_ptr<const GenerateSettings> settings;
};

/// Prompts may arrive while others are being continued: the generator asks before each step whether there is room for more. All
/// functions are called on the generator's thread. An exception ends the run.
class PromptSource {
public:
  virtual ~PromptSource() = default;

  /// The next prompt, or none: the run ends when those that it has are finished.
  virtual std::optional<PendingPrompt> next() = 0;
  /// Called for each new token, with the tokens of the prompt's first text so far (in beam search: no tokens). False: its texts are
  /// dropped, and `finished` is not called for it.
  virtual bool token(int64_t number, std::span<const int64_t> ids) = 0;
  /// `settings->returns` texts, best first. `most`: the tokens that each could have had, by its settings and by the positions that its
  /// prompt left.
  virtual void finished(int64_t number, std::vector<Generated> texts, int64_t most) = 0;
  /// After each step. Prompts may be scored here, but no text may be generated.
  virtual void stepped() {}
};

} // namespace cuecard
