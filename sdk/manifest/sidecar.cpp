#include "sidecar.hpp"

#include <cmath>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

using Json = nlohmann::ordered_json;

std::string version_text(const Manifest& manifest) {
  return std::to_string(manifest.torch_major) + "." + std::to_string(manifest.torch_minor) + "." +
         std::to_string(manifest.torch_patch);
}

Json bound(const std::optional<double>& value) {
  if (!value)
    return nullptr;
  const bool whole = std::floor(*value) == *value && std::fabs(*value) < 9e15;
  return whole ? Json(static_cast<int64_t>(*value)) : Json(*value);
}

Json option_json(const OptionInfo& option) {
  return {{"name", option.name},
          {"type", option_type_name(option.type)},
          {"role", option.role},
          {"default", option.value},
          {"minimum", bound(option.minimum)},
          {"maximum", bound(option.maximum)},
          {"choices", option.choices},
          {"help", option.help},
          {"source", option.source},
          {"needs", option.needs}};
}

Json component_json(const ComponentInfo& component) {
  Json options = Json::array();
  for (const OptionInfo& option : component.options)
    options.push_back(option_json(option));
  return {{"kind", kind_name(component.kind)},
          {"kind_version", component.kind_version},
          {"name", component.name},
          {"summary", component.summary},
          {"trains", trains_name(component.trains)},
          {"model_types", component.model_types},
          {"adopts", component.adopts},
          {"options", std::move(options)}};
}

Json manifest_json(const Manifest& manifest) {
  Json components = Json::array();
  for (const ComponentInfo& component : manifest.components)
    components.push_back(component_json(component));
  return {{"schema", sidecar_schema},
          {"id", manifest.id},
          {"version", manifest.version},
          {"file", manifest.file},
          {"size", manifest.size},
          {"sha256", manifest.sha256},
          {"platform", manifest.platform},
          {"abi", {{"kind", "cxx"}, {"major", manifest.abi_major}, {"minor", manifest.abi_minor}}},
          {"torch", version_text(manifest)},
          {"cxx_std", manifest.cxx_std},
          {"stdlib", stdlib_name(manifest.stdlib)},
          {"flags", abi_flag_names(manifest.abi_flags)},
          {"compiler", manifest.compiler},
          {"license", manifest.license},
          {"homepage", manifest.homepage},
          {"components", std::move(components)}};
}

std::string shown(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 80 ? text.substr(0, 77) + "..." : text;
}

} // namespace

std::string sidecar_text(const Manifest& manifest) {
  if (!manifest.readable())
    throw DataError(manifest.file + ": was built for plugin ABI " + std::to_string(manifest.abi_major) + "." +
                    std::to_string(manifest.abi_minor) + "; this tool reads ABI " +
                    std::to_string(CUECARD_ABI_MAJOR) + "." + std::to_string(CUECARD_ABI_MINOR) +
                    ". Rebuild it with the same SDK.");
  try {
    return manifest_json(manifest).dump(2) + "\n";
  } catch (const Json::type_error&) {
    throw DataError(manifest.file + ": a text of its manifest is not valid UTF-8.");
  }
}

std::string difference(const Manifest& one, const std::string& there, const Manifest& other,
                       const std::string& here) {
  if (one == other)
    return "";
  const auto flat_one = manifest_json(one).flatten(), flat_other = manifest_json(other).flatten();
  const bool with_file = !one.file.empty() && !other.file.empty();
  const auto is_identity = [](const std::string& key) {
    return key == "/file" || key == "/size" || key == "/sha256" || key == "/platform";
  };
  const auto compare = [&](const Json& left, const Json& right, bool swapped) -> std::string {
    for (const auto& [key, value] : left.items()) {
      if (is_identity(key) && !with_file)
        continue;
      const auto match = right.find(key);
      if (match != right.end() && *match == value)
        continue;
      const std::string theirs = match == right.end() ? "missing" : shown(*match);
      return "\"" + key.substr(1) + "\" is " + (swapped ? theirs : shown(value)) + " " + there + " and " +
             (swapped ? shown(value) : theirs) + " " + here;
    }
    return "";
  };
  const std::string found = compare(flat_one, flat_other, false);
  return found.empty() ? compare(flat_other, flat_one, true) : found;
}

} // namespace cuecard
