/// The fields of an `adapter_config.json`, with errors that give the file, the field, the value found and the
/// value expected.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

namespace cuecard::peft {

constexpr int64_t max_size = 10'000'000; ///< upper limit of every size in the file

inline std::string shown(const nlohmann::json& value) {
  std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return text.size() > 80 ? text.substr(0, 77) + "..." : text;
}

/// The file's fields. As in PEFT, null counts as missing.
class Fields {
  using json = nlohmann::json;

public:
  Fields(const json& object, std::string origin) : object_(object), origin_(std::move(origin)) {
    if (!object_.is_object())
      throw DataError(origin_ + ": is not a JSON object.");
  }

  [[noreturn]] void refuse(const std::string& name, const std::string& expected) const {
    const json* value = find(name);
    throw DataError(origin_ + ": " +
                    (value ? "\"" + name + "\" is " + shown(*value) : "lacks \"" + name + "\"") +
                    "; expected " + expected + ".");
  }

  const json* find(const std::string& name) const {
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  /// Whether the field has another value than null, false, "" or an empty list or object.
  bool is_set(const std::string& name) const {
    const json* value = find(name);
    return value && *value != json(false) && *value != json("") && !(value->is_structured() && value->empty());
  }

  const std::string& origin() const { return origin_; }

  bool flag(const std::string& name) const {
    const json* value = find(name);
    if (value && !value->is_boolean())
      refuse(name, "true or false");
    return value && value->get<bool>();
  }

  std::string text(const std::string& name) const {
    const json* value = find(name);
    if (value && !value->is_string())
      refuse(name, "a string");
    return value ? value->get<std::string>() : "";
  }

  std::optional<int64_t> size(const std::string& name) const {
    const json* value = find(name);
    if (!value)
      return std::nullopt;
    if (!value->is_number_unsigned() || value->get<uint64_t>() == 0 ||
        value->get<uint64_t>() > static_cast<uint64_t>(max_size))
      refuse(name, "a whole number from 1 to " + std::to_string(max_size));
    return value->get<int64_t>();
  }

  template <class Value, std::size_t n>
  Value choice(const std::string& name, const std::array<std::pair<Value, const char*>, n>& choices,
               const std::string& why) const {
    const std::string found = text(name);
    std::string expected;
    for (std::size_t i = 0; i < n; ++i) {
      if (found == choices[i].second)
        return choices[i].first;
      expected += (i == 0 ? "" : i + 1 < n ? ", " : " or ") + std::string(choices[i].second);
    }
    refuse(name, expected + why);
  }

  std::vector<std::string> names(const std::string& name) const {
    std::vector<std::string> result;
    const json* value = find(name);
    if (value && !value->is_array())
      refuse(name, "a list of names");
    for (const json& item : value ? *value : json::array()) {
      if (!item.is_string())
        refuse(name, "a list of names");
      if (std::find(result.begin(), result.end(), item) == result.end())
        result.push_back(item);
    }
    return result;
  }

private:
  const json& object_;
  std::string origin_;
};

} // namespace cuecard::peft
