#include "tokenizer/files/field.hpp"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

/// The value as text, shortened for an error message.
std::string shortened(const nlohmann::json& json) {
  std::string text = json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > 40)
    text = text.substr(0, 40) + "...";
  return text;
}

/// Values that a message quotes may contain control characters.
std::string one_line(std::string sentence) {
  for (char& byte : sentence)
    byte = byte >= 0 && byte < ' ' ? ' ' : byte;
  return sentence;
}

} // namespace

Field::Field(const nlohmann::json& document, std::string origin) : Field(document, std::move(origin), "") {}

Field::Field(const nlohmann::json& json, std::string origin, std::string path)
    : json_(&json), origin_(std::move(origin)), path_(std::move(path)) {}

Field Field::child(const nlohmann::json& json, const std::string& path) const {
  return Field(json, origin_, path);
}

std::string Field::path_of(const std::string& key) const {
  return path_.empty() ? key : path_ + "." + key;
}

std::optional<Field> Field::find(const std::string& key) const {
  if (!json_->is_object())
    fail("should be an object, but " + excerpt() + " was found.");
  const auto found = json_->find(key);
  if (found == json_->end() || found->is_null())
    return std::nullopt;
  return child(*found, path_of(key));
}

Field Field::at(const std::string& key) const {
  if (auto found = find(key))
    return *found;
  child(*json_, path_of(key)).fail("is missing; the file is cut off or not a tokenizer.json.");
}

bool Field::has(std::initializer_list<const char*> keys) const {
  return std::all_of(keys.begin(), keys.end(), [&](const char* key) { return find(key).has_value(); });
}

std::vector<Field> Field::items() const {
  if (!json_->is_array())
    fail("should be an array, but " + excerpt() + " was found.");
  std::vector<Field> items;
  for (const auto& item : *json_)
    items.push_back(child(item, path_ + "[" + std::to_string(items.size()) + "]"));
  return items;
}

std::vector<std::pair<std::string, Field>> Field::entries() const {
  if (!json_->is_object())
    fail("should be an object, but " + excerpt() + " was found.");
  std::vector<std::pair<std::string, Field>> entries;
  for (const auto& [key, value] : json_->items())
    if (!value.is_null())
      entries.emplace_back(key, child(value, path_of(key)));
  return entries;
}

std::string Field::string() const {
  if (!json_->is_string())
    fail("should be a string, but " + excerpt() + " was found.");
  return json_->get<std::string>();
}

std::string Field::character() const {
  std::string text = string();
  if (text.empty() || text.size() != utf8_length(text[0]))
    fail("should be a single character.");
  return text;
}

int64_t Field::integer(int64_t min, int64_t max) const {
  const bool fits = json_->is_number_integer() && (!json_->is_number_unsigned() ||
                                                   json_->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
  const int64_t number = fits ? json_->get<int64_t>() : 0;
  if (!fits || number < min || number > max)
    fail("should be an integer from " + std::to_string(min) + " to " + std::to_string(max) + ", but " +
         excerpt() + " was found.");
  return number;
}

double Field::number() const {
  if (!json_->is_number())
    fail("should be a number, but " + excerpt() + " was found.");
  return json_->get<double>();
}

std::string Field::excerpt() const {
  return shortened(*json_);
}

bool Field::is_string() const {
  return json_->is_string();
}
bool Field::is_array() const {
  return json_->is_array();
}
bool Field::is_object() const {
  return json_->is_object();
}

std::string Field::string(const std::string& key, const std::string& fallback) const {
  const auto field = find(key);
  return field ? field->string() : fallback;
}

bool Field::flag(const std::string& key, bool fallback) const {
  const auto field = find(key);
  if (!field)
    return fallback;
  if (!field->json_->is_boolean())
    field->fail("should be true or false, but " + field->excerpt() + " was found.");
  return field->json_->get<bool>();
}

int64_t Field::integer(const std::string& key, int64_t fallback, int64_t min, int64_t max) const {
  const auto field = find(key);
  return field ? field->integer(min, max) : fallback;
}

std::vector<std::pair<std::string, int64_t>> Field::string_ids() const {
  if (!json_->is_object())
    fail("should be an object that maps pieces to ids, but " + excerpt() + " was found.");
  std::vector<std::pair<std::string, int64_t>> entries;
  entries.reserve(json_->size());
  for (const auto& [key, value] : json_->items())
    entries.emplace_back(key, value.is_number_integer() ? value.get<int64_t>()
                                                        : child(value, path_of(key)).integer(0, INT32_MAX));
  return entries;
}

std::vector<std::pair<int64_t, Field>> Field::fields_by_id() const {
  if (!json_->is_object())
    fail("should be an object whose keys are ids, but " + excerpt() + " was found.");
  std::vector<std::pair<int64_t, Field>> entries;
  for (const auto& [key, value] : json_->items()) {
    int64_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0 || id > INT32_MAX)
      fail("has the key \"" + key.substr(0, 40) + "\", but keys should be ids.");
    entries.emplace_back(id, child(value, path_of(key)));
  }
  return entries;
}

std::vector<std::pair<std::string, double>> Field::scored_strings() const {
  if (!json_->is_array())
    fail("should be an array of pieces and scores, but " + excerpt() + " was found.");
  std::vector<std::pair<std::string, double>> entries;
  entries.reserve(json_->size());
  for (const auto& item : *json_) {
    if (!item.is_array() || item.size() != 2 || !item[0].is_string() || !item[1].is_number())
      child(item, path_ + "[" + std::to_string(entries.size()) + "]")
          .fail("should be a piece and its score, such as [\"a\", -1.5], but " + shortened(item) +
                " was found.");
    entries.emplace_back(item[0].get<std::string>(), item[1].get<double>());
  }
  return entries;
}

std::vector<std::pair<std::string, std::string>> Field::string_pairs() const {
  if (!json_->is_array())
    fail("should be an array of pairs, but " + excerpt() + " was found.");
  std::vector<std::pair<std::string, std::string>> pairs;
  pairs.reserve(json_->size());
  for (const auto& item : *json_) {
    if (item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string()) {
      pairs.emplace_back(item[0].get<std::string>(), item[1].get<std::string>());
      continue;
    }
    const std::string text = item.is_string() ? item.get<std::string>() : "";
    if (text.starts_with("#version")) // the first line of a merges.txt
      continue;
    const size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
      child(item, path_ + "[" + std::to_string(&item - &json_->front()) + "]")
          .fail("should be two pieces, such as \"a b\" or [\"a\", \"b\"], but " + shortened(item) +
                " was found.");
    pairs.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return pairs;
}

std::string Field::sentence(const std::string& rest) const {
  return one_line(origin_ + (path_.empty() ? " " : ": key \"" + path_ + "\" ") + rest);
}

void Field::fail(const std::string& rest) const {
  throw DataError(sentence(rest));
}

void Field::fail_as(const std::string& name, const std::string& rest) {
  throw DataError(one_line(name + " " + rest));
}

void Field::fail_unknown(const std::string& found, const std::vector<std::string>& known) const {
  std::string list;
  for (const std::string& name : known)
    list += (list.empty() ? "" : ", ") + name;
  fail("is \"" + found + "\", which is not supported; supported values are " + list + "." +
       did_you_mean(found, known));
}

} // namespace cuecard::tokenizer
