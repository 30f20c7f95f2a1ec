/// From what a person typed after `--set` to the typed, complete options that a component receives.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <cuecard/options.hpp>

#include "tool/manifest.hpp"

namespace cuecard::registry {

/// Every declared option, set or by default; types, ranges and choices hold. Throws UsageError that names the
/// component, the option, what was found, what was expected, and for an unknown name the nearest one and the
/// list.
Options complete(const ComponentInfo& component, const std::vector<std::pair<std::string, std::string>>& set);

/// Options that a card holds as they would be typed: in the order of declaration, then those that `component`
/// does not declare, which `complete` refuses. Declared ones that are missing stay so, for `complete` to give
/// their default.
std::vector<std::pair<std::string, std::string>> as_text(const ComponentInfo& component,
                                                         const Options& options);

/// What `plugin info` and `--help` print about a component: its summary, then one paragraph per option. Lines
/// end in a line feed.
std::string describe(const ComponentInfo& component);

} // namespace cuecard::registry
