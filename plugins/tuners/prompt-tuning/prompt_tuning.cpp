#include "prompt_tuning.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/sized_rate.hpp>
#include <cuecard/parts/soft_slots.hpp>

#include "initial_rows.hpp"

namespace cuecard {

namespace {

constexpr uint64_t member_stream = 0x6d656d626572; // "member"

} // namespace

PromptTuning::PromptTuning(const Options& options)
    : asked_length_(options.integer("length")), prompts_(options.integer("prompts")),
      init_(options.text("init")), init_text_(options.text("init-text")),
      weight_decay_(options.number("weight-decay")) {}

void PromptTuning::prepare(const Problem& problem) {
  model_width_ = problem.backbone.shape().hidden;
  const std::vector<SoftSlot>& slots = shared_soft_slots(problem);
  template_slots_ = static_cast<int64_t>(slots.size());
  length_ = asked_length_ >= 0 ? asked_length_ : (template_slots_ > 0 ? 0 : 20);
  if (template_slots_ + length_ == 0)
    throw UsageError("prompt-tuning has nothing to learn: length is 0 and the template has no soft slots.");

  // A card that is only used gets its rows in a moment; the one that it started from need not be there any
  // more.
  const bool used = !problem.tasks[0].train && problem.cards.count("from") == 0;
  const std::string init = init_ == "card" && used ? "random" : init_;
  Problem member = problem; // with a seed of its own
  std::vector<at::Tensor> prompts;
  for (int64_t i = 0; i < prompts_; ++i) {
    prompts.push_back(initial_rows(init, init_text_, rows_of_one(), member));
    if (init_ != "card")
      start_from_words(prompts.back(), slots, problem.backbone);
    member.seed = Random(problem.seed, member_stream + static_cast<uint64_t>(i)).bits();
  }
  for (std::size_t i = 1; i < prompts.size(); ++i)
    if (prompts[i].equal(prompts[0]))
      throw UsageError("the " + std::to_string(prompts_) +
                       " prompts of the ensemble would all start from the same rows and learn the same: use "
                       "init=vocabulary or init=random, or prompts=1.");
  prompt_ = at::cat(prompts).to(problem.backbone.device()).contiguous();
  prompt_.set_requires_grad(true);
}

void PromptTuning::edit(std::vector<Prompt>& prompts, const EditArgs&) const {
  std::vector<Prompt> members;
  for (const Prompt& prompt : prompts)
    for (int64_t member = 0; member < prompts_; ++member) {
      Prompt& own = members.emplace_back(prompt);
      own.variant = prompt.variant * prompts_ + member;
      for (std::vector<Piece>* pieces : {&own.front, &own.input, &own.output})
        for (Piece& piece : *pieces)
          if (piece.kind == Piece::Kind::soft)
            piece.slot += member * rows_of_one();
      for (int64_t i = 0; i < length_; ++i) {
        Piece piece;
        piece.kind = Piece::Kind::soft;
        piece.slot = member * rows_of_one() + template_slots_ + i;
        own.front.push_back(piece);
      }
    }
  prompts = std::move(members);
}

Conditioning PromptTuning::condition(int64_t, const Pass&) const {
  Conditioning conditioning;
  conditioning.embeddings = prompt_;
  return conditioning;
}

std::vector<ParameterGroup> PromptTuning::parameters() {
  return {{{prompt_}, 1.0, weight_decay_}};
}

FitSettings PromptTuning::defaults(const FitSettings& asked) const {
  FitSettings settings = asked;
  const bool adafactor = settings.optimizer == "adafactor";
  if (settings.learning_rate <= 0)
    // The paper's, for all its sizes; and what was measured on SmolLM2, and by PEFT on Llama-3.2-3B (README).
    settings.learning_rate = adafactor ? 0.3 : sized_rate(model_width_, 0.02, 1e-3);
  if (settings.schedule.empty())
    settings.schedule = adafactor ? "constant" : "linear";
  if (settings.batch_size <= 0)
    settings.batch_size = 16;
  if (settings.epochs <= 0 && settings.steps <= 0) {
    settings.epochs = 6;
    settings.least_steps = 100;
  }
  return settings;
}

Learned PromptTuning::export_learned(int64_t) const {
  return {{{"prompt", prompt_.detach()}}, {}};
}

void PromptTuning::import_learned(const Learned& learned) {
  const auto found = learned.tensors.find("prompt");
  if (found == learned.tensors.end() || found->second.sizes() != prompt_.sizes())
    throw DataError("the card's learned rows don't fit: expected a tensor \"prompt\" of " +
                    std::to_string(prompt_.size(0)) + " x " + std::to_string(prompt_.size(1)) + ".");
  if (!found->second.is_floating_point())
    throw DataError(
        "the card's learned rows, the tensor \"prompt\", are no floating-point numbers; use the card as "
        "it was written, or train it again.");
  const at::NoGradGuard no_grad;
  prompt_.copy_(found->second);
}

bool PromptTuning::adopt(const Conditioning& learned, std::string& why) {
  if (!learned.prefixes.empty() || !learned.embeddings.defined() ||
      learned.embeddings.sizes() != prompt_.sizes()) {
    why = "it is not the one matrix of " + std::to_string(prompt_.size(0)) + " x " +
          std::to_string(prompt_.size(1)) + " that length, prompts and model ask for";
    return false;
  }
  const at::NoGradGuard no_grad;
  prompt_.copy_(learned.embeddings);
  return true;
}

} // namespace cuecard
