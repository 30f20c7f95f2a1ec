/// Callback for streaming generated tokens.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace cuecard {

/// Called for each new token with the prompt's number and the tokens of its first text so far (in beam search:
/// no tokens). If it returns false, Cancelled is thrown.
using TokenCallback = std::function<bool(int64_t prompt, std::span<const int64_t> ids)>;

} // namespace cuecard
