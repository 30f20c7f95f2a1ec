#include <algorithm>

#include "data/formats/json_value.hpp"
#include "data/formats/record.hpp"
#include "data/formats/text_decoder.hpp"
#include "data/text.hpp"

namespace cuecard {

namespace {

using Kind = JsonValue::Kind;

Cell cell_of(const JsonValue& scalar) {
  return {scalar.text, {}, false, scalar.kind != Kind::text};
}

bool holds_scalars(const JsonValue& list) {
  return std::all_of(list.members.begin(), list.members.end(), [](const auto& member) {
    return member.value.is_scalar() && member.value.kind != Kind::null;
  });
}

bool holds_objects(const JsonValue& list) {
  return list.kind == Kind::list && !list.members.empty() && list.members[0].value.kind == Kind::object;
}

/// Appends the cells of `value`, each named by its path below `name`; elements of a list of objects are named by
/// their index from 0. The parser bounds the recursion.
void flatten(const JsonValue& value, const std::string& name,
             std::vector<std::pair<std::string, Cell>>& cells) {
  const std::string prefix = name.empty() ? "" : name + ".";
  if (value.kind == Kind::object) {
    for (const auto& [key, member] : value.members)
      flatten(member, prefix + key, cells);
  } else if (value.kind == Kind::list && holds_scalars(value)) {
    Cell cell{"", {}, true};
    for (const auto& [key, item] : value.members)
      cell.items.push_back(item.text);
    cells.emplace_back(name, std::move(cell));
  } else if (value.kind == Kind::list) {
    for (std::size_t i = 0; i < value.members.size(); ++i)
      flatten(value.members[i].value, prefix + std::to_string(i), cells);
  } else if (value.kind != Kind::null) {
    cells.emplace_back(name, cell_of(value));
  }
}

/// The rows of `{"data": [...]}`; null if the object has keys other than those that pandas and SQuAD add.
const JsonValue* rows_within(const JsonValue& object) {
  const JsonValue* rows = nullptr;
  for (const auto& [key, member] : object.members) {
    if (key == "data" && holds_objects(member))
      rows = &member;
    else if (key != "version" && key != "schema")
      return nullptr;
  }
  return rows;
}

/// The remedy for an object that holds all rows of a table instead of being a row.
std::string remedy_for(const JsonValue& object) {
  constexpr const char* as_pandas = " in pandas; write it with orient=\"records\"";
  const auto is = [&](const std::string& key, Kind kind) {
    return std::ranges::any_of(
        object.members, [&](const auto& member) { return member.name == key && member.value.kind == kind; });
  };
  if (is("columns", Kind::list) && is("data", Kind::list))
    return std::string("the file looks like a table of orient=\"split\"") + as_pandas;
  for (const auto& [key, member] : object.members)
    if (holds_objects(member))
      return "the rows may be those of its list \"" + shown(key) + "\"; save that list alone";
  const bool of_objects = std::ranges::all_of(object.members, [&](const auto& member) {
    return member.value.kind == Kind::object && !member.value.members.empty() &&
           member.value.members.size() == object.members[0].value.members.size();
  });
  return object.members.empty() || !of_objects
             ? ""
             : std::string("the file looks like a table of orient=\"columns\" or \"index\"") + as_pandas;
}

class JsonSource : public RecordSource {
public:
  explicit JsonSource(std::string_view bytes) : bytes_(bytes) {
    while (!bytes_.empty() && trimmed(bytes_.substr(bytes_.size() - 1)).empty())
      bytes_.remove_suffix(1);
  }

  const std::vector<std::string>& header() const override { return no_header_; }

  RecordNotes notes() const override { return {oddities_, 0, 0, remedy_}; }

  bool next(Record& record) override {
    record = {};
    while (given_ == rows_.size()) {
      if (at_ >= bytes_.size())
        return false;
      rows_.clear();
      given_ = 0;
      in_list_ ? next_of_list() : next_value();
    }
    record = std::move(rows_[given_++]);
    return true;
  }

private:
  std::string_view rest_of_line() const {
    return bytes_.substr(at_, std::min(bytes_.find('\n', at_), bytes_.size()) - at_);
  }

  void pass(std::size_t count) {
    line_ +=
        std::count(bytes_.begin() + static_cast<std::ptrdiff_t>(at_),
                   bytes_.begin() + static_cast<std::ptrdiff_t>(std::min(at_ + count, bytes_.size())), '\n');
    at_ += count;
  }

  void pass_blanks() {
    const std::size_t end = bytes_.find_first_not_of(" \t\r\n\v\f", at_);
    pass((end == bytes_.npos ? bytes_.size() : end) - at_);
  }

  void add_problem(std::string problem) {
    rows_.emplace_back();
    rows_.back().line = line_;
    rows_.back().problem = std::move(problem);
  }

  /// Adds the rows of a value that begins on the current line.
  void add(std::string_view text) {
    JsonValue value;
    if (std::string problem = parse_json_value(text, value, oddities_); !problem.empty())
      add_problem(std::move(problem));
    else if (holds_objects(value))
      add_all(value);
    else if (value.kind != Kind::object)
      add_problem("it is not a JSON object");
    else if (const JsonValue* rows = rows_within(value))
      add_all(*rows);
    else {
      if (remedy_.empty())
        remedy_ = remedy_for(value);
      add_object(value);
    }
  }

  void add_all(const JsonValue& list) {
    for (const auto& [key, item] : list.members)
      if (item.kind == Kind::object)
        add_object(item);
      else
        add_problem("it is not a JSON object");
  }

  void add_object(const JsonValue& object) {
    rows_.emplace_back();
    rows_.back().line = line_;
    flatten(object, "", rows_.back().cells);
  }

  /// The value that begins on this line: the line alone, or what its brackets enclose.
  void next_value() {
    // Concatenated files have byte-order marks in the middle.
    const std::string_view line = without_byte_order_mark(trimmed(rest_of_line()));
    const std::size_t size = line.empty() ? 0 : size_beyond_line(line);
    if (line.empty())
      add_problem(empty_line);
    else if (size == 0)
      add(line);
    else if (line[0] == '[') {
      pass(static_cast<std::size_t>(line.data() - bytes_.data()) + 1 - at_);
      in_list_ = true;
      return;
    } else {
      add(std::string_view(line.data(), size));
      pass(static_cast<std::size_t>(line.data() - bytes_.data()) + size - at_);
      if (!trimmed(rest_of_line()).empty())
        add_problem("there is more on the line after the end of the JSON object");
    }
    pass(rest_of_line().size() + 1);
  }

  /// The size of the value that begins with `line` and ends on a later one; 0 if it ends on this line or never.
  std::size_t size_beyond_line(std::string_view line) {
    constexpr int most_never_closed = 8; // keeps a file of single brackets from being scanned again and again
    if ((line[0] != '{' && line[0] != '[') || never_closed_ >= most_never_closed ||
        JsonExtent().feed(line) != std::string_view::npos || !is_json_beginning(std::string(line) + "\n"))
      return 0;
    const std::string_view rest = bytes_.substr(static_cast<std::size_t>(line.data() - bytes_.data()));
    const std::size_t size = JsonExtent().feed(rest);
    if (size == std::string_view::npos) {
      ++never_closed_;
      return 0;
    }
    // A line that lost its end may seem to be closed by a bracket of a later line.
    JsonValue value;
    JsonOddities ignored;
    if (line[0] == '{' && !parse_json_value(rest.substr(0, size), value, ignored).empty())
      return 0;
    return size;
  }

  /// The next element of a list over several lines, or the comma or bracket after it.
  void next_of_list() {
    pass_blanks();
    if (at_ >= bytes_.size())
      return;
    const char byte = bytes_[at_];
    if (byte == ',' || byte == ']') {
      pass(1);
      in_list_ = byte == ',';
      if (!in_list_)
        pass_blanks();
      return;
    }
    const std::size_t size = std::min(byte == '{' || byte == '[' ? JsonExtent().feed(bytes_.substr(at_))
                                                                 : bytes_.find_first_of(",]\n", at_) - at_,
                                      bytes_.size() - at_);
    add_element(trimmed(bytes_.substr(at_, size)));
    pass(size);
  }

  void add_element(std::string_view text) {
    JsonValue value;
    if (std::string problem = parse_json_value(text, value, oddities_); !problem.empty())
      add_problem(std::move(problem));
    else if (value.kind != Kind::object)
      add_problem("it is not a JSON object");
    else
      add_object(value);
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  int64_t line_ = 1;
  bool in_list_ = false;
  int never_closed_ = 0;
  std::vector<Record> rows_; ///< of the value that was read last
  std::size_t given_ = 0;    ///< how many of them were returned
  JsonOddities oddities_;
  std::string remedy_; ///< for the first object that holds rows in another way
  std::vector<std::string> no_header_;
};

} // namespace

std::unique_ptr<RecordSource> json_records(std::string_view bytes) {
  return std::make_unique<JsonSource>(bytes);
}

} // namespace cuecard
