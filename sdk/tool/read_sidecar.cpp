#include "sidecar.hpp"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "file_bytes.hpp"

namespace cuecard {

namespace {

using Json = nlohmann::json;

constexpr uint64_t largest_sidecar = 256 << 10;
constexpr int deepest = 8;

/// One JSON object whose keys are all asked for; what was not asked for is an error, and so is what is missing.
class Fields {
public:
  Fields(const Json& object, const std::string& origin, std::string where)
      : object_(object), origin_(origin), where_(std::move(where)) {
    if (!object.is_object())
      throw DataError(origin_ + ": " + (where_.empty() ? "it" : "\"" + where_ + "\"") + " is no JSON object.");
  }

  const Json& any(const char* key) {
    asked_.emplace_back(key);
    const auto found = object_.find(key);
    if (found == object_.end())
      refuse(key, "is missing");
    return *found;
  }
  std::string text(const char* key) {
    const Json& value = any(key);
    if (!value.is_string())
      refuse(key, "is no text");
    return value.get<std::string>();
  }
  uint64_t whole(const char* key, uint64_t most) {
    const Json& value = any(key);
    if (!value.is_number_unsigned() || value.get<uint64_t>() > most)
      refuse(key, "is no whole number from 0 to " + std::to_string(most));
    return value.get<uint64_t>();
  }
  uint32_t small(const char* key) { return static_cast<uint32_t>(whole(key, UINT32_MAX)); }
  std::optional<double> bound(const char* key) {
    const Json& value = any(key);
    if (value.is_null())
      return std::nullopt;
    if (!value.is_number())
      refuse(key, "is no number");
    return value.get<double>();
  }
  std::vector<std::string> texts(const char* key) {
    std::vector<std::string> values;
    for (const Json& value : array(key)) {
      if (!value.is_string())
        refuse(key, "holds something that is no text");
      values.push_back(value.get<std::string>());
    }
    return values;
  }
  const Json& array(const char* key) {
    const Json& value = any(key);
    if (!value.is_array())
      refuse(key, "is no list");
    return value;
  }
  [[noreturn]] void refuse(const std::string& key, const std::string& what) const {
    throw DataError(origin_ + ": \"" + (where_.empty() ? "" : where_ + ".") + key + "\" " + what +
                    ". Write the sidecar anew with `cuecard-manifest`.");
  }
  void nothing_else() const {
    for (const auto& [key, value] : object_.items())
      if (std::find(asked_.begin(), asked_.end(), key) == asked_.end())
        throw DataError(origin_ + ": unknown key \"" + key.substr(0, 60) + "\"." + did_you_mean(key, asked_));
  }

private:
  const Json& object_;
  const std::string& origin_;
  std::string where_;
  std::vector<std::string> asked_;
};

OptionInfo option_from(const Json& json, const std::string& origin, const std::string& where) {
  Fields fields(json, origin, where);
  OptionInfo option;
  option.name = fields.text("name");
  option.type = option_type_value(fields.text("type"));
  option.value = fields.text("default");
  option.minimum = fields.bound("minimum");
  option.maximum = fields.bound("maximum");
  option.choices = fields.texts("choices");
  option.help = fields.text("help");
  option.source = fields.text("source");
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
  const auto learns = learns_value(fields.text("learns"));
  if (!learns)
    fields.refuse("learns", "is none of nothing, tokens, tensors, weights");
  component.learns = *learns;
  component.model_types = fields.texts("model_types");
  component.adopts = fields.texts("adopts");
  const Json& options = fields.array("options");
  for (std::size_t i = 0; i < options.size(); ++i)
    component.options.push_back(option_from(options[i], origin, where + ".options[" + std::to_string(i) + "]"));
  fields.nothing_else();
  return component;
}

/// "2.15.0" -> its three numbers.
void read_version(Fields& fields, Manifest& manifest) {
  const std::string text = fields.text("torch");
  uint32_t* const parts[] = {&manifest.torch_major, &manifest.torch_minor, &manifest.torch_patch};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int i = 0; i < 3; ++i) {
    const auto [stopped, error] = std::from_chars(at, end, *parts[i]);
    const bool ends_well = i == 2 ? stopped == end : stopped != end && *stopped == '.';
    if (error != std::errc() || !ends_well)
      fields.refuse("torch", "is no version such as 2.15.0");
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
    throw DataError(origin + ": it has the sidecar schema " + std::to_string(schema) + "; this host reads " +
                    std::to_string(sidecar_schema) + ". Rebuild the plugin with this host's SDK.");
  Manifest manifest;
  manifest.id = fields.text("id");
  manifest.version = fields.text("version");
  manifest.file = fields.text("file");
  if (manifest.file.empty() || manifest.file.find('/') != std::string::npos)
    fields.refuse("file", "is no file name without folders");
  manifest.size = fields.whole("size", INT64_MAX);
  manifest.sha256 = fields.text("sha256");
  if (!is_sha256(manifest.sha256))
    fields.refuse("sha256", "is not 64 lower-case hexadecimal digits");
  manifest.platform = fields.text("platform");
  read_abi(fields, origin, manifest);
  if (!manifest.readable()) { // what follows belongs to an ABI that is not known here
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

/// Also refuses a key that stands twice, which the parser alone would let pass.
Json parse(std::span<const unsigned char> bytes, const std::string& origin) {
  std::vector<std::vector<std::string>> keys;
  const Json::parser_callback_t watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > deepest)
      throw DataError(origin + ": it is nested more than " + std::to_string(deepest) + " deep.");
    if (event == Json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == Json::parse_event_t::key) {
      const auto key = parsed.get<std::string>();
      if (std::find(keys.back().begin(), keys.back().end(), key) != keys.back().end())
        throw DataError(origin + ": the key \"" + key.substr(0, 60) + "\" stands twice in one object.");
      keys.back().push_back(key);
    }
    return true;
  };
  try {
    return Json::parse(bytes.begin(), bytes.end(), watch);
  } catch (const Json::parse_error& error) {
    throw DataError(origin + ": it is no JSON (at byte " + std::to_string(error.byte) +
                    "). Write the sidecar anew with `cuecard-manifest`.");
  } catch (const Json::out_of_range&) {
    throw DataError(
        origin + ": it holds a number that is out of range. Write the sidecar anew with `cuecard-manifest`.");
  }
}

} // namespace

Manifest read_sidecar(const std::filesystem::path& file) {
  return read_sidecar(file_bytes(file, largest_sidecar), file.string());
}

Manifest read_sidecar(std::span<const unsigned char> bytes, const std::string& origin) {
  return manifest_from(parse(bytes, origin), origin);
}

} // namespace cuecard
