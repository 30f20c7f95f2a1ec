#include <algorithm>
#include <unordered_set>
#include <utility>

#include "data/formats/json_tables.hpp"
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

bool has_dot(const JsonMember& member) {
  return member.name.find('.') != std::string::npos;
}

/// Appends the cells of `value`, each named by its path below `name`; elements of a list of objects are named by
/// their index from 0. Keys that contain a dot come first. The parser bounds the recursion.
void flatten(const JsonValue& value, const std::string& name,
             std::vector<std::pair<std::string, Cell>>& cells) {
  const std::string prefix = name.empty() ? "" : name + ".";
  if (value.kind == Kind::object) {
    for (const bool dotted : {true, false})
      for (const JsonMember& member : value.members)
        if (has_dot(member) == dotted)
          flatten(member.value, prefix + member.name, cells);
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

class JsonSource : public RecordSource {
public:
  JsonSource(std::string_view bytes, JsonColumns columns) : bytes_(bytes), columns_(std::move(columns)) {
    while (!bytes_.empty() && trimmed(bytes_.substr(bytes_.size() - 1)).empty())
      bytes_.remove_suffix(1);
  }

  const std::vector<std::string>& header() const override { return no_header_; }

  RecordNotes notes() const override { return {oddities_, 0, 0, 0, remedy_}; }

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
    const bool alone =
        !std::exchange(begun_, true) && text.data() + text.size() == bytes_.data() + bytes_.size();
    if (std::string problem = parse_json_value(text, value, oddities_); !problem.empty())
      add_problem(std::move(problem));
    else if (holds_objects(value))
      add_all(value);
    else if (value.kind != Kind::object)
      add_problem("it is not a JSON object");
    else
      add_object_or_table(value, alone);
  }

  void add_object_or_table(const JsonValue& object, bool alone) {
    const JsonValue* rows = rows_within(object, columns_, alone);
    const std::size_t length = alone && !rows ? length_of_columns(object, columns_) : 0;
    if (rows) {
      if (!columns_.known)
        add_texts_beside_rows(object);
      add_all(*rows);
    } else if (length > 0 && !columns_.known) {
      add_object(object);
      add_columns(object, length);
    } else if (length > 0 && has_columns(object, columns_)) {
      add_columns(object, length);
    } else if (length > 0 && may_have_columns(object, columns_)) {
      add_problem(
          "the JSON object has a list of " + std::to_string(length) +
          " for each key, so it may be a table or one example; say what its columns are with --column or a task "
          "file, or write an object for each example");
    } else {
      if (remedy_.empty())
        remedy_ = remedy_for(object);
      add_object(object);
    }
  }

  /// Where names are sought: those that the object has if it is a row.
  void add_texts_beside_rows(const JsonValue& object) {
    JsonValue texts{Kind::object, "", {}};
    for (const JsonMember& member : object.members)
      if (member.value.kind == Kind::text && member.name != "version")
        texts.members.push_back(member);
    if (!texts.members.empty())
      add_object(texts);
  }

  void add_columns(const JsonValue& object, std::size_t length) {
    for (std::size_t i = 0; i < length; ++i) {
      JsonValue row{Kind::object, "", {}};
      for (const auto& [key, column] : object.members)
        if (column.kind == Kind::list && column.members.size() == length)
          row.members.push_back({key, column.members[i].value});
      add_object(row);
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
    auto& cells = rows_.back().cells;
    flatten(object, "", cells);
    // A key such as "a.b" is the column of that name, whatever the object "a" has.
    std::unordered_set<std::string> dotted;
    std::erase_if(cells, [&](const auto& cell) {
      return cell.first.find('.') != std::string::npos && !dotted.insert(cell.first).second;
    });
    if (remedy_.empty() && is_squad_article(object))
      remedy_ =
          "the file is nested as SQuAD's own are; write an object for each question, data[].paragraphs[].qas[], with "
          "the context of its paragraph";
  }

  /// The value that begins on this line: the line alone, or what its brackets enclose.
  void next_value() {
    // Concatenated files have byte-order marks in the middle.
    const std::string_view line = without_byte_order_mark(trimmed(rest_of_line()));
    const std::size_t size = line.empty() ? 0 : size_beyond_line(line);
    if (line.empty()) {
      // like pandas and datasets, no record
    } else if (size == 0)
      add(line);
    else if (line[0] == '[') {
      pass(static_cast<std::size_t>(line.data() - bytes_.data()) + 1 - at_);
      in_list_ = begun_ = true;
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
  JsonColumns columns_;
  bool begun_ = false; ///< a value has been read
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

std::unique_ptr<RecordSource> json_records(std::string_view bytes, JsonColumns columns) {
  return std::make_unique<JsonSource>(bytes, std::move(columns));
}

} // namespace cuecard
