#include "sidecar.hpp"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "file_bytes.hpp"

namespace cuecard {

namespace {

using Json = nlohmann::json;

constexpr uint64_t max_sidecar_size = 256 << 10;
constexpr int max_depth = 8;

/// Strict access to a JSON object: missing keys are errors, and so are keys that were never read.
class Fields {
public:
  Fields(const Json& object, const std::string& origin, std::string where)
      : object_(object), origin_(origin), where_(std::move(where)) {
    if (!object.is_object())
      throw DataError(origin_ + ": " + (where_.empty() ? "it" : "\"" + where_ + "\"") +
                      " is not a JSON object.");
  }

  const Json& any(const char* key) {
    known_keys_.emplace_back(key);
    const auto found = object_.find(key);
    if (found == object_.end())
      refuse(key, "is missing");
    return *found;
  }
  std::string text(const char* key) {
    const Json& value = any(key);
    if (!value.is_string())
      refuse(key, "is not a string");
    return value.get<std::string>();
  }
  uint64_t whole(const char* key, uint64_t most) {
    const Json& value = any(key);
    if (!value.is_number_unsigned() || value.get<uint64_t>() > most)
      refuse(key, "is not a whole number from 0 to " + std::to_string(most));
    return value.get<uint64_t>();
  }
  uint32_t small(const char* key) { return static_cast<uint32_t>(whole(key, UINT32_MAX)); }
  std::optional<double> bound(const char* key) {
    const Json& value = any(key);
    if (value.is_null())
      return std::nullopt;
    if (!value.is_number())
      refuse(key, "is not a number");
    return value.get<double>();
  }
  std::vector<std::string> texts(const char* key) {
    std::vector<std::string> values;
    for (const Json& value : array(key)) {
      if (!value.is_string())
        refuse(key, "holds a value that is not a string");
      values.push_back(value.get<std::string>());
    }
    return values;
  }
  const Json& array(const char* key) {
    const Json& value = any(key);
    if (!value.is_array())
      refuse(key, "is not an array");
    return value;
  }
  [[noreturn]] void refuse(const std::string& key, const std::string& what) const {
    throw DataError(origin_ + ": \"" + (where_.empty() ? "" : where_ + ".") + key + "\" " + what +
                    ". Regenerate the sidecar with `cuecard-manifest`.");
  }
  void nothing_else() const {
    for (const auto& [key, value] : object_.items())
      if (std::find(known_keys_.begin(), known_keys_.end(), key) == known_keys_.end())
        throw DataError(origin_ + ": unknown key \"" + key.substr(0, 60) + "\"." +
                        did_you_mean(key, known_keys_));
  }

private:
  const Json& object_;
  const std::string& origin_;
  std::string where_;
  std::vector<std::string> known_keys_;
};

OptionInfo option_from(const Json& json, const std::string& origin, const std::string& where) {
  Fields fields(json, origin, where);
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

ComponentInfo component_from(const Json& json, const std::string& origin, const std::string& where) {
  Fields fields(json, origin, where);
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
void read_version(Fields& fields, Manifest& manifest) {
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

void read_abi(Fields& fields, const std::string& origin, Manifest& manifest) {
  Fields abi(fields.any("abi"), origin, "abi");
  manifest.abi_kind = abi.text("kind") == "cxx" ? CUECARD_ABI_CXX : 0;
  manifest.abi_major = abi.small("major");
  manifest.abi_minor = abi.small("minor");
  if (manifest.readable())
    abi.nothing_else();
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Manifest manifest_from(const Json& json, const std::string& origin) {
  Fields fields(json, origin, "");
  const uint32_t schema = fields.small("schema");
  if (schema != sidecar_schema)
    throw DataError(origin + ": has sidecar schema " + std::to_string(schema) + "; this host reads " +
                    std::to_string(sidecar_schema) + ". Rebuild the plugin with this host's SDK.");
  Manifest manifest;
  manifest.id = fields.text("id");
  manifest.version = fields.text("version");
  manifest.file = fields.text("file");
  if (manifest.file.empty() || manifest.file.find('/') != std::string::npos)
    fields.refuse("file", "is not a file name without folders");
  manifest.size = fields.whole("size", INT64_MAX);
  manifest.sha256 = fields.text("sha256");
  if (!is_sha256(manifest.sha256))
    fields.refuse("sha256", "is not 64 lower-case hexadecimal digits");
  manifest.platform = fields.text("platform");
  read_abi(fields, origin, manifest);
  if (!manifest.readable()) { // the rest depends on an unknown ABI
    check(manifest, origin);
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
  check(manifest, origin);
  return manifest;
}

/// Also rejects duplicate keys, which the parser itself accepts.
Json parse(std::span<const unsigned char> bytes, const std::string& origin) {
  std::vector<std::vector<std::string>> keys;
  const Json::parser_callback_t watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > max_depth)
      throw DataError(origin + ": nested more than " + std::to_string(max_depth) + " levels deep.");
    if (event == Json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == Json::parse_event_t::key) {
      const auto key = parsed.get<std::string>();
      if (std::find(keys.back().begin(), keys.back().end(), key) != keys.back().end())
        throw DataError(origin + ": the key \"" + key.substr(0, 60) + "\" occurs twice in one object.");
      keys.back().push_back(key);
    }
    return true;
  };
  try {
    return Json::parse(bytes.begin(), bytes.end(), watch);
  } catch (const Json::parse_error& error) {
    throw DataError(origin + ": not valid JSON (at byte " + std::to_string(error.byte) +
                    "). Regenerate the sidecar with `cuecard-manifest`.");
  } catch (const Json::out_of_range&) {
    throw DataError(origin +
                    ": holds a number that is out of range. Regenerate the sidecar with `cuecard-manifest`.");
  }
}

} // namespace

Manifest read_sidecar(const std::filesystem::path& file) {
  return read_sidecar(file_bytes(file, max_sidecar_size), file.string());
}

Manifest read_sidecar(std::span<const unsigned char> bytes, const std::string& origin) {
  return manifest_from(parse(bytes, origin), origin);
}

} // namespace cuecard
