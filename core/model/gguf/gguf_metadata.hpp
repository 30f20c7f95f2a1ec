/// The metadata of a GGUF file as typed values, and what all architectures read from it.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <cuecard/configuration.hpp>
#include <cuecard/error.hpp>

#include "model/gguf/gguf.hpp"

namespace cuecard {

/// Typed access to metadata; errors name file and key.
class Metadata {
public:
  explicit Metadata(const GgufFile& file) : file_(file) {}

  const GgufValue* find(const std::string& key) const {
    const auto found = file_.metadata().find(key);
    return found == file_.metadata().end() ? nullptr : &found->second;
  }

  std::optional<int64_t> integer_if(const std::string& key) const {
    const GgufValue* value = find(key);
    if (!value)
      return std::nullopt;
    const auto* number = std::get_if<int64_t>(value);
    if (!number || *number < 0)
      fail(key, "isn't a non-negative integer");
    return *number;
  }

  int64_t integer(const std::string& key) const {
    const auto value = integer_if(key);
    if (!value)
      fail(key, "is missing");
    return *value;
  }

  /// The same for a value that may be an array with an entry for each of `layers` layers; all must be equal.
  std::optional<int64_t> layer_integer_if(const std::string& key, int64_t layers) const {
    const GgufValue* value = find(key);
    const auto* list = value ? std::get_if<std::vector<int64_t>>(value) : nullptr;
    if (!list)
      return integer_if(key);
    check_entries(key, *list, layers);
    if (std::adjacent_find(list->begin(), list->end(), std::not_equal_to<>()) != list->end())
      fail(key, "is an array with different values for the layers; only models whose layers are alike are "
                "supported");
    if (list->empty() || list->front() < 0)
      fail(key, "isn't an array of non-negative integers");
    return list->front();
  }

  int64_t layer_integer(const std::string& key, int64_t layers) const {
    const auto value = layer_integer_if(key, layers);
    if (!value)
      fail(key, "is missing");
    return *value;
  }

  void check_entries(const std::string& key, const std::vector<int64_t>& list, int64_t layers) const {
    if (std::ssize(list) != layers)
      fail(key, "is an array of " + std::to_string(list.size()) + "; expected one entry for each of the " +
                    std::to_string(layers) + " layers");
  }

  std::optional<double> number_if(const std::string& key) const {
    const GgufValue* value = find(key);
    if (!value)
      return std::nullopt;
    const auto* number = std::get_if<double>(value);
    if (!number)
      fail(key, "isn't a floating-point number");
    return shortest_decimal(*number);
  }

  double number(const std::string& key) const {
    const auto value = number_if(key);
    if (!value)
      fail(key, "is missing");
    return *value;
  }

  std::string string_or(const std::string& key, std::string fallback) const {
    const GgufValue* value = find(key);
    if (!value)
      return fallback;
    const auto* text = std::get_if<std::string>(value);
    if (!text)
      fail(key, "isn't a string");
    return *text;
  }

  bool flag_or(const std::string& key, bool fallback) const {
    const GgufValue* value = find(key);
    if (!value)
      return fallback;
    const auto* flag = std::get_if<bool>(value);
    if (!flag)
      fail(key, "isn't a boolean");
    return *flag;
  }

  [[noreturn]] void fail(const std::string& key, const std::string& what) const {
    throw DataError(file_.path().string() + ": metadata \"" + key + "\" " + what + ".");
  }

private:
  /// Metadata is float32, which widens to an inexact double (9.999999747378752e-06). The shortest decimal that
  /// rounds to the same float32 is the number in the original config.json (1e-05).
  static double shortest_decimal(double number) {
    const auto single = static_cast<float>(number);
    if (static_cast<double>(single) != number)
      return number;
    std::array<char, 64> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), single).ptr;
    std::from_chars(text.data(), end, number);
    return number;
  }

  const GgufFile& file_;
};

/// The number of token embeddings; files without the embedding have `vocab_size`.
int64_t vocab_size(const GgufFile& file, const Metadata& metadata, const std::string& architecture);

void set_token_ids(const Metadata& metadata, Configuration& into);

/// Whether `architecture` is Llama or a decoder derived from it; then `into` receives its configuration.
bool set_decoder(const GgufFile& file, const Metadata& metadata, const std::string& architecture,
                 Configuration& into);

/// Their architectures, for messages.
std::string decoder_architectures();

} // namespace cuecard
