#include "shipping/index/plugin_index.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "registry/judge.hpp"
#include "sdk/manifest/json_fields.hpp"
#include "sdk/manifest/read_manifest.hpp"
#include "sdk/manifest/sidecar.hpp"
#include "shipping/index/version_order.hpp"

namespace cuecard::shipping {

namespace {

constexpr const char* index_format = "cuecard-plugin-index/1";
constexpr std::size_t longest_name = 200;
constexpr uint64_t latest_time = uint64_t{1} << 53; ///< seconds; any JSON reader has it exactly

IndexEntry entry_from(const nlohmann::json& json, const JsonOrigin& origin, const std::string& where) {
  JsonFields fields(json, origin, where);
  IndexEntry entry;
  entry.archive = fields.text("archive");
  if (!is_archive_name(entry.archive))
    fields.refuse("archive", "is not a file name such as my-tuner-1.0.0.tar.gz");
  entry.size = fields.whole("size", max_library_size);
  entry.sha256 = fields.sha256("sha256");
  if (const nlohmann::json& signature = fields.any("signature"); !signature.is_null()) {
    const std::string text = signature.dump();
    entry.signature =
        registry::read_signature(std::span(reinterpret_cast<const unsigned char*>(text.data()), text.size()),
                                 origin.name + ": " + where + ".signature");
  }
  entry.sidecar = fields.any("manifest").dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  entry.manifest = read_sidecar(
      std::span(reinterpret_cast<const unsigned char*>(entry.sidecar.data()), entry.sidecar.size()),
      origin.name + ": " + where + ".manifest");
  if (!registry::is_plugin_id(entry.manifest.id))
    fields.refuse("manifest", "has no plugin id");
  fields.nothing_else();
  return entry;
}

} // namespace

bool is_archive_name(const std::string& name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-' || c == '+';
  };
  return name.ends_with(".tar.gz") && name.size() <= longest_name && !name.starts_with(".") &&
         !name.starts_with("-") && std::ranges::all_of(name, plain);
}

std::string IndexEntry::mismatch() const {
  const registry::Verdict verdict = registry::judge(manifest, archive);
  if (!verdict.fits())
    return verdict.mismatches.front();
  for (const ComponentInfo& component : manifest.components)
    if (const std::string reason = registry::interface_mismatch(component, archive); !reason.empty())
      return reason;
  return "";
}

std::string IndexEntry::build() const {
  std::string text = "abi" + std::to_string(manifest.abi_major);
  if (manifest.readable())
    text += "-torch" + std::to_string(manifest.torch_major) + "." + std::to_string(manifest.torch_minor);
  return text + (manifest.platform.empty() ? "" : " " + manifest.platform);
}

std::vector<const IndexEntry*> PluginIndex::of(const std::string& id) const {
  std::vector<const IndexEntry*> found;
  for (const IndexEntry& entry : entries)
    if (entry.manifest.id == id)
      found.push_back(&entry);
  return found;
}

const IndexEntry* PluginIndex::newest(const std::string& id, bool fitting, const std::string& version) const {
  const IndexEntry* best = nullptr;
  for (const IndexEntry* entry : of(id)) {
    if ((!version.empty() && entry->manifest.version != version) || (fitting && !entry->mismatch().empty()))
      continue;
    if (!best || compare_versions(entry->manifest.version, best->manifest.version) > 0)
      best = entry;
  }
  return best;
}

std::vector<std::string> PluginIndex::ids() const {
  std::vector<std::string> ids;
  for (const IndexEntry& entry : entries)
    if (std::ranges::find(ids, entry.manifest.id) == ids.end())
      ids.push_back(entry.manifest.id);
  return ids;
}

PluginIndex read_index(std::span<const unsigned char> bytes, const std::string& address) {
  const JsonOrigin origin{address, "Make the index again with `cuecard plugin index`."};
  if (bytes.size() > largest_index)
    throw DataError(address + ": has " + std::to_string(bytes.size()) + " bytes; the limit is " +
                    std::to_string(largest_index) + ".");
  const nlohmann::json json = parse_strict(bytes, origin);
  JsonFields fields(json, origin);
  if (const std::string format = fields.text("format"); format != index_format)
    fields.refuse("format", "is \"" + format.substr(0, 60) + "\"; this host reads \"" + index_format + "\"");
  PluginIndex index{address, {}};
  if (fields.has("made"))
    index.made = fields.whole("made", latest_time);
  const nlohmann::json& plugins = fields.array("plugins");
  for (std::size_t i = 0; i < plugins.size(); ++i)
    index.entries.push_back(entry_from(plugins[i], origin, "plugins[" + std::to_string(i) + "]"));
  fields.nothing_else();
  return index;
}

} // namespace cuecard::shipping
