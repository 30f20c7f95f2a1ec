/// The fields of `adapter_config.json` that only LoRA and (IA)^3 have.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "peft/adapter_config.hpp"
#include "peft/config_fields.hpp"

namespace cuecard::peft {

/// Throws DataError for variants that a card does not support: DoRA, trained biases, changed base weights.
/// `text` is that of the file, for the order of its keys.
void read_update_fields(AdapterConfig& config, const Fields& fields, std::string_view text);

void add_update_fields(nlohmann::json& object, const AdapterConfig& config);

/// Rank and scale of the update of `module`.
int64_t rank_of(const AdapterConfig& config, const std::string& module);
double scale_of(const AdapterConfig& config, const std::string& module, int64_t rank);

} // namespace cuecard::peft
