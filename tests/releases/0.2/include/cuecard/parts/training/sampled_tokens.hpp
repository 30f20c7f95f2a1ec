/// Common tokens whose embeddings initialise a soft prompt.
#pragma once

#include <cstdint>
#include <vector>

#include <cuecard/export.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard {

/// `count` ids in random order from the first 5,000 tokens that are not special: in most vocabularies the most common ones (Lester
/// et al. 2021, section 3.2, "sampled vocabulary"). Ids are distinct if there are enough. Empty if all tokens of the vocabulary are
/// special. May be called from several threads at once.
CUECARD_API std::vector<int64_t> sample_common_tokens(int64_t count, Random random,
                                                      const Vocabulary& vocabulary);

} // namespace cuecard
