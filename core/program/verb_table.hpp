/// Every command, declared once: parsing, help and shell completion use this table.
#pragma once

#include <string>
#include <vector>

namespace cuecard::host {

/// Expected form of a flag's or argument's value.
struct ValueType {
  enum class Kind { none, text, path, integer, number, choice, pair, device };
  Kind kind = Kind::text;
  double low = 0, high = 0;         ///< range of an integer or number, inclusive
  std::vector<std::string> choices; ///< allowed values of a choice
};

struct Flag {
  std::string name;
  std::string value; ///< placeholder shown in help, such as "FILE"; "" for a switch
  ValueType type;
  std::string help;
  std::string fallback; ///< default, as typed; "" for none
  bool required = false;
  bool repeatable = false;
};

/// A positional argument.
struct Argument {
  std::string name;
  ValueType type;
  std::string help;
  bool required = true;
  bool repeatable = false;
};

struct Verb {
  std::string name; ///< one word, or two: "model info"
  std::string summary;
  std::vector<Argument> arguments;
  std::vector<Flag> flags;
  std::string example;
  bool engine = true;  ///< runs in libcuecard
  bool hidden = false; ///< internal: not shown in help or completion
};

const std::vector<Verb>& verbs();

} // namespace cuecard::host
