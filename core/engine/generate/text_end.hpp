/// Decides where a generated text ends, and makes its result.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <cuecard/scorer.hpp>
#include <cuecard/vocabulary.hpp>

#include "engine/generate/text_bounds.hpp"

namespace cuecard {

/// All arguments must outlive it.
class TextEnd {
public:
  TextEnd(const Vocabulary& vocabulary, const TextBounds& bounds, const GenerateSettings& settings)
      : vocabulary_(vocabulary), bounds_(bounds), settings_(settings) {}

  /// Whether the text of tokens `ids` is finished by an end-of-sequence token, a stop text, or `most` tokens.
  bool ended(std::span<const int64_t> ids, int64_t most) const;
  /// `ids` without an end-of-sequence token.
  std::span<const int64_t> without_end(std::span<const int64_t> ids) const;
  /// The result for `ids`; its text ends before a stop text.
  Generated generated(std::span<const int64_t> ids, double log_prob) const;

private:
  /// Offset of the first stop text, or npos.
  std::size_t stop_in(const std::string& text) const;

  const Vocabulary& vocabulary_;
  const TextBounds& bounds_;
  const GenerateSettings& settings_;
};

} // namespace cuecard
