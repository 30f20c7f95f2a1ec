/// Extends the running texts by the logits of a pass: one token for each text, or one step of beam search for
/// each prompt.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/kv_cache.hpp>

#include "engine/generate/next_token.hpp"
#include "engine/generate/prompt_generation.hpp"
#include "engine/generate/text_end.hpp"
#include "engine/generate/token_callback.hpp"
#include "engine/model.hpp"

namespace cuecard {

/// All arguments must outlive it.
class Continuation {
public:
  Continuation(KvCache& cache, const Model& model, const TextBounds& bounds, const GenerateSettings& settings,
               const TokenCallback& watch)
      : cache_(cache), model_(model), bounds_(bounds), settings_(settings), watch_(watch),
        end_(model.vocabulary(), bounds, settings) {}

  /// `scores` [n, V] float32: logits, a row for each of `rows`. Finished texts are removed from `running`, and
  /// their sequences from the cache. DataError that names the model when logits are not finite.
  void advance(const at::Tensor& scores, const std::vector<ScoredRow>& rows);

private:
  ChosenTokens checked(ChosenTokens chosen) const;
  void extend(const ChosenTokens& chosen, const std::vector<ScoredRow>& rows);
  void take_finished(PromptGeneration& generation);
  void search(const ChosenTokens& chosen, const std::vector<ScoredRow>& rows);
  std::vector<BeamCandidate> candidates_of(const PromptGeneration& generation, const ChosenTokens& chosen,
                                           std::size_t first_row) const;
  void go_on(PromptGeneration& generation, const std::vector<BeamCandidate>& children);
  void watch(int64_t prompt, std::span<const int64_t> ids) const;

  KvCache& cache_;
  const Model& model_;
  const TextBounds& bounds_;
  const GenerateSettings& settings_;
  const TokenCallback& watch_;
  const TextEnd end_;
};

} // namespace cuecard
