/// How chat models write turns. A model brings a template in a language of programs (Jinja); it is never run,
/// but recognised: the common formats are listed here by name.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <cuecard/export.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard {

struct ChatFormat {
  /// What stands in front of and behind the content of a turn, special tokens spelled out. Where an answer is
  /// awaited, a space at the end of `open` is left to the answer.
  struct Turn {
    std::string open, close;
  };
  std::string name;
  std::map<std::string, Turn, std::less<>> turns; ///< by role; one that the format lacks is absent
  /// Opens a user's turn right behind the system's; Llama 2 writes the two as one.
  std::string user_behind_system;
};

/// Names of the formats: chatml, llama-3, llama-2, mistral, zephyr, phi-3, gemma.
CUECARD_API const std::vector<std::string>& chat_format_names();

/// The roles that a template may give to a turn: system, user, assistant.
CUECARD_API const std::vector<std::string>& chat_roles();

/// The format of that name, or with "auto" the one that the model's own template is recognised as. UsageError
/// when there is no such template, when it is none of the formats (the message prints it), and when the
/// vocabulary lacks one of the format's special tokens.
CUECARD_API ChatFormat chat_format(const std::string& name, const Vocabulary& vocabulary);

} // namespace cuecard
