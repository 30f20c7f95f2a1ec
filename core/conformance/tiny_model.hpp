/// Models with a few thousand random weights, drawn from a seed and written as checkpoints. The kit trains and predicts
/// with them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <cuecard/configuration.hpp>

#include "engine/model.hpp"
#include "registry/registry.hpp"

namespace cuecard::conformance {

/// The kinds of model, each with the backbone that the kit uses for it.
struct Family {
  const char* name;       ///< "causal", "masked", "encoder-decoder"
  const char* model_type; ///< "llama", "bert", "t5"
};
const std::vector<Family>& families();

/// Words that are one token each, with the blank before them.
const std::vector<std::string>& tiny_words();

/// The configuration of a tiny model of any family: a value for every size and setting that the families' files have, so that a
/// backbone of another family finds the ones it knows. `model_type` is one of a plugin's.
Configuration tiny_configuration(const std::string& model_type, int64_t layers = 2);

/// Writes the model into `folder`, which need not exist. The backbone says which weights it has. DataError if there is no backbone
/// for the model type.
void write_tiny_model(const std::filesystem::path& folder, const std::string& model_type,
                      const registry::Registry& plugins, uint64_t seed);

/// Writes and loads it; its weights are memory of this process and not a mapping of the file, so that a plugin's write into them is
/// detected instead of ending the process.
Model tiny_model(const std::filesystem::path& folder, const std::string& model_type,
                 const registry::Registry& plugins, uint64_t seed, const ModelSettings& settings = {});

} // namespace cuecard::conformance
