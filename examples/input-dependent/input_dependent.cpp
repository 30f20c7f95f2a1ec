#include "input_dependent.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>
#include <cuecard/parts/training/reparametrisation.hpp>
#include <cuecard/parts/training/sampled_tokens.hpp>
#include <cuecard/parts/training/soft_slots.hpp>

namespace input_dependent {

using cuecard::Random;
using cuecard::stream_id;

InputDependent::InputDependent(const cuecard::Options& options)
    : length_(options.integer("length")), bottleneck_(options.integer("bottleneck")),
      from_states_(options.text("features") == "states"), weight_decay_(options.number("weight-decay")) {}

void InputDependent::prepare(const cuecard::Problem& problem) {
  const cuecard::Backbone& backbone = problem.backbone;
  const cuecard::BackboneShape& shape = backbone.shape();
  const std::vector<cuecard::SoftSlot>& slots = cuecard::shared_soft_slots(problem);
  first_slot_ = std::ssize(slots);
  const int64_t rows = first_slot_ + length_;
  const std::vector<int64_t> ids =
      cuecard::sample_common_tokens(rows, Random(problem.seed, stream_id("rows")), problem.vocabulary);
  if (ids.empty())
    throw cuecard::DataError(
        "the model's vocabulary has only special tokens, and a soft prompt can't be initialised from special tokens.");
  rows_ = backbone.token_vectors(cuecard::TokenTable::input, cuecard::index_tensor(ids, backbone.device()));
  cuecard::start_from_words(rows_, slots, backbone);

  constexpr double deviation = 0.02; // the authors' code
  Random random(problem.seed, stream_id("generate"));
  down_ = cuecard::normal_linear(bottleneck_, from_states_ ? shape.hidden : shape.embedding_width, deviation,
                                 random);
  up_ = random.normal_tensor({rows * shape.embedding_width, bottleneck_}, deviation);
  cuecard::make_trainable({&down_.weight, &down_.bias, &up_, &rows_}, backbone.device());
}

cuecard::FitRequest InputDependent::defaults(const cuecard::FitRequest& request) const {
  cuecard::FitRequest usual;
  usual.learning_rate = 0.01;
  usual.epochs = 6;
  usual.min_steps = 100;
  return cuecard::filled_in(request, usual);
}

void InputDependent::edit(std::vector<cuecard::Prompt>& prompts, const cuecard::EditArgs&) const {
  for (cuecard::Prompt& prompt : prompts)
    for (int64_t i = 0; i < length_; ++i)
      prompt.prepended.push_back(cuecard::Piece::soft_slot(first_slot_ + i));
}

cuecard::InputFeatures InputDependent::input_features() const {
  using Kind = cuecard::InputFeatures::Kind;
  return {.kind = from_states_ ? Kind::hidden_state : Kind::mean_embedding,
          .soft_slots = first_slot_ + length_};
}

/// Rows of input x: W_2 gelu(W_1 norm(x) + b_1) + b_2. The features are normalised (without weights), because their scale differs
/// from model to model.
cuecard::Conditioning InputDependent::condition(const cuecard::ConditionArgs& args) const {
  const at::Tensor x = at::layer_norm(args.inputs, {args.inputs.size(1)});
  const at::Tensor generated = cuecard::linear(at::gelu(down_(x)), up_); // [inputs, n * W]
  cuecard::Conditioning conditioning;
  conditioning.embeddings = generated.view({x.size(0), rows_.size(0), rows_.size(1)}) + rows_;
  return conditioning;
}

cuecard::NamedTensors InputDependent::named_tensors() const {
  return {{"down.weight", down_.weight}, {"down.bias", down_.bias}, {"up.weight", up_}, {"rows", rows_}};
}

std::vector<cuecard::ParameterGroup> InputDependent::parameters() {
  return {{{down_.weight, down_.bias, up_}, 1.0, weight_decay_}, {{rows_}}};
}

cuecard::ComponentState InputDependent::state(int64_t) const {
  return cuecard::state_of(named_tensors());
}

void InputDependent::load_state(const cuecard::ComponentState& state) {
  cuecard::copy_state(named_tensors(), state, "generator does not fit");
}

} // namespace input_dependent
