#include "data/json_object.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

using nlohmann::json;

std::string describe(const json& value) {
  constexpr std::size_t longest = 60;
  if (value.is_object())
    return "an object";
  if (value.is_array() && value.empty())
    return "an empty list";
  if (value.is_array() && value.size() > longest)
    return "a list of " + std::to_string(value.size());
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() <= longest)
    return text;
  return value.is_array() ? "a list of " + std::to_string(value.size()) : text.substr(0, longest) + "...";
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "" : ", ") + word;
  return text;
}

[[noreturn]] void refuse_value(const std::string& file, const std::string& path, const json& value,
                               const std::string& expected) {
  throw DataError(file + ": \"" + path + "\" is " + describe(value) + "; expected " + expected + ".");
}

} // namespace

JsonObject::JsonObject(const json& value, std::string file, std::string path,
                       const std::vector<std::string>& keys)
    : value_(&value), file_(std::move(file)), path_(std::move(path)) {
  if (!value.is_object())
    throw DataError(file_ + ": " + (path_.empty() ? "the document" : "\"" + path_ + "\"") + " is " +
                    describe(value) + "; expected an object.");
  for (const auto& [key, member] : value.items())
    if (!keys.empty() && std::find(keys.begin(), keys.end(), key) == keys.end()) {
      const std::string hint = did_you_mean(key, keys);
      throw DataError(file_ + ": unknown key \"" + this->path(key.substr(0, 80)) + "\"." +
                      (hint.empty() ? " Known keys: " + joined(keys) + "." : hint));
    }
}

bool JsonObject::has(const std::string& key) const {
  return value_->contains(key);
}

std::vector<std::string> JsonObject::keys() const {
  std::vector<std::string> names;
  for (const auto& [key, member] : value_->items())
    names.push_back(key);
  return names;
}

const json& JsonObject::at(const std::string& key) const {
  if (!has(key))
    throw DataError(file_ + ": the key \"" + path(key) + "\" is missing.");
  return (*value_)[key];
}

std::string JsonObject::text(const std::string& key) const {
  if (!at(key).is_string())
    refuse(key, "a string");
  return at(key).get<std::string>();
}

std::string JsonObject::text_or(const std::string& key, const std::string& fallback) const {
  return has(key) ? text(key) : fallback;
}

bool JsonObject::flag_or(const std::string& key, bool fallback) const {
  if (!has(key))
    return fallback;
  if (!at(key).is_boolean())
    refuse(key, "true or false");
  return at(key).get<bool>();
}

int64_t JsonObject::integer(const std::string& key, int64_t low, int64_t high) const {
  const json& value = at(key);
  const std::string expected = "a whole number from " + std::to_string(low) + " to " + std::to_string(high);
  if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{1} << 62))
    refuse(key, expected);
  const auto number = value.get<int64_t>();
  if (number < low || number > high)
    refuse(key, expected);
  return number;
}

int64_t JsonObject::integer_or(const std::string& key, int64_t fallback, int64_t low, int64_t high) const {
  return has(key) ? integer(key, low, high) : fallback;
}

double JsonObject::number(const std::string& key, double low, double high) const {
  const json& value = at(key);
  if (!value.is_number() || value.get<double>() < low || value.get<double>() > high)
    refuse(key, "a number from " + json(low).dump() + " to " + json(high).dump());
  return value.get<double>();
}

std::vector<std::string> JsonObject::texts(const std::string& key) const {
  const json& value = at(key);
  if (!value.is_array())
    refuse(key, "a list of strings");
  for (std::size_t i = 0; i < value.size(); ++i)
    if (!value[i].is_string())
      refuse_value(file_, path(key) + "[" + std::to_string(i) + "]", value[i], "a string");
  return value.get<std::vector<std::string>>();
}

std::string JsonObject::choice_or(const std::string& key, const std::string& fallback,
                                  const std::vector<std::string>& choices) const {
  if (!has(key))
    return fallback;
  const std::string value = text(key);
  if (std::find(choices.begin(), choices.end(), value) == choices.end())
    refuse(key, "one of " + joined(choices));
  return value;
}

JsonObject JsonObject::object(const std::string& key, const std::vector<std::string>& allowed) const {
  return JsonObject(at(key), file_, path(key), allowed);
}

std::string JsonObject::path(const std::string& key) const {
  if (key.empty())
    return path_;
  return path_.empty() ? key : path_ + "." + key;
}

void JsonObject::refuse(const std::string& key, const std::string& expected) const {
  if (has(key))
    refuse_value(file_, path(key), (*value_)[key], expected);
  throw DataError(file_ + ": \"" + path(key) + "\" is missing; expected " + expected + ".");
}

} // namespace cuecard
