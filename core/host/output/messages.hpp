/// Where messages for users are written.
#pragma once

#include <iostream>

namespace cuecard::host {

namespace detail {
inline thread_local std::ostream* messages_of_thread = nullptr;
} // namespace detail

/// Standard error, unless a MessagesTo of this thread says otherwise.
inline std::ostream& messages() {
  return detail::messages_of_thread ? *detail::messages_of_thread : std::cerr;
}

/// Scope in which the messages of this thread go to `stream`: the library must not print.
class MessagesTo {
public:
  explicit MessagesTo(std::ostream& stream) { detail::messages_of_thread = &stream; }
  ~MessagesTo() { detail::messages_of_thread = nullptr; }
  MessagesTo(const MessagesTo&) = delete;
  MessagesTo& operator=(const MessagesTo&) = delete;
};

} // namespace cuecard::host
