#include "residual_prompt_tuning.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/std.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>
#include <cuecard/parts/training/named_tensors.hpp>
#include <cuecard/parts/training/reparametrisation.hpp>
#include <cuecard/parts/training/sampled_tokens.hpp>
#include <cuecard/parts/training/soft_slots.hpp>

namespace residual_prompt_tuning {

using cuecard::Random;
using cuecard::stream_id;

at::Tensor Residual::operator()(const at::Tensor& rows) const {
  return rows + norm(up(at::relu(down(rows))));
}

ResidualPromptTuning::ResidualPromptTuning(const cuecard::Options& options)
    : length_(options.integer("length")), bottleneck_(options.integer("bottleneck")),
      gain_(options.number("gain")), weight_decay_(options.number("weight-decay")) {}

void ResidualPromptTuning::prepare(const cuecard::Problem& problem) {
  const cuecard::Backbone& backbone = problem.backbone;
  const int64_t width = backbone.shape().embedding_width;
  const std::vector<cuecard::SoftSlot>& slots = cuecard::shared_soft_slots(problem);
  first_slot_ = std::ssize(slots);
  const std::vector<int64_t> ids = cuecard::sample_common_tokens(
      first_slot_ + length_, Random(problem.seed, stream_id("rows")), problem.vocabulary);
  if (ids.empty())
    throw cuecard::DataError(
        "the model's vocabulary has only special tokens, and a soft prompt can't be initialised from special tokens.");
  rows_ = backbone.token_vectors(cuecard::TokenTable::input, cuecard::index_tensor(ids, backbone.device()));
  cuecard::start_from_words(rows_, slots, backbone);

  Random random(problem.seed, stream_id("network"));
  // With a gain of 1, as in the authors' code for T5, the network's output would drown the rows of a model whose embeddings are small.
  const at::Tensor gain = gain_ > 0 ? at::full({width}, gain_, at::kFloat) : at::std(rows_).expand({width});
  network_ = Residual{cuecard::initial_linear(bottleneck_, width, random),
                      cuecard::initial_linear(width, bottleneck_, random),
                      {gain, at::zeros({width}, at::kFloat), 1e-5}};
  std::vector<at::Tensor*> tensors = network_->tensors();
  tensors.push_back(&rows_);
  cuecard::make_trainable(tensors, backbone.device());
}

cuecard::FitRequest ResidualPromptTuning::defaults(const cuecard::FitRequest& request) const {
  cuecard::FitRequest usual;
  usual.learning_rate = 0.01;
  usual.epochs = 6;
  usual.min_steps = 100;
  return cuecard::filled_in(request, usual);
}

void ResidualPromptTuning::edit(std::vector<cuecard::Prompt>& prompts, const cuecard::EditArgs&) const {
  for (cuecard::Prompt& prompt : prompts)
    for (int64_t i = 0; i < length_; ++i)
      prompt.prepended.push_back(cuecard::Piece::soft_slot(first_slot_ + i));
}

cuecard::Conditioning ResidualPromptTuning::condition(const cuecard::ConditionArgs&) const {
  cuecard::Conditioning conditioning;
  conditioning.embeddings = network_ ? (*network_)(rows_) : rows_;
  return conditioning;
}

std::vector<cuecard::ParameterGroup> ResidualPromptTuning::parameters() {
  cuecard::ParameterGroup group{{rows_}, 1.0, weight_decay_};
  if (network_)
    for (const at::Tensor* tensor : network_->tensors())
      group.tensors.push_back(*tensor);
  return {group};
}

cuecard::ComponentState ResidualPromptTuning::state(int64_t task) const {
  const at::NoGradGuard no_grad;
  return cuecard::state_of({{"prompt", condition({task}).embeddings.contiguous()}});
}

void ResidualPromptTuning::load_state(const cuecard::ComponentState& state) {
  cuecard::copy_state({{"prompt", rows_}}, state, "soft prompt does not fit");
  network_.reset(); // from now on, the prompt itself is trained
}

} // namespace residual_prompt_tuning
