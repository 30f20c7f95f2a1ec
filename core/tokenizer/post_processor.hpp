/// The post-processor adds special tokens to a sequence, such as `[CLS]` before and `[SEP]` after it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tokenizer/files/field.hpp"

namespace cuecard::tokenizer {

struct PostProcessor {
  std::vector<int64_t> prefix, suffix;
  std::optional<int64_t> cls, sep; ///< set if the file assigns these roles
  bool trim_offsets = false;       ///< exclude spaces at the ends of a token from its offsets
};

/// Reads the `post_processor` of a tokenizer.json; of a template, only the part for single sequences. Throws
/// DataError for an unsupported one.
PostProcessor read_post_processor(const Field& settings);

} // namespace cuecard::tokenizer
