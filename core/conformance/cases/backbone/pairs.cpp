// The case "backbone-pairs": the decoder of an encoder-decoder, which the other backbone cases do not check by itself.
#include <ATen/ops/cat.h>

#include "conformance/cases/backbone/checked_backbone.hpp"

namespace cuecard::conformance {

namespace {

using Sequences = std::vector<std::vector<int64_t>>;

const Sequences inputs{{7, 8, 9, 10}, {11, 12, 13}, {14, 15}};
const Sequences outputs{{5, 7, 6, 9}, {5, 8, 10}, {5, 11, 12, 13}};

/// Hidden states of all tokens of the outputs.
at::Tensor states(const Backbone& model, const Sequences& of_encoder, const Sequences& of_decoder,
                  const std::vector<int64_t>& source_of = {}) {
  Batch batch = testing::batch_of_pairs(of_encoder, of_decoder);
  if (!source_of.empty())
    batch.source_of = source_of;
  return model.forward({batch, {}, nullptr, true});
}

void check_batch(const Backbone& model) {
  std::vector<at::Tensor> alone;
  for (std::size_t s = 0; s < inputs.size(); ++s)
    alone.push_back(states(model, {inputs[s]}, {outputs[s]}));
  require(checks::same(states(model, inputs, outputs), at::cat(alone)),
          "pairs of texts give in a batch other hidden states than alone.");
  require(
      checks::same(states(model, {inputs[0], inputs[1]}, {outputs[0], outputs[1], outputs[2]}, {0, 1, 1}),
                   at::cat({alone[0], alone[1], states(model, {inputs[1]}, {outputs[2]})})),
      "two outputs that share an input (Batch::source_of) give other hidden states than with an input each.");
}

void check_direction(const Backbone& model) {
  const at::Tensor state = states(model, {inputs[0]}, {outputs[0]});
  Sequences other = outputs;
  other[0].back() = 14;
  const at::Tensor follows = states(model, {inputs[0]}, {other[0]});
  const int64_t earlier = std::ssize(outputs[0]) - 1;
  require(checks::same(state.narrow(0, 0, earlier), follows.narrow(0, 0, earlier)),
          "a token of an output depends on a later one.");
  require(!checks::same(state[earlier], follows[earlier]), "a token of an output does not depend on itself.");
  for (std::size_t k = 0; k < inputs[0].size(); ++k) {
    std::vector<int64_t> changed = inputs[0];
    changed[k] = 15;
    require(!checks::same(state[0], states(model, {changed}, {outputs[0]})[0]),
            "the first token of an output does not depend on token " + std::to_string(k + 1) +
                " of its input.");
  }
}

/// Outputs that grow token by token, as they are generated: the encoder runs at the first step only.
void check_cache(const Backbone& model) {
  const Sequences two_inputs{inputs[0], inputs[2]}, two_outputs{outputs[0], outputs[2]};
  const auto kept = std::make_shared<KvCache>();
  const auto begin = [&](std::size_t length) {
    return Sequences{{two_outputs[0].begin(), two_outputs[0].begin() + static_cast<std::ptrdiff_t>(length)},
                     {two_outputs[1].begin(), two_outputs[1].begin() + static_cast<std::ptrdiff_t>(length)}};
  };
  model.forward({testing::batch_of_pairs(two_inputs, begin(1)), {}, kept.get()});
  for (std::size_t step = 1; step < two_outputs[0].size(); ++step) {
    Batch next = testing::batch_of({{two_outputs[0][step]}, {two_outputs[1][step]}});
    next.output = std::move(next.input);
    next.input = Side{};
    next.output->cache_of = {0, 1};
    next.cache = kept;
    require(
        checks::same(model.forward({next, {}, kept.get()}),
                     model.forward({testing::batch_of_pairs(two_inputs, begin(step + 1)), {}})),
        "outputs that grow by cached tokens give other hidden states than outputs that are forwarded whole.");
  }
}

} // namespace

std::string backbone_pairs(const Subject& subject) {
  const Checking checking;
  const Checked each(subject);
  if (!each.pairs())
    throw NotApplicable("it is no encoder-decoder.");
  check_batch(*each.precise);
  check_direction(*each.precise);
  check_cache(*each.precise);
  return "";
}

} // namespace cuecard::conformance
