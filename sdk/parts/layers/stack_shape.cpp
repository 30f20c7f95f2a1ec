#include <cuecard/parts/layers/stack_shape.hpp>

#include <cuecard/error.hpp>

namespace cuecard {

void check_heads(const Configuration& configuration, int64_t hidden, int64_t heads,
                 const std::string& hidden_key, const std::string& heads_key) {
  if (hidden % heads != 0)
    throw DataError(configuration.origin() + ": " + hidden_key + " is " + std::to_string(hidden) + ", which " +
                    heads_key + " " + std::to_string(heads) + " does not divide.");
}

BackboneShape encoder_shape(const std::string& family, const StackSizes& sizes) {
  BackboneShape shape;
  shape.family = family;
  shape.layers = sizes.layers;
  shape.hidden = sizes.hidden;
  shape.embedding_width = sizes.embedding_width > 0 ? sizes.embedding_width : sizes.hidden;
  shape.heads = shape.kv_heads = sizes.heads;
  shape.head_dim = sizes.hidden / sizes.heads;
  shape.vocabulary = sizes.vocabulary;
  shape.max_positions = sizes.max_positions;
  shape.sites = {{PrefixSite::self, sizes.layers, sizes.heads, shape.head_dim}};
  return shape;
}

BackboneShape causal_shape(const std::string& family, const StackSizes& sizes) {
  BackboneShape shape = encoder_shape(family, sizes);
  shape.causal = true;
  shape.has_lm_head = true;
  return shape;
}

} // namespace cuecard
