/// Extends the running texts by the logits of a pass: one token for each text, or one step of beam search for
/// each prompt. Every prompt has settings of its own.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/kv_cache.hpp>

#include "engine/generate/next_token.hpp"
#include "engine/generate/prompt_generation.hpp"
#include "engine/generate/prompt_source.hpp"
#include "engine/generate/text_bounds.hpp"
#include "engine/generate/text_end.hpp"
#include "engine/model.hpp"

namespace cuecard {

/// All arguments must outlive it.
class Continuation {
public:
  Continuation(KvCache& cache, const Model& model, const TextBounds& bounds, PromptSource& source)
      : cache_(cache), model_(model), bounds_(bounds), source_(source) {}

  /// `scores` [n, V] float32: logits, a row for each of `rows`. Finished texts are removed from `running`, and
  /// their sequences from the cache; so are those of a prompt that the source drops. DataError that names the model when logits are
  /// not finite.
  void advance(const at::Tensor& scores, const std::vector<ScoredRow>& rows);

private:
  /// `advance` for rows that all have these settings.
  void advance(const at::Tensor& scores, const std::vector<ScoredRow>& rows, const GenerateSettings& settings);
  ChosenTokens checked(ChosenTokens chosen) const;
  void extend(const ChosenTokens& chosen, const std::vector<ScoredRow>& rows);
  void take_finished(PromptGeneration& generation);
  void search(const ChosenTokens& chosen, const std::vector<ScoredRow>& rows);
  std::vector<BeamCandidate> candidates_of(const PromptGeneration& generation, const ChosenTokens& chosen,
                                           std::size_t first_row) const;
  void go_on(PromptGeneration& generation, const std::vector<BeamCandidate>& children);
  void tell(PromptGeneration& generation, std::span<const int64_t> ids);
  TextEnd end_of(const PromptGeneration& generation) const {
    return {model_.vocabulary(), bounds_, *generation.settings};
  }

  KvCache& cache_;
  const Model& model_;
  const TextBounds& bounds_;
  PromptSource& source_;
};

} // namespace cuecard
