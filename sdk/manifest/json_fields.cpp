#include "json_fields.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

using Json = nlohmann::json;

constexpr int max_depth = 12; // an index holds sidecars, which are 8 levels deep

} // namespace

JsonFields::JsonFields(const Json& object, const JsonOrigin& origin, std::string where)
    : object_(object), origin_(origin), where_(std::move(where)) {
  if (!object.is_object())
    throw DataError(origin_.name + ": " + (where_.empty() ? "it" : "\"" + where_ + "\"") +
                    " is not a JSON object.");
}

const Json& JsonFields::any(const char* key) {
  known_keys_.emplace_back(key);
  const auto found = object_.find(key);
  if (found == object_.end())
    refuse(key, "is missing");
  return *found;
}

const Json& JsonFields::array(const char* key) {
  const Json& value = any(key);
  if (!value.is_array())
    refuse(key, "is not an array");
  return value;
}

std::string JsonFields::text(const char* key) {
  const Json& value = any(key);
  if (!value.is_string())
    refuse(key, "is not a string");
  return value.get<std::string>();
}

std::string JsonFields::sha256(const char* key) {
  std::string value = text(key);
  if (!is_sha256(value))
    refuse(key, "is not 64 lower-case hexadecimal digits");
  return value;
}

bool JsonFields::truth(const char* key, bool fallback) {
  if (!has(key)) {
    known_keys_.emplace_back(key);
    return fallback;
  }
  const Json& value = any(key);
  if (!value.is_boolean())
    refuse(key, "is not true or false");
  return value.get<bool>();
}

uint64_t JsonFields::whole(const char* key, uint64_t most) {
  const Json& value = any(key);
  if (!value.is_number_unsigned() || value.get<uint64_t>() > most)
    refuse(key, "is not a whole number from 0 to " + std::to_string(most));
  return value.get<uint64_t>();
}

std::optional<double> JsonFields::bound(const char* key) {
  const Json& value = any(key);
  if (value.is_null())
    return std::nullopt;
  if (!value.is_number())
    refuse(key, "is not a number");
  return value.get<double>();
}

std::vector<std::string> JsonFields::texts(const char* key) {
  std::vector<std::string> values;
  for (const Json& value : array(key)) {
    if (!value.is_string())
      refuse(key, "holds a value that is not a string");
    values.push_back(value.get<std::string>());
  }
  return values;
}

void JsonFields::nothing_else() const {
  for (const auto& [key, value] : object_.items())
    if (std::find(known_keys_.begin(), known_keys_.end(), key) == known_keys_.end())
      throw DataError(origin_.name + ": unknown key \"" + key.substr(0, 60) + "\"." +
                      did_you_mean(key, known_keys_));
}

void JsonFields::refuse(const std::string& key, const std::string& what) const {
  throw DataError(origin_.name + ": \"" + (where_.empty() ? "" : where_ + ".") + key + "\" " + what + ". " +
                  origin_.advice);
}

/// Also rejects duplicate keys, which the parser itself accepts.
Json parse_strict(std::span<const unsigned char> bytes, const JsonOrigin& origin) {
  std::vector<std::vector<std::string>> keys;
  const Json::parser_callback_t watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > max_depth)
      throw DataError(origin.name + ": nested more than " + std::to_string(max_depth) + " levels deep.");
    if (event == Json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == Json::parse_event_t::key) {
      const auto key = parsed.get<std::string>();
      if (std::find(keys.back().begin(), keys.back().end(), key) != keys.back().end())
        throw DataError(origin.name + ": the key \"" + key.substr(0, 60) + "\" occurs twice in one object.");
      keys.back().push_back(key);
    }
    return true;
  };
  try {
    return Json::parse(bytes.begin(), bytes.end(), watch);
  } catch (const Json::parse_error& error) {
    throw DataError(origin.name + ": not valid JSON (at byte " + std::to_string(error.byte) + "). " +
                    origin.advice);
  } catch (const Json::out_of_range&) {
    throw DataError(origin.name + ": holds a number that is out of range. " + origin.advice);
  }
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

} // namespace cuecard
