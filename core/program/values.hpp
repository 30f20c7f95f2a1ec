/// Typed access to the values of a call. Parsing has validated them, so conversions can't fail here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "program/call.hpp"

namespace cuecard::host {

class Values {
public:
  explicit Values(const CuecardCall& call) : call_(call) {}

  bool given(const std::string& name) const { return call_.values.contains(name); }
  const std::vector<std::string>& texts(const std::string& name) const {
    static const std::vector<std::string> none;
    const auto found = call_.values.find(name);
    return found == call_.values.end() ? none : found->second;
  }
  /// "" when not given.
  std::string text(const std::string& name) const { return given(name) ? texts(name).front() : ""; }
  int64_t integer(const std::string& name, int64_t fallback = 0) const {
    return given(name) ? std::stoll(text(name)) : fallback;
  }
  double number(const std::string& name, double fallback = 0) const {
    return given(name) ? std::stod(text(name)) : fallback;
  }
  /// NAME=VALUE pairs in the order given.
  std::vector<std::pair<std::string, std::string>> pairs(const std::string& name) const {
    std::vector<std::pair<std::string, std::string>> result;
    for (const std::string& pair : texts(name))
      result.emplace_back(pair.substr(0, pair.find('=')), pair.substr(pair.find('=') + 1));
    return result;
  }
  const std::string& verb() const { return call_.verb; }
  /// The command line as typed, after the program's name.
  const std::vector<std::string>& words() const { return call_.words; }

private:
  const CuecardCall& call_;
};

} // namespace cuecard::host
