/// `plugin index` and `plugin search`.
#include <algorithm>
#include <iostream>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "program/one_line.hpp"
#include "shipping/index/index_source.hpp"
#include "shipping/installation.hpp"
#include "shipping/verbs/verbs.hpp"

namespace cuecard::shipping {

namespace {

using Json = nlohmann::ordered_json;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return text;
}

/// Whether id, or the name or summary of a component, contains the text.
bool matches(const Manifest& manifest, const std::string& text) {
  const std::string wanted = lower(text);
  const auto contains = [&](const std::string& where) {
    return lower(where).find(wanted) != std::string::npos;
  };
  return contains(manifest.id) || std::ranges::any_of(manifest.components, [&](const ComponentInfo& component) {
           return contains(component.name) || contains(component.summary);
         });
}

void print(const IndexEntry& shown, const std::vector<const IndexEntry*>& builds,
           const std::string& installed) {
  const Manifest& manifest = shown.manifest;
  std::cout << manifest.id << " " << host::one_line(manifest.version);
  if (!manifest.license.empty())
    std::cout << ", " << host::one_line(manifest.license);
  std::cout << (installed.empty() ? "" : ", installed: " + installed) << '\n';
  for (const ComponentInfo& component : manifest.components)
    std::cout << "  " << kind_name(component.kind) << " " << component.name << ": "
              << host::one_line(component.summary) << '\n';
  const std::string mismatch = shown.mismatch();
  std::cout << "  " << shown.archive << ": " << (mismatch.empty() ? "fits this host" : mismatch)
            << (shown.signature ? ", with a signature by " + shown.signature->key : ", not signed") << '\n';
  for (const IndexEntry* build : builds)
    if (build != &shown)
      std::cout << "  also " << host::one_line(build->manifest.version) << " for " << build->build() << ": "
                << build->archive << '\n';
}

Json json_of(const IndexEntry& entry, const IndexSource& source, const std::string& installed) {
  Json components = Json::array();
  for (const ComponentInfo& component : entry.manifest.components)
    components.push_back(
        {{"kind", kind_name(component.kind)}, {"name", component.name}, {"summary", component.summary}});
  const std::string mismatch = entry.mismatch();
  return {{"id", entry.manifest.id},
          {"version", entry.manifest.version},
          {"license", entry.manifest.license},
          {"archive", source.place_of(entry)},
          {"size", entry.size},
          {"sha256", entry.sha256},
          {"key", entry.signature ? Json(entry.signature->key) : Json(nullptr)},
          {"build", entry.build()},
          {"fits", mismatch.empty()},
          {"mismatch", mismatch},
          {"installed", installed},
          {"components", std::move(components)}};
}

} // namespace

int index(const host::Values& values) {
  const std::string folder = values.text("folder");
  std::optional<SigningKey> key;
  if (values.given("key"))
    key = SigningKey::read(values.text("key"));
  const IndexedFolder done = write_index(folder, key);
  std::cout << folder << "/" << index_name << " lists " << counted(done.archives, "archive") << ": "
            << done.added << " new, " << done.removed << " no longer there; "
            << (key ? "signed by the key " + key->public_key() : "not signed") << ".\n";
  return 0;
}

int search(const host::Values& values) {
  const PluginPlace place = PluginPlace::chosen(values.text("dir"), values.given("system"));
  const std::string wanted = values.text("text");
  bool any = false;
  const registry::Trust trust = registry::Trust::standard();
  for (const IndexSource& source : IndexSource::chosen(values.texts("index"))) {
    const PluginIndex index = source.read(trust);
    for (const std::string& id : index.ids()) {
      const std::vector<const IndexEntry*> builds = index.of(id);
      if (std::ranges::none_of(builds, [&](const IndexEntry* each) { return matches(each->manifest, wanted); }))
        continue;
      const auto found = place.find(id);
      const std::string installed = found ? found->version : "";
      const IndexEntry* const fitting = index.newest(id, true);
      any = true;
      if (values.given("json"))
        for (const IndexEntry* build : builds)
          std::cout << json_of(*build, source, installed).dump(-1, ' ', false, Json::error_handler_t::replace)
                    << '\n';
      else
        print(fitting ? *fitting : *index.newest(id, false), builds, installed);
    }
  }
  if (!any && !values.given("json"))
    std::cout << "no plugin found\n";
  return 0;
}

} // namespace cuecard::shipping
