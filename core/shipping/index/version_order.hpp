/// The order of plugins' versions.
#pragma once

#include <string>

namespace cuecard::shipping {

/// Negative if `one` comes before `other`, 0 if they are the same version, else positive. As in Semantic Versioning 2.0.0, section 11: numbers
/// are compared as numbers and a pre-release ("1.0.0-rc.1") precedes its release; what follows "+" does not count. Any other text has a place
/// too: missing numbers are 0, words come after numbers, in the order of their bytes.
int compare_versions(const std::string& one, const std::string& other);

} // namespace cuecard::shipping
