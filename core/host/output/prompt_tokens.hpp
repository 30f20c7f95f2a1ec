/// The tokens of a prompt as they are shown.
#pragma once

#include <string>
#include <vector>

#include <cuecard/vocabulary.hpp>

#include "batch/assemble.hpp"

namespace cuecard::host {

/// One side of a prompt.
struct Rendered {
  std::vector<std::string> tokens;
  std::vector<int64_t> ids, soft;
};

/// Soft slots are numbered from 1 here: 0 means that the token is not a soft slot.
inline Rendered rendered(const std::vector<PromptToken>& tokens, const Vocabulary& vocabulary) {
  Rendered result;
  for (const PromptToken& token : tokens) {
    const bool soft = token.soft_slot >= 0, trigger = token.trigger_slot >= 0;
    result.tokens.push_back(soft      ? "<soft " + std::to_string(token.soft_slot + 1) + ">"
                            : trigger ? "<trigger " + std::to_string(token.trigger_slot + 1) + ">"
                                      : vocabulary.piece(token.id));
    result.ids.push_back(token.id);
    result.soft.push_back(token.soft_slot + 1);
  }
  return result;
}

} // namespace cuecard::host
