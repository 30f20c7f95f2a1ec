#include "prompt_tuning.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>
#include <cuecard/parts/training/named_tensors.hpp>
#include <cuecard/parts/training/sized_rate.hpp>
#include <cuecard/parts/training/soft_slots.hpp>

#include "initial_prompt.hpp"

namespace cuecard {

namespace {

constexpr uint64_t member_stream = stream_id("member");

} // namespace

PromptTuning::PromptTuning(const Options& options)
    : requested_length_(options.integer("length")), prompts_(options.integer("prompts")),
      init_(options.text("init")), init_text_(options.text("init-text")),
      weight_decay_(options.number("weight-decay")) {}

void PromptTuning::prepare(const Problem& problem) {
  model_width_ = problem.backbone.shape().hidden;
  const std::vector<SoftSlot>& slots = shared_soft_slots(problem);
  template_slots_ = static_cast<int64_t>(slots.size());
  length_ = requested_length_ >= 0 ? requested_length_ : (template_slots_ > 0 ? 0 : 20);
  if (template_slots_ + length_ == 0)
    throw UsageError("prompt-tuning has nothing to train: length is 0 and the template has no soft slots.");

  // At inference, the soft prompt comes from load_state, and the card `from` may no longer exist.
  const bool only_used = !problem.tasks[0].train && problem.cards.count("from") == 0;
  const std::string init = init_ == "card" && only_used ? "random" : init_;
  Problem member = problem; // with its own seed
  std::vector<at::Tensor> prompts;
  for (int64_t i = 0; i < prompts_; ++i) {
    prompts.push_back(initial_prompt(init, init_text_, slots_per_prompt(), member));
    if (init_ != "card")
      start_from_words(prompts.back(), slots, problem.backbone);
    member.seed = Random(problem.seed, member_stream + static_cast<uint64_t>(i)).bits();
  }
  for (std::size_t i = 1; i < prompts.size(); ++i)
    if (prompts[i].equal(prompts[0]))
      throw UsageError("the " + std::to_string(prompts_) +
                       " prompts of the ensemble would have the same initial values and remain equal: use "
                       "init=vocabulary or init=random, or prompts=1.");
  prompt_ = at::cat(prompts).to(problem.backbone.device()).contiguous();
  prompt_.set_requires_grad(true);
}

void PromptTuning::edit(std::vector<Prompt>& prompts, const EditArgs&) const {
  std::vector<Prompt> members;
  for (const Prompt& prompt : prompts)
    for (int64_t member = 0; member < prompts_; ++member) {
      Prompt& variant = members.emplace_back(prompt);
      variant.variant = prompt.variant * prompts_ + member;
      for (std::vector<Piece>* pieces : {&variant.prepended, &variant.input, &variant.output})
        for (Piece& piece : *pieces)
          if (piece.kind == Piece::Kind::soft)
            piece.slot += member * slots_per_prompt();
      for (int64_t i = 0; i < length_; ++i)
        variant.prepended.push_back(Piece::soft_slot(member * slots_per_prompt() + template_slots_ + i));
    }
  prompts = std::move(members);
}

Conditioning PromptTuning::condition(const ConditionArgs&) const {
  Conditioning conditioning;
  conditioning.embeddings = prompt_;
  return conditioning;
}

std::vector<ParameterGroup> PromptTuning::parameters() {
  return {{{prompt_}, 1.0, weight_decay_}};
}

FitRequest PromptTuning::defaults(const FitRequest& request) const {
  const bool adafactor = request.optimizer == "adafactor";
  // Adafactor: the paper's, for all its sizes. AdamW: measured on SmolLM2, and by PEFT on Llama-3.2-3B
  // (README).
  FitRequest usual;
  usual.learning_rate = adafactor ? 0.3 : sized_rate(model_width_, 0.02, 1e-3);
  usual.schedule = adafactor ? "constant" : "linear";
  usual.batch_size = 16;
  usual.epochs = 6;
  usual.min_steps = 100;
  return filled_in(request, usual);
}

ComponentState PromptTuning::state(int64_t) const {
  return {{{"prompt", prompt_.detach()}}};
}

void PromptTuning::load_state(const ComponentState& state) {
  copy_state({{"prompt", prompt_}}, state, "soft prompt doesn't fit");
}

bool PromptTuning::adopt(const Conditioning& trained, std::string& why) {
  const std::string parts = parts_of(trained);
  if (parts != "soft embeddings" || trained.embeddings.sizes() != prompt_.sizes()) {
    why = "it has " + parts + (trained.embeddings.defined() ? " of " + sizes_of(trained.embeddings) : "") +
          "; expected soft embeddings of " + sizes_of(prompt_) + ", as length, prompts and model require";
    return false;
  }
  const at::NoGradGuard no_grad;
  prompt_.copy_(trained.embeddings);
  return true;
}

} // namespace cuecard
