#include "report.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "library.hpp"
#include "manifest/sidecar.hpp"
#include "options.hpp"

namespace cuecard::registry {

namespace {

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

std::string components_of(const Plugin& plugin) {
  std::string text;
  for (const ComponentInfo& component : plugin.manifest.components)
    text += (text.empty() ? "" : ", ") + kind_name(component.kind) + " " + component.name;
  return text.empty() ? "-" : text;
}

/// Why a component can't be used in a plugin that can; "" if it can.
std::string mismatch_of(const Plugin& plugin, const ComponentInfo& component) {
  return interface_mismatch(component, plugin.library.string());
}

std::string state_of(const Plugin& plugin) {
  if (!plugin.shadowed_by.empty())
    return "shadowed by " + plugin.shadowed_by.string();
  if (!plugin.refusal.empty())
    return "rejected: " + plugin.refusal;
  std::string mismatches;
  for (const ComponentInfo& component : plugin.manifest.components)
    if (const std::string mismatch = mismatch_of(plugin, component); !mismatch.empty())
      mismatches += (mismatches.empty() ? "" : " ") + mismatch;
  return mismatches.empty() ? "ok" : "incompatible: " + mismatches;
}

/// What `info` prints of a component.
std::string details_of(const Plugin& plugin, const ComponentInfo& component) {
  const std::string mismatch = mismatch_of(plugin, component);
  return describe(component) + (mismatch.empty() ? "" : "  incompatible: " + mismatch + "\n");
}

std::string details_of(const Plugin& plugin) {
  const Manifest& manifest = plugin.manifest;
  std::string text = "plugin " + manifest.id + " " + manifest.version + "\n";
  text += "  file: " + plugin.library.string() + " (" + plugin.origin + ")\n";
  text += "  state: " + state_of(plugin) + "\n";
  if (manifest.components.empty())
    return text;
  text += "  license: " + manifest.license + "\n";
  if (!manifest.homepage.empty())
    text += "  homepage: " + manifest.homepage + "\n";
  text += "  built for: plugin ABI " + std::to_string(manifest.abi_major) + "." +
          std::to_string(manifest.abi_minor) + ", LibTorch " + std::to_string(manifest.torch_major) + "." +
          std::to_string(manifest.torch_minor) + "." + std::to_string(manifest.torch_patch) + ", " +
          manifest.platform + "\n";
  text += "  sha256: " + manifest.sha256 + "\n";
  for (const std::string& note : plugin.verdict.notes)
    text += "  note: " + note + "\n";
  for (const ComponentInfo& component : manifest.components)
    text += "\n" + details_of(plugin, component);
  return text;
}

} // namespace

std::string unused_text(const std::vector<std::shared_ptr<const Plugin>>& plugins) {
  const auto unused = std::ranges::count_if(plugins, [](const auto& plugin) { return !plugin->usable(); });
  return unused == 0 ? ""
                     : std::to_string(unused) + (unused == 1 ? " more is" : " more are") +
                           " not used; see `cuecard plugin list --all` for the reasons.\n";
}

std::string list_text(const std::vector<std::shared_ptr<const Plugin>>& plugins, bool all) {
  std::vector<const Plugin*> shown;
  for (const auto& plugin : plugins)
    if (all || plugin->usable())
      shown.push_back(plugin.get());
  const std::string rest = all ? "" : unused_text(plugins);
  if (shown.empty())
    return rest.empty() ? "no plugins found\n" : "no plugin can be used\n" + rest;
  std::size_t id = 6, version = 7, components = 10;
  for (const Plugin* plugin : shown) {
    id = std::max(id, plugin->manifest.id.size());
    version = std::max(version, plugin->manifest.version.size());
    components = std::max(components, components_of(*plugin).size());
  }
  std::string text = padded("plugin", id) + "  " + padded("version", version) + "  " +
                     padded("components", components) + "  state\n";
  for (const Plugin* plugin : shown)
    text += padded(plugin->manifest.id, id) + "  " + padded(plugin->manifest.version, version) + "  " +
            padded(components_of(*plugin), components) + "  " + state_of(*plugin) + "\n";
  return text + rest;
}

std::string info_text(const Registry& registry, std::string_view name) {
  std::vector<std::string> known;
  std::string text;
  for (const auto& plugin : registry.plugins()) {
    if (!plugin->shadowed_by.empty())
      continue;
    if (plugin->manifest.id == name)
      return details_of(verified(*plugin));
    known.push_back(plugin->manifest.id);
  }
  for (const uint32_t kind : {CUECARD_BACKBONE, CUECARD_TEMPLATE, CUECARD_VERBALIZER, CUECARD_TUNER}) {
    for (const Entry& entry : registry.entries(kind)) {
      const std::string& component = entry.component().name;
      known.push_back(component);
      if (component == name || entry.plugin->manifest.id + "/" + component == name)
        text += (text.empty() ? "" : "\n") + details_of(*entry.plugin, entry.component()) + "  from plugin " +
                entry.plugin->manifest.id + " " + entry.plugin->manifest.version + "\n";
    }
  }
  if (text.empty())
    throw UsageError("there is no plugin or component \"" + std::string(name) + "\"." +
                     did_you_mean(name, known) + " See `cuecard plugin list`.");
  return text;
}

std::string json_line(const Plugin& plugin) {
  using Json = nlohmann::ordered_json;
  Json components = Json::array();
  if (!plugin.manifest.components.empty())
    components = Json::parse(sidecar_text(plugin.manifest))["components"];
  for (std::size_t i = 0; i < components.size(); ++i)
    components[i]["refusal"] = mismatch_of(plugin, plugin.manifest.components[i]);
  return Json{{"id", plugin.manifest.id},
              {"version", plugin.manifest.version},
              {"library", plugin.library.string()},
              {"origin", plugin.origin},
              {"usable", plugin.usable()},
              {"refusal", plugin.refusal},
              {"shadowed_by", plugin.shadowed_by.string()},
              {"notes", plugin.verdict.notes},
              {"components", std::move(components)}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace cuecard::registry
