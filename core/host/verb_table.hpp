/// Every verb of the program, declared once: parsing, help and shell completion all read this table.
#pragma once

#include <string>
#include <vector>

namespace cuecard::host {

/// What a flag's or argument's value must look like.
struct ValueType {
  enum class Kind { nothing, text, path, integer, number, choice, pair, device };
  Kind kind = Kind::text;
  double low = 0, high = 0;         ///< of an integer or number
  std::vector<std::string> choices; ///< of a choice
};

struct Flag {
  std::string name;
  std::string value; ///< how help calls the value: "FILE"; "" for a switch
  ValueType type;
  std::string help;
  std::string fallback; ///< the default, as typed; "" for none
  bool required = false;
  bool several = false;
};

/// A value without a flag.
struct Argument {
  std::string name;
  ValueType type;
  std::string help;
  bool required = true;
  bool several = false;
};

struct Verb {
  std::string name; ///< one word, or two: "model info"
  std::string summary;
  std::vector<Argument> arguments;
  std::vector<Flag> flags;
  std::string example;
  bool engine = true;  ///< runs in libcuecard
  bool hidden = false; ///< not for people
};

const std::vector<Verb>& verbs();

} // namespace cuecard::host
