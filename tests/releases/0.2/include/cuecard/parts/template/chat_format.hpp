/// Chat formats. A model's own chat template is a Jinja program, which is never run but recognised as one of the common formats
/// below. Functions of this file may be called from several threads at once.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <cuecard/export.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard {

/// How the messages of a chat are delimited.
struct ChatFormat {
  /// Text before and after the content of a turn, special tokens spelled out. Before an answer slot, a trailing space of `open`
  /// moves to the answer.
  struct Turn {
    std::string open, close; ///< before it, after it
  };
  std::string name;                               ///< one of chat_format_names
  std::map<std::string, Turn, std::less<>> turns; ///< by role; one that the format lacks is absent
  /// Opens a user turn that follows the system turn; Llama 2 merges the two.
  std::string user_after_system;
};

/// Names of the formats: chatml, llama-3, llama-2, mistral, zephyr, phi-3, gemma.
CUECARD_API const std::vector<std::string>& chat_format_names();

/// The roles of turns: system, user, assistant.
CUECARD_API const std::vector<std::string>& chat_roles();

/// The format of that name or, for "auto", that of the model's own chat template. UsageError for any other name, if the
/// model has no chat template, if it is none of the formats (the message prints it), or if the vocabulary lacks one of the format's special
/// tokens.
CUECARD_API ChatFormat chat_format(const std::string& name, const Vocabulary& vocabulary);

} // namespace cuecard
