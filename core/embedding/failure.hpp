/// Exceptions as values that cross the C interface.
#pragma once

#include <cstdint>
#include <string>

#include <cuecard/error.hpp>

namespace cuecard::embedding {

/// Numbered as cuecard_error_kind in cuecard.h.
enum class FailureKind {
  none = 0,
  failed,
  wrong_use,
  wrong_data,
  plugin_failed,
  cancelled,
  too_late,
  queue_full
};

struct Failure {
  FailureKind kind = FailureKind::none;
  std::string text; ///< one sentence

  explicit operator bool() const { return kind != FailureKind::none; }
};

/// More rows would wait than are allowed.
class QueueFull : public Error {
public:
  using Error::Error;
};

/// A request that even an empty queue could not take.
class RequestTooLarge : public UsageError {
public:
  using UsageError::UsageError;
};

/// RequestTooLarge when a request has more rows or tokens (`what`) than may wait. `most` 0: no limit.
void require_fits(const char* what, int64_t count, int64_t most);

/// The exception that is being handled. Call it inside a catch block.
Failure current_failure() noexcept;

} // namespace cuecard::embedding
