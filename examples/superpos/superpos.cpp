#include "superpos.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>
#include <cuecard/parts/training/named_tensors.hpp>
#include <cuecard/parts/training/reparametrisation.hpp>
#include <cuecard/parts/training/sampled_tokens.hpp>
#include <cuecard/parts/training/soft_slots.hpp>

namespace superpos {

using cuecard::Random;
using cuecard::stream_id;

Superpos::Superpos(const cuecard::Options& options)
    : length_(options.integer("length")), count_(options.integer("tokens")), start_(options.text("start")),
      with_offsets_(options.flag("offsets")),
      offset_decay_(with_offsets_ ? options.number("offset-decay") : 0) {}

void Superpos::prepare(const cuecard::Problem& problem) {
  const cuecard::Backbone& backbone = problem.backbone;
  const std::vector<cuecard::SoftSlot>& slots = cuecard::shared_soft_slots(problem);
  if (std::ranges::any_of(slots, [](const auto& slot) { return slot.initial_token.has_value(); }))
    throw cuecard::UsageError("superpos mixes sampled tokens, and a soft slot of the template has a word to "
                              "start from: write {\"soft\": None} instead.");
  first_slot_ = std::ssize(slots);
  const int64_t rows = first_slot_ + length_;
  const std::vector<int64_t> ids =
      cuecard::sample_common_tokens(count_, Random(problem.seed, stream_id("tokens")), problem.vocabulary);
  if (ids.empty())
    throw cuecard::DataError("the model's vocabulary has only special tokens, and these can't be mixed.");
  embeddings_ =
      backbone.token_vectors(cuecard::TokenTable::input, cuecard::index_tensor(ids, backbone.device()));

  if (start_ == "token") { // each virtual token is one of them
    weights_ = at::zeros({rows, count_}, at::kFloat);
    for (int64_t row = 0; row < rows; ++row)
      weights_[row][row % count_] = 1;
  } else { // the sum has the norm of one of them, if they were orthogonal
    Random random(problem.seed, stream_id("weights"));
    weights_ = random.normal_tensor({rows, count_}, 1 / std::sqrt(static_cast<double>(count_)));
  }
  std::vector<at::Tensor*> trained{&weights_};
  if (with_offsets_) {
    offsets_ = at::zeros({rows, count_, embeddings_.size(1)}, at::kFloat);
    trained.push_back(&offsets_);
  }
  cuecard::make_trainable(trained, backbone.device());
  prompt_ = at::Tensor();
}

cuecard::FitRequest Superpos::defaults(const cuecard::FitRequest& request) const {
  cuecard::FitRequest usual;
  usual.learning_rate = 0.01;
  usual.epochs = 6;
  usual.min_steps = 100;
  return cuecard::filled_in(request, usual);
}

void Superpos::edit(std::vector<cuecard::Prompt>& prompts, const cuecard::EditArgs&) const {
  for (cuecard::Prompt& prompt : prompts)
    for (int64_t i = 0; i < length_; ++i)
      prompt.prepended.push_back(cuecard::Piece::soft_slot(first_slot_ + i));
}

/// p_i = (E + Delta E_i) p'_i, without a softmax over the weights (the paper's method section).
cuecard::Conditioning Superpos::condition(const cuecard::ConditionArgs&) const {
  cuecard::Conditioning conditioning;
  if (prompt_.defined())
    conditioning.embeddings = prompt_;
  else if (offsets_.defined())
    conditioning.embeddings = at::bmm(weights_.unsqueeze(1), embeddings_ + offsets_).squeeze(1);
  else
    conditioning.embeddings = at::matmul(weights_, embeddings_);
  return conditioning;
}

std::vector<cuecard::ParameterGroup> Superpos::parameters() {
  if (prompt_.defined())
    return {{{prompt_}}};
  std::vector<cuecard::ParameterGroup> groups{{{weights_}}};
  if (offsets_.defined())
    groups.push_back({{offsets_}, 1.0, offset_decay_});
  return groups;
}

cuecard::ComponentState Superpos::state(int64_t task) const {
  const at::NoGradGuard no_grad;
  return cuecard::state_of({{"prompt", condition({task}).embeddings.contiguous()}});
}

void Superpos::load_state(const cuecard::ComponentState& state) {
  at::Tensor prompt = at::empty({first_slot_ + length_, embeddings_.size(1)}, embeddings_.options());
  cuecard::copy_state({{"prompt", prompt}}, state, "soft prompt does not fit");
  prompt_ = prompt.set_requires_grad(true);
  weights_ = offsets_ = at::Tensor();
}

} // namespace superpos
