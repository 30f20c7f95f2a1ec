/// Exceptions as values that cross the C interface.
#pragma once

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

/// The exception that is being handled. Call it inside a catch block.
Failure current_failure() noexcept;

} // namespace cuecard::embedding
