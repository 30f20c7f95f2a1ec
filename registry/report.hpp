/// What `cuecard plugin list` and `cuecard plugin info` print.
#pragma once

#include <string>
#include <string_view>

#include "registry.hpp"

namespace cuecard::registry {

/// A table: plugin, version, components, where it came from, and whether it is used or why not. Lines end in a
/// line feed.
std::string list_text(const Registry& registry);

/// About one plugin (by id) or one component (`name` or `plugin/name`, of any kind). Throws UsageError.
std::string info_text(const Registry& registry, std::string_view name);

/// One plugin as one line of JSON without a line feed: {"id", "version", "library", "origin", "usable",
/// "refusal", "shadowed_by", "notes": [...], "components": [{"kind", "name", "summary", "learns",
/// "model_types", "options": [...]}]}.
std::string json_line(const Plugin& plugin);

} // namespace cuecard::registry
