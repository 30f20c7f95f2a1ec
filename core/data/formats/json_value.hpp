/// JSON as Python's json module writes and reads it, for the rows of data files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cuecard {

struct JsonMember;

/// A parsed value. Numbers and booleans keep their JSON text.
struct JsonValue {
  enum class Kind { null, text, number, boolean, object, list };

  Kind kind = Kind::null;
  std::string text;
  std::vector<JsonMember> members; ///< in the file's order; those of a list have no names

  bool is_scalar() const { return kind != Kind::object && kind != Kind::list; }
};

struct JsonMember {
  std::string name;
  JsonValue value;
};

/// Counts of what was read although standard JSON does not allow or define it.
struct JsonOddities {
  int64_t lone_surrogates = 0; ///< escapes such as \ud83d without their other half, read as U+FFFD
  int64_t repeated_keys = 0;   ///< the last value is the one that counts
};

/// Parses `text`, which holds one value. NaN, Infinity, -Infinity and numbers beyond float64 are null. Returns why it
/// can't be used, as in "it is not valid JSON: a string has no closing quotation mark (character 12)", else an empty string. At most 16 MB and 32 levels.
std::string parse_json_value(std::string_view text, JsonValue& value, JsonOddities& oddities);

/// Whether `text` could be continued to a valid value, but is none yet.
bool is_json_beginning(std::string_view text);

/// Finds where a list or an object ends, by its brackets and strings alone.
class JsonExtent {
public:
  /// The number of bytes of `more` up to and including the last bracket; npos if the value goes on.
  std::size_t feed(std::string_view more);

private:
  int64_t depth_ = 0;
  bool in_string_ = false, escaped_ = false;
};

} // namespace cuecard
