/// Output of `cuecard plugin list` and `cuecard plugin info`.
#pragma once

#include <string>
#include <string_view>

#include "registry.hpp"

namespace cuecard::registry {

/// A line with the number of unused plugins; "" for none.
std::string unused_text(const std::vector<std::shared_ptr<const Plugin>>& plugins);

/// A table of plugin, version, components and file. With `all`, also those that can't be used, with the reason; otherwise their number.
std::string list_text(const std::vector<std::shared_ptr<const Plugin>>& plugins, bool all);

/// Details of a plugin (by id) or component (`name` or `plugin/name`, of any kind). Throws UsageError.
std::string info_text(const Registry& registry, std::string_view name);

/// A plugin as a line of JSON, without a line break: {"id", "version", "library", "origin", "usable",
/// "refusal", "shadowed_by", "notes": [...], "components": [{"kind", "name", "summary", "trains",
/// "model_types", "options": [...], "refusal"}]}. A component's "refusal" is that its interface has another version; "" for none.
std::string json_line(const Plugin& plugin);

} // namespace cuecard::registry
