/// Turns the values of `--set` into the complete, typed options of a component.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cuecard/options.hpp>

#include "manifest/manifest.hpp"

namespace cuecard::registry {

/// All declared options, as set or by default, with types, ranges and choices checked. Throws UsageError, which
/// names component, option, what was found and what was expected; for an unknown name, the nearest one and the
/// list.
Options complete(const ComponentInfo& component, const std::vector<std::pair<std::string, std::string>>& set);

/// Whether the component declares an option of this name.
bool declares(const ComponentInfo& component, std::string_view option);

/// UsageError if an option was set, to something other than its default, that the values of the others make unused (OptionInfo::needs).
void require_used(const ComponentInfo& component, const Options& options);

/// A card's options as text: in the order of declaration, then those that `component` doesn't declare, which
/// `complete` rejects. Missing ones stay missing, so that `complete` fills in their default.
std::vector<std::pair<std::string, std::string>> as_text(const ComponentInfo& component,
                                                         const Options& options);

/// Description of a component for `plugin info` and `--help`: its summary, then one paragraph per option.
std::string describe(const ComponentInfo& component);

} // namespace cuecard::registry
