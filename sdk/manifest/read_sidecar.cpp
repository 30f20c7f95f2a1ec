#include "sidecar.hpp"

#include <charconv>

#include <cuecard/error.hpp>

#include "file_bytes.hpp"
#include "json_fields.hpp"

namespace cuecard {

namespace {

using Json = nlohmann::json;

constexpr uint64_t max_sidecar_size = 256 << 10;

OptionInfo option_from(const Json& json, const JsonOrigin& origin, const std::string& where) {
  JsonFields fields(json, origin, where);
  OptionInfo option;
  option.name = fields.text("name");
  option.type = option_type_value(fields.text("type"));
  option.role = fields.small("role");
  option.value = fields.text("default");
  option.minimum = fields.bound("minimum");
  option.maximum = fields.bound("maximum");
  option.choices = fields.texts("choices");
  option.help = fields.text("help");
  option.source = fields.text("source");
  option.needs = fields.text("needs");
  fields.nothing_else();
  return option;
}

ComponentInfo component_from(const Json& json, const JsonOrigin& origin, const std::string& where) {
  JsonFields fields(json, origin, where);
  ComponentInfo component;
  component.kind = kind_value(fields.text("kind"));
  component.kind_version = fields.small("kind_version");
  component.name = fields.text("name");
  component.summary = fields.text("summary");
  const auto trains = trains_value(fields.text("trains"));
  if (!trains)
    fields.refuse("trains", "is not one of nothing, tokens, tensors, weights");
  component.trains = *trains;
  component.model_types = fields.texts("model_types");
  component.adopts = fields.texts("adopts");
  const Json& options = fields.array("options");
  for (std::size_t i = 0; i < options.size(); ++i)
    component.options.push_back(option_from(options[i], origin, where + ".options[" + std::to_string(i) + "]"));
  fields.nothing_else();
  return component;
}

/// Parses "2.15.0" into three numbers.
void read_version(JsonFields& fields, Manifest& manifest) {
  const std::string text = fields.text("torch");
  uint32_t* const parts[] = {&manifest.torch_major, &manifest.torch_minor, &manifest.torch_patch};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int i = 0; i < 3; ++i) {
    const auto [stopped, error] = std::from_chars(at, end, *parts[i]);
    const bool terminated = i == 2 ? stopped == end : stopped != end && *stopped == '.';
    if (error != std::errc() || !terminated)
      fields.refuse("torch", "is not a version such as 2.15.0");
    at = stopped + 1;
  }
}

void read_abi(JsonFields& fields, const JsonOrigin& origin, Manifest& manifest) {
  JsonFields abi(fields.any("abi"), origin, "abi");
  manifest.abi_kind = abi.text("kind") == "cxx" ? CUECARD_ABI_CXX : 0;
  manifest.abi_major = abi.small("major");
  manifest.abi_minor = abi.small("minor");
  if (manifest.readable())
    abi.nothing_else();
}

Manifest manifest_from(const Json& json, const JsonOrigin& origin) {
  JsonFields fields(json, origin, "");
  const uint32_t schema = fields.small("schema");
  if (schema != sidecar_schema)
    throw DataError(origin.name + ": has sidecar schema " + std::to_string(schema) + "; this host reads " +
                    std::to_string(sidecar_schema) + ". Rebuild the plugin with this host's SDK.");
  Manifest manifest;
  manifest.id = fields.text("id");
  manifest.version = fields.text("version");
  manifest.file = fields.text("file");
  if (manifest.file.empty() || manifest.file.find('/') != std::string::npos)
    fields.refuse("file", "is not a file name without folders");
  manifest.size = fields.whole("size", INT64_MAX);
  manifest.sha256 = fields.sha256("sha256");
  manifest.platform = fields.text("platform");
  read_abi(fields, origin, manifest);
  if (!manifest.readable()) { // the rest depends on an unknown ABI
    check(manifest, origin.name);
    return manifest;
  }
  read_version(fields, manifest);
  manifest.cxx_std = fields.small("cxx_std");
  manifest.stdlib = stdlib_value(fields.text("stdlib"));
  for (const std::string& flag : fields.texts("flags")) {
    const uint32_t bit = abi_flag_value(flag);
    if (bit == 0)
      fields.refuse("flags", "holds the unknown flag \"" + flag.substr(0, 60) + "\"");
    manifest.abi_flags |= bit;
  }
  manifest.compiler = fields.text("compiler");
  manifest.license = fields.text("license");
  manifest.homepage = fields.text("homepage");
  const Json& components = fields.array("components");
  for (std::size_t i = 0; i < components.size(); ++i)
    manifest.components.push_back(
        component_from(components[i], origin, "components[" + std::to_string(i) + "]"));
  fields.nothing_else();
  check(manifest, origin.name);
  return manifest;
}

} // namespace

Manifest read_sidecar(const std::filesystem::path& file) {
  return read_sidecar(file_bytes(file, max_sidecar_size), file.string());
}

Manifest read_sidecar(std::span<const unsigned char> bytes, const std::string& name) {
  const JsonOrigin origin{name, "Regenerate the sidecar with `cuecard-manifest`."};
  return manifest_from(parse_strict(bytes, origin), origin);
}

} // namespace cuecard
