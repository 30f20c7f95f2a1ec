/// How somebody sees texts grow.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace cuecard {

/// Called for each new token with the prompt's number and the tokens of its first text so far (none where beams
/// are searched). False ends the work with Cancelled.
using WriteWatch = std::function<bool(int64_t prompt, std::span<const int64_t> ids)>;

} // namespace cuecard
