#include "tokenizer/field.hpp"

#include <charconv>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "tokenizer/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

/// What was found, short enough for one line.
std::string shown(const nlohmann::json& json) {
  std::string text = json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > 40)
    text = text.substr(0, 40) + "...";
  return text;
}

} // namespace

Field::Field(const nlohmann::json& document, std::string origin) : Field(document, std::move(origin), "") {}

Field::Field(const nlohmann::json& json, std::string origin, std::string address)
    : json_(&json), origin_(std::move(origin)), address_(std::move(address)) {}

Field Field::child(const nlohmann::json& json, const std::string& address) const {
  return Field(json, origin_, address);
}

std::string Field::address_of(const std::string& key) const {
  return address_.empty() ? key : address_ + "." + key;
}

std::optional<Field> Field::find(const std::string& key) const {
  if (!json_->is_object())
    fail("should be an object, but " + shown(*json_) + " was found.");
  const auto found = json_->find(key);
  if (found == json_->end() || found->is_null())
    return std::nullopt;
  return child(*found, address_of(key));
}

Field Field::at(const std::string& key) const {
  if (auto found = find(key))
    return *found;
  child(*json_, address_of(key)).fail("is missing, so the file is cut off or not a tokenizer.json.");
}

std::vector<Field> Field::items() const {
  if (!json_->is_array())
    fail("should be a list, but " + shown(*json_) + " was found.");
  std::vector<Field> items;
  for (const auto& item : *json_)
    items.push_back(child(item, address_ + "[" + std::to_string(items.size()) + "]"));
  return items;
}

std::string Field::string() const {
  if (!json_->is_string())
    fail("should be a string, but " + shown(*json_) + " was found.");
  return json_->get<std::string>();
}

std::string Field::character() const {
  std::string text = string();
  if (text.empty() || text.size() != utf8_length(text[0]))
    fail("should be one character.");
  return text;
}

int64_t Field::integer(int64_t least, int64_t most) const {
  const bool fits = json_->is_number_integer() && (!json_->is_number_unsigned() ||
                                                   json_->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
  const int64_t number = fits ? json_->get<int64_t>() : 0;
  if (!fits || number < least || number > most)
    fail("should be a whole number from " + std::to_string(least) + " to " + std::to_string(most) + ", but " +
         shown(*json_) + " was found.");
  return number;
}

bool Field::is_string() const {
  return json_->is_string();
}
bool Field::is_array() const {
  return json_->is_array();
}

std::string Field::string(const std::string& key, const std::string& otherwise) const {
  const auto field = find(key);
  return field ? field->string() : otherwise;
}

bool Field::flag(const std::string& key, bool otherwise) const {
  const auto field = find(key);
  if (!field)
    return otherwise;
  if (!field->json_->is_boolean())
    field->fail("should be true or false, but " + shown(*field->json_) + " was found.");
  return field->json_->get<bool>();
}

int64_t Field::integer(const std::string& key, int64_t otherwise, int64_t least, int64_t most) const {
  const auto field = find(key);
  return field ? field->integer(least, most) : otherwise;
}

std::vector<std::pair<std::string, int64_t>> Field::numbered_strings() const {
  if (!json_->is_object())
    fail("should be an object of pieces and their ids, but " + shown(*json_) + " was found.");
  std::vector<std::pair<std::string, int64_t>> entries;
  entries.reserve(json_->size());
  for (const auto& [key, value] : json_->items())
    entries.emplace_back(key, value.is_number_integer() ? value.get<int64_t>()
                                                        : child(value, address_of(key)).integer(0, INT32_MAX));
  return entries;
}

std::vector<std::pair<int64_t, Field>> Field::numbered_fields() const {
  if (!json_->is_object())
    fail("should be an object whose keys are ids, but " + shown(*json_) + " was found.");
  std::vector<std::pair<int64_t, Field>> entries;
  for (const auto& [key, value] : json_->items()) {
    int64_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0 || id > INT32_MAX)
      fail("has the key \"" + key.substr(0, 40) + "\", but its keys should be ids.");
    entries.emplace_back(id, child(value, address_of(key)));
  }
  return entries;
}

std::vector<std::pair<std::string, double>> Field::scored_strings() const {
  if (!json_->is_array())
    fail("should be a list of pieces with their scores, but " + shown(*json_) + " was found.");
  std::vector<std::pair<std::string, double>> entries;
  entries.reserve(json_->size());
  for (const auto& item : *json_) {
    if (!item.is_array() || item.size() != 2 || !item[0].is_string() || !item[1].is_number())
      child(item, address_ + "[" + std::to_string(entries.size()) + "]")
          .fail("should be a piece and its score, as [\"a\", -1.5], but " + shown(item) + " was found.");
    entries.emplace_back(item[0].get<std::string>(), item[1].get<double>());
  }
  return entries;
}

std::vector<std::pair<std::string, std::string>> Field::string_pairs() const {
  if (!json_->is_array())
    fail("should be a list of pairs, but " + shown(*json_) + " was found.");
  std::vector<std::pair<std::string, std::string>> pairs;
  pairs.reserve(json_->size());
  for (const auto& item : *json_) {
    if (item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string()) {
      pairs.emplace_back(item[0].get<std::string>(), item[1].get<std::string>());
      continue;
    }
    const std::string text = item.is_string() ? item.get<std::string>() : "";
    const size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
      child(item, address_ + "[" + std::to_string(pairs.size()) + "]")
          .fail("should be two pieces, as \"a b\" or [\"a\", \"b\"], but " + shown(item) + " was found.");
    pairs.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return pairs;
}

void Field::fail(const std::string& rest) const {
  std::string sentence = origin_ + (address_.empty() ? " " : ": key \"" + address_ + "\" ") + rest;
  for (char& byte : sentence) // what was found may hold anything; the message is one line
    byte = byte >= 0 && byte < ' ' ? ' ' : byte;
  throw DataError(sentence);
}

void Field::fail_unknown(const std::string& found, const std::vector<std::string>& known) const {
  std::string list;
  for (const std::string& name : known)
    list += (list.empty() ? "" : ", ") + name;
  fail("is \"" + found + "\", which is not supported; supported are " + list + "." +
       did_you_mean(found, known));
}

} // namespace cuecard::tokenizer
