/// What the scores of a pass make of the texts that are being written: one token more behind each, or one step
/// of beam search for each prompt.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/past.hpp>

#include "engine/model.hpp"
#include "engine/next_token.hpp"
#include "engine/text_end.hpp"
#include "engine/write_watch.hpp"
#include "engine/writing.hpp"

namespace cuecard {

/// All arguments must outlive it.
class Continuation {
public:
  Continuation(Past& past, const Model& model, const TextBounds& bounds, const GenerateSettings& settings,
               const WriteWatch& watch)
      : past_(past), model_(model), bounds_(bounds), settings_(settings), watch_(watch),
        end_(model.vocabulary(), bounds, settings) {}

  /// `scores` [n, V] float32, a row for each of `rows`. Texts that are finished leave `running`, and their rows
  /// the past. Scores that are no numbers are a DataError that names the model.
  void advance(const at::Tensor& scores, const std::vector<ScoredRow>& rows);

private:
  ChosenTokens checked(ChosenTokens chosen) const;
  void extend(const ChosenTokens& chosen, const std::vector<ScoredRow>& rows);
  void take_finished(Writing& writing);
  void search(const ChosenTokens& chosen, const std::vector<ScoredRow>& rows);
  std::vector<BeamCandidate> candidates_of(const Writing& writing, const ChosenTokens& chosen,
                                           std::size_t first_row) const;
  void go_on(Writing& writing, const std::vector<BeamCandidate>& children);
  void watch(int64_t prompt, std::span<const int64_t> ids) const;

  Past& past_;
  const Model& model_;
  const TextBounds& bounds_;
  const GenerateSettings& settings_;
  const WriteWatch& watch_;
  const TextEnd end_;
};

} // namespace cuecard
