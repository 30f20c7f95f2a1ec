#include "smop.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/softmax.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>
#include <cuecard/parts/training/sampled_tokens.hpp>
#include <cuecard/parts/training/sized_rate.hpp>
#include <cuecard/parts/training/soft_slots.hpp>

namespace cuecard {

namespace {

constexpr uint64_t prompt_stream = stream_id("prompt"), router_stream = stream_id("router"),
                   noise_stream = stream_id("noise");

/// [count, embedding width] float32 on the backbone's device: embeddings of distinct tokens as long as there
/// are enough.
at::Tensor sampled_embeddings(int64_t count, const Problem& problem) {
  const std::vector<int64_t> ids =
      sample_common_tokens(count, Random(problem.seed, prompt_stream), problem.vocabulary);
  if (ids.empty())
    throw DataError(
        "the model's vocabulary has only special tokens, and soft prompts can't be initialised from these.");
  return problem.backbone.token_vectors(TokenTable::input, index_tensor(ids, problem.backbone.device()));
}

/// [rows, width] float32: random directions of length 1. Every `width` consecutive rows are orthogonal
/// (Gram-Schmidt).
at::Tensor orthonormal_rows(int64_t rows, int64_t width, Random random) {
  at::Tensor result = random.normal_tensor({rows, width}, 1).to(at::kDouble);
  for (int64_t row = 0; row < rows; ++row) {
    at::Tensor own = result[row];
    for (int64_t other = row - row % width; other < row; ++other)
      own -= result[other] * own.dot(result[other]);
    own /= own.norm();
  }
  return result.to(at::kFloat);
}

} // namespace

Smop::Smop(const Options& options)
    : count_(options.integer("prompts")), length_(options.integer("length")), noise_(options.text("noise")),
      noise_deviation_(options.number("noise-deviation")), weight_decay_(options.number("weight-decay")) {}

void Smop::prepare(const Problem& problem) {
  const Backbone& backbone = problem.backbone;
  const int64_t width = backbone.shape().embedding_width;
  model_width_ = backbone.shape().hidden;
  const std::vector<SoftSlot>& slots = shared_soft_slots(problem);
  template_slots_ = std::ssize(slots);

  const at::Tensor embeddings = sampled_embeddings(template_slots_ + count_ * length_, problem);
  start_from_words(embeddings, slots, backbone);
  const auto trained = [&](const at::Tensor& values) {
    at::Tensor leaf = values.to(backbone.device()).clone();
    return leaf.set_requires_grad(true);
  };
  slots_ = template_slots_ > 0 ? trained(embeddings.narrow(0, 0, template_slots_)) : at::Tensor();
  prompts_ = trained(embeddings.narrow(0, template_slots_, count_ * length_).view({count_, length_, width}));
  // The authors' code: torch.nn.init.orthogonal_.
  router_ = trained(orthonormal_rows(count_, width, Random(problem.seed, router_stream)));
}

void Smop::edit(std::vector<Prompt>& prompts, const EditArgs&) const {
  for (Prompt& prompt : prompts)
    for (int64_t i = 0; i < length_; ++i)
      prompt.prepended.push_back(Piece::soft_slot(template_slots_ + i));
}

InputFeatures Smop::input_features() const {
  return {.kind = InputFeatures::Kind::mean_embedding, .soft_slots = template_slots_ + length_};
}

at::Tensor Smop::route(const at::Tensor& inputs, const Pass& pass) const {
  at::Tensor logits = inputs.matmul(router_.t());
  if (pass.training && noise_ != "none" && noise_deviation_ > 0) {
    const at::Tensor drawn = Random(pass.seed, noise_stream).normal_tensor(logits.sizes(), noise_deviation_);
    const at::Tensor noise = drawn.to(logits.device(), logits.scalar_type(), /*non_blocking=*/true);
    logits = logits + (noise_ == "multiplicative" ? noise * logits.detach() : noise);
  }
  return at::softmax(logits, 1);
}

Conditioning Smop::condition(const ConditionArgs& args) const {
  const at::Tensor probabilities = route(args.inputs, args.pass);
  const at::Tensor best = at::argmax(probabilities.detach(), 1);
  // The factor lets gradients reach the router.
  const at::Tensor factor = at::gather(probabilities, 1, best.unsqueeze(1)).unsqueeze(2);
  const at::Tensor chosen = at::index_select(prompts_, 0, best) * factor;
  Conditioning conditioning;
  conditioning.embeddings =
      slots_.defined() ? at::cat({slots_.unsqueeze(0).expand({chosen.size(0), -1, -1}), chosen}, 1) : chosen;
  return conditioning;
}

NamedTensors Smop::named_tensors() const {
  NamedTensors named{{"prompts", prompts_}, {"router.weight", router_}};
  if (slots_.defined())
    named.emplace_back("slots", slots_);
  return named;
}

std::vector<ParameterGroup> Smop::parameters() {
  std::vector<at::Tensor> tensors;
  for (const auto& [name, tensor] : named_tensors())
    tensors.push_back(tensor);
  return {{std::move(tensors), 1.0, weight_decay_}};
}

FitRequest Smop::defaults(const FitRequest& request) const {
  FitRequest usual;
  usual.schedule = "linear";
  usual.epochs = 6;
  usual.min_steps = 100;
  if (request.optimizer == "adafactor") { // the authors', for T5
    usual.learning_rate = 0.5;
    usual.warmup = 0.06;
    usual.batch_size = 32;
  } else { // prompt-tuning's (README)
    usual.learning_rate = sized_rate(model_width_, 0.02, 1e-3);
    usual.batch_size = 16;
  }
  return filled_in(request, usual);
}

ComponentState Smop::state(int64_t) const {
  return state_of(named_tensors());
}

void Smop::load_state(const ComponentState& state) {
  copy_state(named_tensors(), state, "soft prompts don't fit");
}

} // namespace cuecard
