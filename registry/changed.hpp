/// Notices cheaply that a plugin's files are not those that were installed.
#pragma once

#include "registry.hpp"

namespace cuecard::registry {

/// `plugin`, rejected if its library is not that of its sidecar, or a file not the one that its CONTENTS lists. A file is read only where
/// its size is another, or where it was written or replaced after the record of its hash was; `plugin verify` reads all of them.
Plugin rejected_if_changed(const Plugin& plugin);

} // namespace cuecard::registry
