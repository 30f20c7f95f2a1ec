/// Converts between the tensors of LoRA and (IA)^3 adapters, which PEFT names after the modules of transformers'
/// classes, and updates of the backbone's linear layers.
///
///     LORA  base_model.model.MODULE.lora_A.weight  [r, in]
///           base_model.model.MODULE.lora_B.weight  [out, r]
///     IA3   base_model.model.MODULE.ia3_l          [out, 1], or [1, in] where the input is rescaled
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <cuecard/backbone.hpp>
#include <cuecard/conditioning.hpp>

#include "peft/adapter.hpp"

namespace cuecard::peft {

/// The name in Adapter::module_tensors of a tensor of the file; "" when an adapter of that type has no such tensor.
std::string module_tensor_name(Type type, std::string_view stored);
/// The inverse.
std::string stored_name(const std::string& name);

/// Throws DataError, beginning with `origin`, for incomplete pairs, and for shapes that contradict each other or the
/// configuration.
void check_module_tensors(const Adapter& adapter, const std::string& origin);

/// Low-rank updates or rescalings. A module is the layer of the same name, or the only one whose name is the end of the module's
/// name or ends with it: checkpoints may lack the name of the stack ("bert.", "transformer.") or have it in addition. Throws
/// DataError when a module is not a linear layer of the backbone or has other sizes.
Conditioning updates_of(const Adapter& adapter, const Backbone& backbone);

/// Sets the module tensors of `adapter` and the fields in its configuration that describe them.
void store_low_rank(Adapter& adapter, const std::vector<LowRankUpdate>& updates, const Backbone& backbone);
void store_rescalings(Adapter& adapter, const std::vector<Rescaling>& rescalings, const Backbone& backbone);

} // namespace cuecard::peft
