/// Which token is the mask, the end of text, and so on.
#pragma once

#include <filesystem>

#include "tokenizer/added_tokens.hpp"
#include "tokenizer/pieces.hpp"
#include "tokenizer/post_processor.hpp"

#include <cuecard/vocabulary.hpp>

namespace cuecard::tokenizer {

/// Where a role's token is found, in this order: `tokenizer_config.json` and `special_tokens_map.json` in
/// `directory`, as far as they exist; then the post-processor's cls and sep; then the added special tokens with
/// the usual spellings. A name that the vocabulary lacks is passed over.
SpecialTokens read_roles(const std::filesystem::path& directory, const Pieces& pieces, const AddedTokens& added,
                         const PostProcessor& post_processor);

} // namespace cuecard::tokenizer
