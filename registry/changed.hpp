/// Detects cheaply that a plugin's files changed after installation.
#pragma once

#include "registry.hpp"

namespace cuecard::registry {

/// `plugin`, rejected if its library does not match its sidecar, or a file does not match its entry in CONTENTS. A file is read
/// only if its size differs, or if it was written or replaced after the file that records its hash; `plugin verify` reads all of
/// them.
Plugin rejected_if_changed(const Plugin& plugin);

} // namespace cuecard::registry
