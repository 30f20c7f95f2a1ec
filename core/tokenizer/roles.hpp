/// Special token roles: which token is mask, eos, and so on.
#pragma once

#include <filesystem>

#include "tokenizer/added_tokens.hpp"
#include "tokenizer/models/pieces.hpp"
#include "tokenizer/post_processor.hpp"

#include <cuecard/vocabulary.hpp>

namespace cuecard::tokenizer {

/// Sources, in this order: `tokenizer_config.json` and `special_tokens_map.json` in `directory`, if they exist;
/// then the post-processor's cls and sep; then added special tokens with common names. Names that are not in
/// the vocabulary are ignored.
SpecialTokens read_roles(const std::filesystem::path& directory, const Pieces& pieces, const AddedTokens& added,
                         const PostProcessor& post_processor);

} // namespace cuecard::tokenizer
