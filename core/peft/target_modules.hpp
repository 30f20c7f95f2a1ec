/// Which modules an adapter_config.json names: PEFT updates no others, whatever tensors the file has
/// (peft 0.21.2: tuners/tuners_utils.py, check_target_module_exists).
#pragma once

#include <string>
#include <string_view>

#include "peft/adapter.hpp"

namespace cuecard::peft {

/// Whether PEFT updates the module of that name. true where the file names none (an older file, or all-linear), and for a regular
/// expression that can't be read.
bool is_target(const AdapterConfig& config, std::string_view module);

/// Moves the tensors of modules that are no targets out of the adapter, and their names to `ignored_modules`. Throws DataError with
/// `origin` when none is left.
void ignore_other_modules(Adapter& adapter, const std::string& origin);

} // namespace cuecard::peft
