/// A plugin's manifest: the constant declared in cuecard/plugin.h as plain values, read from a library file, a
/// loaded library or a sidecar.
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
  uint32_t role = 0; ///< cuecard_option_role
  std::string value; ///< default, as a user would type it
  std::optional<double> minimum, maximum;
  std::vector<std::string> choices; ///< empty: any text
  std::string help;
  std::string source;
  std::string needs = {}; ///< "OPTION=VALUE|VALUE"; empty: used with every value of the others

  bool operator==(const OptionInfo&) const = default;
};

struct ComponentInfo {
  uint32_t kind = 0; ///< cuecard_component_kind
  uint32_t kind_version = 0;
  std::string name;
  std::string summary;
  uint32_t trains = 0; ///< cuecard_trains
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

  /// The library file; empty if the manifest was read from memory.
  std::string file; ///< its name, without folders
  uint64_t size = 0;
  std::string sha256;   ///< 64 lower-case hexadecimal digits
  std::string platform; ///< "linux-x86_64"

  /// Whether this build knows the manifest's layout for its ABI version. If not, only `abi_*` and the file's
  /// identity are set.
  bool readable() const;

  bool operator==(const Manifest&) const = default;
};

/// Name of an enum value in plugin.h ("tuner", "tensors", "integer", "libstdc++"); "" for an unknown value.
std::string kind_name(uint32_t kind);
std::string trains_name(uint32_t trains);
std::string option_type_name(uint32_t type);
std::string stdlib_name(uint32_t stdlib);
/// Names of the bits that are set, in bit order.
std::vector<std::string> abi_flag_names(uint32_t flags);

/// Value of a name; 0 for an unknown one, or std::nullopt where 0 is a valid value.
uint32_t kind_value(std::string_view name);
std::optional<uint32_t> trains_value(std::string_view name);
uint32_t option_type_value(std::string_view name);
uint32_t stdlib_value(std::string_view name);
uint32_t abi_flag_value(std::string_view name);

/// Validates a manifest: names in kebab case, no duplicate components or options, known kinds, defaults within
/// their range, no control characters in text shown to users. `origin` is the prefix of the error. Throws
/// DataError.
void check(const Manifest& manifest, const std::string& origin);

/// Parses an option's value and checks type, range and choices. Throws UsageError that says what was found and
/// what was expected, without naming the component.
Options::Value parse_option(const OptionInfo& option, const std::string& text);

/// The option and the values that `needs` names; both empty for an option that is always used.
struct Needs {
  std::string option;
  std::vector<std::string> values;
};
Needs needs_of(const OptionInfo& option);

/// "a whole number from 1 to 1000", "one of adamw, adafactor", "true or false", "text".
std::string expected_value(const OptionInfo& option);

} // namespace cuecard
