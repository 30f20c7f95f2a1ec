#include "files/strict_json.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "registry/utf8.hpp"

namespace cuecard {

namespace {

std::string position(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte == 0 ? 0 : byte - 1, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t newline = before.rfind('\n');
  const std::size_t column = before.size() - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

} // namespace

nlohmann::json parse_json(std::string_view text, const std::string& origin, const JsonLimits& limits) {
  if (text.size() > limits.bytes)
    throw DataError(origin + ": has " + std::to_string(text.size()) + " bytes of JSON; the limit is " +
                    std::to_string(limits.bytes) + ".");
  // The parser treats a zero byte as the end of the input and would ignore what follows it.
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos)
    throw DataError(origin + ": is not valid JSON at " + position(text, zero + 1) +
                    ": it contains a zero byte.");
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if ((event == Event::object_start || event == Event::array_start) && depth >= limits.depth)
      throw DataError(origin + ": the JSON is nested more than " + std::to_string(limits.depth) +
                      " levels deep.");
    if (event == Event::object_start)
      keys.emplace_back();
    if (event == Event::object_end)
      keys.pop_back();
    if (event == Event::key && !keys.back().insert(parsed.get<std::string>()).second)
      throw DataError(origin + ": the key \"" + parsed.get<std::string>().substr(0, 80) + "\" appears twice.");
    return true;
  };
  try {
    return nlohmann::json::parse(text, check);
  } catch (const nlohmann::json::parse_error& error) {
    if (const std::size_t valid = registry::valid_utf8_size(text); valid < std::min(error.byte, text.size()))
      throw DataError(origin + ": is not valid JSON at " + position(text, valid + 1) +
                      ": it is not UTF-8 there; save the file as UTF-8.");
    throw DataError(origin + ": is not valid JSON at " + position(text, error.byte) + ".");
  } catch (const nlohmann::json::exception&) {
    throw DataError(origin + ": contains a number that is out of range.");
  }
}

nlohmann::json read_json(const std::filesystem::path& path, const JsonLimits& limits) {
  return parse_json(read_text(path, limits.bytes), path.string(), limits);
}

std::string read_text(const std::filesystem::path& path, std::size_t limit) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status))
    throw DataError(path.string() + ": there is no such file.");
  if (!std::filesystem::is_regular_file(status))
    throw DataError(path.string() + ": is not a regular file.");
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw DataError(path.string() + ": could not be opened for reading.");
  std::string text;
  std::vector<char> block(std::size_t{1} << 16);
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())), file.gcount() > 0) {
    text.append(block.data(), static_cast<std::size_t>(file.gcount()));
    if (text.size() > limit)
      throw DataError(path.string() + ": is larger than the limit of " + std::to_string(limit) + " bytes.");
  }
  return text;
}

} // namespace cuecard
