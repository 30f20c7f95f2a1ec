#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "data/row.hpp"
#include "data/text.hpp"
#include "model/strict_json.hpp"

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

/// Cells of `object`, nested keys behind `prefix`. Arrays of objects are reached by their index from 0. The
/// parser has limited the depth.
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

class JsonRows : public RowSource {
public:
  JsonRows(std::string_view bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {
    while (!bytes_.empty() && trimmed(bytes_.substr(bytes_.size() - 1)).empty())
      bytes_.remove_suffix(1);
  }

  const std::vector<std::string>& header() const override { return none_; }

  bool next(Row& row) override {
    row = {};
    if (at_ >= bytes_.size())
      return false;
    row.line = ++line_;
    const std::size_t end = std::min(bytes_.find('\n', at_), bytes_.size());
    const std::string_view text = trimmed(bytes_.substr(at_, end - at_));
    at_ = end + 1;
    if (text.empty()) {
      row.problem = "the line is empty";
      return true;
    }
    try {
      const json object = parse_json(text, origin_);
      if (object.is_object())
        flatten(object, "", row.cells);
      else
        row.problem = "it is no JSON object";
    } catch (const DataError&) {
      row.problem = "it is no valid JSON object";
    }
    return true;
  }

private:
  std::string_view bytes_;
  std::string origin_;
  std::size_t at_ = 0;
  int64_t line_ = 0;
  std::vector<std::string> none_;
};

} // namespace

std::unique_ptr<RowSource> json_rows(std::string_view bytes, const std::string& origin) {
  return std::make_unique<JsonRows>(bytes, origin);
}

} // namespace cuecard
