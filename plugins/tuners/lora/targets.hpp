/// The linear layers that a tuner updates, from the text of its option `targets`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <cuecard/backbone.hpp>

namespace cuecard {

/// Module names, such as "q_proj" or "output.dense".
using ModuleNames = std::vector<std::string_view>;

/// Whether `name` is the layer's weight, its module ("model.layers.0.self_attn.q_proj"), or the end of its module after a dot
/// ("self_attn.q_proj"), which is how PEFT matches "target_modules".
bool names_layer(std::string_view name, const LinearLayer& layer);
bool names_layer(const ModuleNames& names, const LinearLayer& layer);

/// The elements of a comma-separated list, without spaces around them; views of `list`. UsageError for an empty one, naming `option`.
ModuleNames split_names(std::string_view list, std::string_view option);

/// The layers of `backbone` that `targets` selects, in the backbone's order. "auto": the first of `defaults` whose names all occur;
/// "all-linear": all; else a comma-separated list. UsageError for a name that no layer has; it lists the existing names.
std::vector<LinearLayer> target_layers(const std::string& targets, const std::vector<ModuleNames>& defaults,
                                       const Backbone& backbone);

} // namespace cuecard
