#include "tokenizer/files/json_file.hpp"

#include <fstream>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

namespace cuecard::tokenizer {
namespace {

constexpr std::uintmax_t max_bytes = 1'000'000'000;
constexpr int max_depth = 64;

/// Maximum nesting depth, ignoring brackets inside strings.
int depth_of(const std::string& text) {
  int depth = 0, deepest = 0;
  bool inside_string = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char byte = text[at];
    if (inside_string && byte == '\\')
      ++at;
    else if (byte == '"')
      inside_string = !inside_string;
    else if (!inside_string && (byte == '{' || byte == '['))
      deepest = std::max(deepest, ++depth);
    else if (!inside_string && (byte == '}' || byte == ']'))
      --depth;
  }
  return deepest;
}

} // namespace

std::string read_file(const std::filesystem::path& file) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  std::ifstream stream(file, std::ios::binary);
  if (error || !stream)
    throw DataError(file.string() + " can't be read" + (error ? ": " + error.message() : "") + ".");
  if (size > max_bytes)
    throw DataError(file.string() + " has " + std::to_string(size) +
                    " bytes; the limit for tokenizer files is 1 GB.");
  std::string text(size, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(size));
  text.resize(static_cast<size_t>(stream.gcount()));
  return text;
}

nlohmann::json parse_json_text(const std::string& text, const std::string& origin) {
  if (depth_of(text) > max_depth)
    throw DataError(origin + " is nested more than " + std::to_string(max_depth) +
                    " levels deep, which no tokenizer file is.");
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    throw DataError(origin + " is not valid JSON at byte " + std::to_string(error.byte) + " of " +
                    std::to_string(text.size()) + "; it may have been cut off, so download it again.");
  } catch (const nlohmann::json::out_of_range&) {
    throw DataError(origin + " contains a number that is too large; download it again.");
  }
}

nlohmann::json read_json_file(const std::filesystem::path& file) {
  return parse_json_text(read_file(file), file.string());
}

} // namespace cuecard::tokenizer
