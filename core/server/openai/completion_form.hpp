/// The response bodies of completions and chats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "server/json.hpp"

namespace cuecard::server {

/// One text of an answer, or what it grew by.
struct CompletionPart {
  std::size_t index = 0;
  std::string text;
  Json finish_reason = nullptr; ///< null while it grows
  std::int64_t cut = 0;         ///< tokens of the prompt that truncation removed
};

struct CompletionForm {
  const char *id_prefix, *object, *streamed_object;
  /// A whole text, and one that is streamed: `first` for the first event of a text.
  Json (*choice)(const CompletionPart& part);
  Json (*streamed_choice)(const CompletionPart& part, bool first);
};

extern const CompletionForm text_form, chat_form;

} // namespace cuecard::server
