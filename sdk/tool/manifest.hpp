/// What a plugin says about itself: the constant of cuecard/plugin.h as plain values, whether it was read from
/// a library file, from a loaded library or from a sidecar.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/plugin.h>

namespace cuecard {

struct OptionInfo {
  std::string name;
  uint32_t type = 0; ///< cuecard_option_type
  std::string value; ///< the default, as a person would type it
  std::optional<double> minimum, maximum;
  std::vector<std::string> choices; ///< empty: any text
  std::string help;
  std::string source;

  bool operator==(const OptionInfo&) const = default;
};

struct ComponentInfo {
  uint32_t kind = 0; ///< cuecard_component_kind
  uint32_t kind_version = 0;
  std::string name;
  std::string summary;
  uint32_t learns = 0; ///< cuecard_learns
  std::vector<std::string> model_types;
  std::vector<std::string> adopts;
  std::vector<OptionInfo> options;

  bool operator==(const ComponentInfo&) const = default;
};

struct Manifest {
  std::string id, version, license, homepage, compiler;
  uint32_t abi_kind = 0, abi_major = 0, abi_minor = 0;
  uint32_t torch_major = 0, torch_minor = 0, torch_patch = 0;
  uint32_t cxx_std = 0;   ///< __cplusplus
  uint32_t stdlib = 0;    ///< cuecard_stdlib
  uint32_t abi_flags = 0; ///< cuecard_abi_flag
  std::vector<ComponentInfo> components;

  /// The library file. Empty when the manifest was read from memory.
  std::string file; ///< its name, without folders
  uint64_t size = 0;
  std::string sha256;   ///< 64 lower-case hexadecimal digits
  std::string platform; ///< "linux-x86_64"

  /// True when this build knows the layout of everything behind the ABI numbers. When false, only `abi_*` and
  /// the file's identity are filled in.
  bool readable() const;

  bool operator==(const Manifest&) const = default;
};

/// The word for a value of the enums in plugin.h ("tuner", "tensors", "integer", "libstdc++"), "" for an
/// unknown value.
std::string kind_name(uint32_t kind);
std::string learns_name(uint32_t learns);
std::string option_type_name(uint32_t type);
std::string stdlib_name(uint32_t stdlib);
/// The words for the bits that are set, in the order of the bits.
std::vector<std::string> abi_flag_names(uint32_t flags);

/// The value for a word, 0 for an unknown word (`learns`: nothing for "nothing" only, else std::nullopt).
uint32_t kind_value(std::string_view name);
std::optional<uint32_t> learns_value(std::string_view name);
uint32_t option_type_value(std::string_view name);
uint32_t stdlib_value(std::string_view name);
uint32_t abi_flag_value(std::string_view name);

/// Refuses what the types allow but a plugin may not say: names that are no kebab-case, a component or an
/// option declared twice, unknown kinds, a default outside its own range, control characters in what people
/// will read. `origin` starts the sentence. Throws DataError.
void check(const Manifest& manifest, const std::string& origin);

/// The value of an option from what a person typed: type, range and choices are checked. Throws UsageError
/// whose text says what was found and what was expected, without naming the component.
Options::Value parse_option(const OptionInfo& option, const std::string& text);

/// "a whole number from 1 to 1000", "one of adamw, adafactor", "true or false", "a text".
std::string expected_value(const OptionInfo& option);

} // namespace cuecard
