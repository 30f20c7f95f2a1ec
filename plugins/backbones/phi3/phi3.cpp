#include "phi3.hpp"

#include <string>
#include <vector>

#include <cuecard/error.hpp>

namespace cuecard::phi3 {

namespace {

/// Phi-3's first files call longrope "su" or "yarn", and have the pre-training length next to `rope_scaling`, 4,096 if missing.
Configuration with_longrope(const Configuration& c) {
  Configuration result = c;
  for (const char* key :
       {"rope_parameters.rope_type", "rope_parameters.type", "rope_scaling.rope_type", "rope_scaling.type"}) {
    const std::string kind = c.text_or(key, "default");
    if (kind == "su" || kind == "yarn")
      result.set(key, std::string("longrope"));
    else if (kind != "default" && kind != "longrope")
      throw DataError(c.origin() + ": " + key + " is \"" + kind +
                      "\"; this family has \"default\" and \"longrope\".");
  }
  if (!c.has("original_max_position_embeddings"))
    result.set("original_max_position_embeddings", int64_t{4096});
  return result;
}

DecoderFamily family_of(const Configuration& file) {
  const Configuration c = with_longrope(file);
  const DecoderConfiguration configuration(
      c, {.hidden = 3072, .intermediate = 8192, .vocabulary = 32064, .norm_epsilon = 1e-5});
  DecoderFamily family("phi3", configuration, Rope(c, configuration.head_dim, {.partial = true}));
  family.fused = true;
  if (c.has("sliding_window"))
    family.windows.assign(static_cast<std::size_t>(configuration.layers), c.integer("sliding_window", 1));
  return family;
}

} // namespace

BackboneShape Phi3::describe(const Configuration& configuration) {
  return family_of(configuration).shape();
}

Phi3::Phi3(const BackboneArguments& arguments)
    : DecoderBackbone(arguments, family_of(arguments.configuration)) {}

} // namespace cuecard::phi3
