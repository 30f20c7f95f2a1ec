/// The inside of one template item: a Python-like dict or set of keys, or a bare name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cuecard {

struct PythonNone {};
/// The source of a lambda, never run.
struct PythonLambda {
  std::string source;
};
using PythonValue = std::variant<PythonNone, bool, int64_t, std::string, PythonLambda>;

struct ItemEntry {
  std::string key;
  PythonValue value;
  std::size_t key_at = 0, value_at = 0; ///< byte offsets into the template
};

struct ItemBody {
  std::string name; ///< of the short form, else ""
  std::vector<ItemEntry> entries;
  std::size_t end = 0; ///< offset after the closing brace
};

/// Reads the item whose "{" is at `open`. Throws UsageError.
ItemBody read_item_body(std::string_view text, std::size_t open);

/// Throws UsageError: place of byte `offset` in `text`, and the reason.
[[noreturn]] void refuse_template(std::string_view text, std::size_t offset, const std::string& reason);

/// Line and column, both from 1.
struct TemplatePlace {
  int64_t line, column;
};
/// Moves `place` from byte `from` to byte `to`.
void advance_place(TemplatePlace& place, std::string_view text, std::size_t from, std::size_t to);

void append_utf8(std::string& out, uint32_t code);

/// Parses the quoted Python text at `at` and moves `at` past it; none when the quotes are never closed or an
/// escape is invalid, with the reason in `wrong` and its offset in `at`.
std::optional<std::string> read_python_text(std::string_view text, std::size_t& at, std::string& wrong);

} // namespace cuecard
