/// The sliding windows of a model's layers, as config.json names them. Functions of this file may be called from several threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <cuecard/configuration.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Which of `layers` layers config.json's `layer_types` calls "sliding_attention", the others being "full_attention"; if it has no
/// such list, those for which `slides` returns true. DataError for a list of another length, or with any other value.
CUECARD_API std::vector<bool> sliding_layers(const Configuration& configuration, int64_t layers,
                                             const std::function<bool(int64_t layer)>& slides);

/// BackboneShape::windows, [layers], with `window` (0 or more) in those layers and 0 in the others; empty if there are none, or if it is 0.
CUECARD_API std::vector<int64_t> windows_in(const std::vector<bool>& sliding_layers, int64_t window);

} // namespace cuecard
