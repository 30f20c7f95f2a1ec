/// Checks of passes over some of the layers, and of the shape from `describe`.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

#include <cuecard/testing/conformance/outside_layers.hpp>
#include <cuecard/testing/conformance/sequences.hpp>
#include <cuecard/testing/packed_side.hpp>

#include <doctest/doctest.h>

namespace cuecard::testing::conformance {

/// A pass over some of the layers: the embeddings, what the final norm is applied to, and the same in between
/// whether other tokens are in the batch or not.
inline void some_layers(const Backbone& model, const OutsideLayers& outside) {
  const int64_t layers = input_layers(model.shape());
  const Batch batch = batch_of({joined(front, first), second});
  const auto after = [&](const Batch& of, int64_t count) {
    return model.forward({of, {}, nullptr, false, count});
  };
  for (int64_t count = 0; count <= layers; ++count) {
    CAPTURE(count);
    const at::Tensor states = after(batch, count);
    REQUIRE(states.sizes() == at::IntArrayRef({9, model.shape().hidden}));
    CHECK(same(states.narrow(0, 7, 2), after(batch_of({second}), count)));
  }
  if (outside.embed)
    CHECK(same(after(batch, 0), outside.embed(model, batch.input.ids, batch.input.positions)));
  // Embeddings depend only on the token and its position.
  CHECK(same(after(batch, 0).narrow(0, 0, 1), after(batch_of({{7, 15}}), 0).narrow(0, 0, 1)));
  CHECK(!same(after(batch, 1).narrow(0, 7, 2), after(batch, 0).narrow(0, 7, 2)));
  const at::Tensor last = after(batch, layers);
  CHECK(same(outside.final_norm ? outside.final_norm(model, last) : last,
             model.forward({batch, {}, nullptr, true})));
}

/// `describe` returns the shape of the model of a configuration.
inline void shape_without_weights(const BackboneShape& described, const Backbone& model) {
  const BackboneShape& shape = model.shape();
  CHECK(described.family == shape.family);
  CHECK(std::vector{described.layers, described.hidden, described.heads, described.kv_heads, described.head_dim,
                    described.vocabulary, described.max_positions, described.embedding_width} ==
        std::vector{shape.layers, shape.hidden, shape.heads, shape.kv_heads, shape.head_dim, shape.vocabulary,
                    shape.max_positions, shape.embedding_width});
  CHECK(model.token_vectors(TokenTable::input, long_tensor({1, 0})).sizes() ==
        at::IntArrayRef({2, shape.embedding_width}));
}

} // namespace cuecard::testing::conformance
