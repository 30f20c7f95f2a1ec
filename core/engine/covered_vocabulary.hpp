/// A model's tokenizer where it has more tokens than the model's embedding table has rows.
#pragma once

#include <memory>
#include <string>

#include <cuecard/vocabulary.hpp>

namespace cuecard {

/// The sentence about a token without a row, for a DataError.
std::string uncovered_token(const Vocabulary& vocabulary, int64_t id, int64_t rows);

/// `vocabulary`, except that encoding and `id` throw a DataError that names a token without a row: such a token can't be in a prompt, a
/// label word or an initial text. `size` is `rows`, so such a token is never drawn at random either. `vocabulary` itself if each token
/// has one of the `rows`, or if `rows` is 0 (unknown).
std::shared_ptr<const Vocabulary> covered_vocabulary(std::shared_ptr<const Vocabulary> vocabulary,
                                                     int64_t rows);

} // namespace cuecard
