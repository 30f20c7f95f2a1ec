#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "data/record.hpp"
#include "data/text.hpp"
#include "files/strict_json.hpp"

namespace cuecard {

namespace {

using nlohmann::json;

std::string scalar_text(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

bool all_scalars(const json& array) {
  for (const json& item : array)
    if (item.is_structured() || item.is_null())
      return false;
  return true;
}

/// Appends the cells of `value`, each named by its path below `name`; elements of an array of objects are named
/// by their index from 0. The recursion is bounded by the parser's depth limit.
void flatten(const json& value, const std::string& name, std::vector<std::pair<std::string, Cell>>& cells) {
  const std::string prefix = name.empty() ? "" : name + ".";
  if (value.is_object()) {
    for (const auto& [key, member] : value.items())
      flatten(member, prefix + key, cells);
  } else if (value.is_array() && all_scalars(value)) {
    Cell cell{"", {}, true};
    for (const json& item : value)
      cell.items.push_back(scalar_text(item));
    cells.emplace_back(name, std::move(cell));
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i)
      flatten(value[i], prefix + std::to_string(i), cells);
  } else if (!value.is_null())
    cells.emplace_back(name, Cell{scalar_text(value), {}, false});
}

class JsonSource : public RecordSource {
public:
  JsonSource(std::string_view bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {
    while (!bytes_.empty() && trimmed(bytes_.substr(bytes_.size() - 1)).empty())
      bytes_.remove_suffix(1);
  }

  const std::vector<std::string>& header() const override { return no_header_; }

  bool next(Record& record) override {
    record = {};
    if (at_ >= bytes_.size())
      return false;
    record.line = ++line_;
    const std::size_t end = std::min(bytes_.find('\n', at_), bytes_.size());
    const std::string_view text = trimmed(bytes_.substr(at_, end - at_));
    at_ = end + 1;
    if (text.empty()) {
      record.problem = "the line is empty";
      return true;
    }
    try {
      const json object = parse_json(text, origin_);
      if (object.is_object())
        flatten(object, "", record.cells);
      else
        record.problem = "it is not a JSON object";
    } catch (const DataError&) {
      record.problem = "it is not valid JSON";
    }
    return true;
  }

private:
  std::string_view bytes_;
  std::string origin_;
  std::size_t at_ = 0;
  int64_t line_ = 0;
  std::vector<std::string> no_header_;
};

} // namespace

std::unique_ptr<RecordSource> json_records(std::string_view bytes, const std::string& origin) {
  return std::make_unique<JsonSource>(bytes, origin);
}

} // namespace cuecard
