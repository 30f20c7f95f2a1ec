/// Tokens that a model's generated texts begin and end with.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <cuecard/configuration.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard {

struct TextBounds {
  std::vector<int64_t> ends;    ///< end-of-sequence tokens, the tokenizer's included
  std::optional<int64_t> first; ///< forced first token of an encoder-decoder (BART)
  std::optional<int64_t> last;  ///< forced last token at the length limit

  bool end(int64_t id) const;
};

/// From `eos_token_id`, `forced_bos_token_id` and `forced_eos_token_id` of the model's files. DataError for an
/// id outside the `vocabulary` tokens.
TextBounds text_bounds(const Configuration& configuration, const SpecialTokens& special, int64_t vocabulary);

} // namespace cuecard
