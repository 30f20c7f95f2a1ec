/// A tokenized prompt as it is shown.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <cuecard/vocabulary.hpp>

#include "batch/assemble.hpp"

namespace cuecard {

/// One side of a prompt.
struct RenderedSide {
  std::vector<std::string> tokens;
  std::vector<int64_t> ids, soft;
};

/// Soft slots are numbered from 1 here: 0 means that the token is not a soft slot.
RenderedSide rendered(const std::vector<PromptToken>& tokens, const Vocabulary& vocabulary);

/// `object` with the keys of `cuecard render --json`.
nlohmann::ordered_json prompt_json(nlohmann::ordered_json object, const TokenizedPrompt& prompt,
                                   const Vocabulary& vocabulary);

} // namespace cuecard
