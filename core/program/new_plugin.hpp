/// `plugin new`: creates the project of a small working plugin, which builds and passes its tests.
#pragma once

#include "program/values.hpp"

namespace cuecard::host {

/// Copies share/cuecard/scaffolds of the running program to a new folder, under the plugin's own name. UsageError for a name that is
/// not a valid plugin id or C++ name, DataError when the folder exists or can't be written. Returns the exit code.
int new_plugin(const Values& values);

} // namespace cuecard::host
