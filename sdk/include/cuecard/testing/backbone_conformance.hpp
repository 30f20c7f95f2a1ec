/// For tests of backbone plugins: properties that must hold for any weights of a model. A family's test creates a small float32
/// model (RandomWeights) and calls `conforms`; properties of causal models are checked in those only. Models with an encoder and a
/// decoder call `conforms_encoder_decoder`. Every check compares with a direct computation of the same numbers. Token ids up to 15
/// and 16 positions are used. The checks are in conformance/; a test includes this file alone.
///
/// Uses doctest, included after LibTorch, whose logging also defines CHECK.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <cuecard/backbone.hpp>
#include <cuecard/testing/conformance/late_tokens.hpp>
#include <cuecard/testing/conformance/layers.hpp>
#include <cuecard/testing/conformance/model_weights.hpp>
#include <cuecard/testing/conformance/outputs.hpp>
#include <cuecard/testing/conformance/outside_layers.hpp>
#include <cuecard/testing/conformance/packed_batches.hpp>
#include <cuecard/testing/conformance/sequences.hpp>
#include <cuecard/testing/conformance/updates.hpp>
#include <cuecard/testing/packed_side.hpp>
#include <cuecard/testing/random_weights.hpp>

namespace cuecard::testing {

/// For a model with one stack: `Model` is made from BackboneArguments and has a static `describe`.
template <class Model>
void conforms(const Configuration& configuration, const Weights& weights, const OutsideLayers& outside = {}) {
  using namespace conformance;
  const MakeBackbone make = maker_of<Model>(configuration);
  const std::unique_ptr<Backbone> model = make(weights), precise = make(DoubleWeights(weights));
  const BackboneShape& shape = model->shape();
  shape_without_weights(Model::describe(configuration), *model);
  batch_invariance(*model);
  attention_direction(*precise);
  slots(*model);
  if (shape.causal || shape.layers == 1)
    prefix(*model);
  if (shape.causal) {
    parents(*model);
    cache(*model);
    cached_late_tokens(*precise);
  }
  if (shape.has_lm_head)
    outputs(*model);
  late_tokens(*precise);
  late_tokens_in_batch(*precise);
  some_layers(*precise, outside);
  const Batch batch = batch_of({joined(front, first), second});
  trained_weights(make, weights, batch);
  stored_matrices(make, weights, batch);
  updates_of_linear_layers(make, weights, batch);
  updates_of_cards(make, weights, [](const std::vector<std::size_t>& which) {
    const std::vector<std::vector<int64_t>> sequences{joined(front, first), second, first};
    std::vector<std::vector<int64_t>> chosen;
    chosen.reserve(which.size());
    for (const std::size_t s : which)
      chosen.push_back(sequences[s]);
    return batch_of(chosen);
  });
  dropout_of_updates(*model, batch);
  gradients_of_conditioning(make, weights, batch);
}

/// For a model with an encoder and a decoder, which also runs its encoder alone, on a batch without an output
/// side.
template <class Model>
void conforms_encoder_decoder(const Configuration& configuration, const Weights& weights,
                              const OutsideLayers& outside = {}) {
  using namespace conformance;
  const MakeBackbone make = maker_of<Model>(configuration);
  const std::unique_ptr<Backbone> model = make(weights), precise = make(DoubleWeights(weights));
  shape_without_weights(Model::describe(configuration), *model);
  batch_invariance(*model);
  attention_direction(*precise);
  slots(*model);
  outputs(*model);
  late_tokens(*precise);
  late_tokens_in_batch(*precise);
  some_layers(*precise, outside);
  const MakeBatch pairs = [](const std::vector<std::size_t>& which) {
    const std::vector<std::vector<int64_t>> inputs{joined(front, first), second, first},
        outputs{{5, 7}, {5, 8, 9}, {5, 10, 11, 12}};
    std::vector<std::vector<int64_t>> of_encoder, of_decoder;
    for (const std::size_t s : which) {
      of_encoder.push_back(inputs[s]);
      of_decoder.push_back(outputs[s]);
    }
    return batch_of_pairs(of_encoder, of_decoder);
  };
  const Batch batch = pairs({0, 1});
  trained_weights(make, weights, batch);
  stored_matrices(make, weights, batch);
  updates_of_linear_layers(make, weights, batch);
  updates_of_cards(make, weights, pairs);
  dropout_of_updates(*model, batch);
  gradients_of_conditioning(make, weights, batch);
}

/// A configuration from "config.json" with `values`, to which `more` adds or overrides keys.
inline Configuration configuration_of(const std::map<std::string, Configuration::Value>& values,
                                      const std::map<std::string, Configuration::Value>& more = {}) {
  Configuration configuration("config.json");
  for (const auto& each : {values, more})
    for (const auto& [key, value] : each)
      configuration.set(key, value);
  return configuration;
}

} // namespace cuecard::testing
