/// Typed access to the fields of `card.json`. Errors name the file, the field by its whole path, what was found and what was expected.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "data/json_object.hpp"
#include "files/strict_json.hpp"

namespace cuecard {

/// Reads one object of the document: fields are taken by name and type, and none may remain.
class CardFields {
public:
  /// `where` is the path of the object's fields: "" at the top, else "training.".
  CardFields(const nlohmann::json& object, std::string origin, std::string where)
      : object_(object), origin_(std::move(origin)), where_(std::move(where)) {
    if (!object_.is_object())
      throw DataError(origin_ + ": " +
                      (where_.empty() ? "is" : "\"" + where_.substr(0, where_.size() - 1) + "\" is") +
                      " not a JSON object.");
  }

  bool has(const std::string& name) const { return object_.contains(name); }

  const nlohmann::json& get(const std::string& name) {
    known_.insert(name);
    const auto found = object_.find(name);
    if (found == object_.end())
      throw DataError(origin_ + ": lacks the field \"" + where_ + name + "\". The card may have been damaged.");
    return *found;
  }

  CardFields object(const std::string& name) { return {get(name), origin_, where_ + name + "."}; }

  std::string text(const std::string& name) {
    const nlohmann::json& value = get(name);
    if (!value.is_string())
      refuse(name, value, "a text");
    return value.get<std::string>();
  }

  bool flag(const std::string& name) {
    const nlohmann::json& value = get(name);
    if (!value.is_boolean())
      refuse(name, value, "true or false");
    return value.get<bool>();
  }

  int64_t whole(const std::string& name) {
    const nlohmann::json& value = get(name);
    if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t{1} << 62)
      refuse(name, value, "a whole number that is not negative");
    return value.get<int64_t>();
  }

  double number(const std::string& name) {
    const nlohmann::json& value = get(name);
    if (!value.is_number())
      refuse(name, value, "a number");
    return value.get<double>();
  }

  std::string sha256(const std::string& name) {
    std::string value = text(name);
    if (!value.empty() &&
        (value.size() != 64 || value.find_first_not_of("0123456789abcdef") != std::string::npos))
      refuse(name, value, "a SHA-256 in 64 hexadecimal digits");
    return value;
  }

  std::string filled_text(const std::string& name) {
    const std::string value = text(name);
    if (value.empty())
      refuse(name, value, "a text that is not empty");
    return value;
  }

  std::vector<std::string> texts(const std::string& name) { return texts_of(name, get(name)); }

  /// Texts that differ, such as the names of labels.
  std::vector<std::string> names(const std::string& name) {
    std::vector<std::string> found = texts(name);
    for (std::size_t i = 0; i < found.size(); ++i)
      if (std::find(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(i), found[i]) !=
          found.begin() + static_cast<std::ptrdiff_t>(i))
        refuse(indexed(name, i), found[i], "a name that the list doesn't have already");
    return found;
  }

  std::vector<std::vector<std::string>> lists_of_texts(const std::string& name) {
    const nlohmann::json& outer = list(name);
    std::vector<std::vector<std::string>> lists;
    for (std::size_t i = 0; i < outer.size(); ++i)
      lists.push_back(texts_of(indexed(name, i), outer[i]));
    return lists;
  }

  std::map<std::string, std::string> named_texts(const std::string& name) {
    CardFields fields = object(name);
    std::map<std::string, std::string> texts;
    for (const auto& [key, value] : get(name).items())
      texts[key] = fields.text(key);
    return texts;
  }

  const nlohmann::json& list(const std::string& name) {
    const nlohmann::json& value = get(name);
    if (!value.is_array())
      refuse(name, value, "a list");
    return value;
  }

  Options options(const std::string& name) {
    Options options;
    const nlohmann::json& object = get(name);
    if (!object.is_object())
      refuse(name, object, "an object");
    for (const auto& [key, value] : object.items()) {
      if (value.is_boolean())
        options.set(key, value.get<bool>());
      else if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
        refuse(name + "." + key, value, "a number below 2^63");
      else if (value.is_number_integer())
        options.set(key, value.get<int64_t>());
      else if (value.is_number_float())
        options.set(key, value.get<double>());
      else if (value.is_string())
        options.set(key, value.get<std::string>());
      else
        refuse(name + "." + key, value, "true, false, a number or a text");
    }
    return options;
  }

  /// DataError if the object has a field that was not read.
  void done() const {
    for (const auto& [name, value] : object_.items())
      if (known_.count(name) == 0)
        throw DataError(origin_ + ": has the unknown field \"" + where_ + name.substr(0, 80) + "\"." +
                        did_you_mean(name, {known_.begin(), known_.end()}));
  }

  [[noreturn]] void refuse(const std::string& name, const nlohmann::json& found,
                           const std::string& expected) const {
    const std::string text = found.is_structured() ? std::string("a ") + (found.is_array() ? "list" : "object")
                                                   : found.dump().substr(0, 80);
    throw DataError(origin_ + ": \"" + where_ + name + "\" is " + text + "; expected " + expected + ".");
  }

private:
  static std::string indexed(const std::string& name, std::size_t item) {
    return name + "[" + std::to_string(item) + "]";
  }

  std::vector<std::string> texts_of(const std::string& name, const nlohmann::json& value) const {
    std::vector<std::string> texts;
    if (!value.is_array())
      refuse(name, value, "a list of texts");
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (!value[i].is_string())
        refuse(indexed(name, i), value[i], "a text");
      texts.push_back(value[i].get<std::string>());
    }
    return texts;
  }

  const nlohmann::json& object_;
  std::string origin_, where_;
  std::set<std::string> known_;
};

} // namespace cuecard
