/// Tokens that a model's texts begin and end with, whoever writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <cuecard/configuration.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard {

struct TextBounds {
  std::vector<int64_t> ends;    ///< each of them ends a text; the tokenizer's end-of-sequence token is one
  std::optional<int64_t> first; ///< what an encoder-decoder writes first of all (BART)
  std::optional<int64_t> last;  ///< what it writes where no other token has room

  bool end(int64_t id) const;
};

/// From `eos_token_id`, `forced_bos_token_id` and `forced_eos_token_id` of the model's files. DataError for a
/// token that is none of `vocabulary` rows.
TextBounds text_bounds(const Configuration& configuration, const SpecialTokens& special, int64_t vocabulary);

} // namespace cuecard
