/// What a model wants around a sequence: `[CLS]` in front, `[SEP]` behind.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tokenizer/field.hpp"

namespace cuecard::tokenizer {

struct PostProcessor {
  std::vector<int64_t> prefix, suffix;
  std::optional<int64_t> cls, sep; ///< where the file says which tokens have these roles
  bool trim_offsets = false;       ///< a token's offsets leave out the spaces at its ends
};

/// Reads the `post_processor` of a tokenizer.json, of templates the one for a single sequence. Throws DataError
/// for one that is not supported.
PostProcessor read_post_processor(const Field& settings);

} // namespace cuecard::tokenizer
