/// A complete plugin: prompt tuning (Lester et al. 2021) in its simplest form. A few virtual tokens are
/// prepended to every prompt and their embeddings are trained; the model stays frozen.
#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/register.hpp>
#include <cuecard/tuner.hpp>

#include <ATen/core/grad_mode.h>

namespace {

class HelloTuner final : public cuecard::Tuner {
public:
  explicit HelloTuner(const cuecard::Options& options) : length_(options.integer("length")) {}

  void prepare(const cuecard::Problem& problem) override {
    first_slot_ = static_cast<int64_t>(problem.tasks.at(0).prompt_template.soft_slots().size());
    const int64_t width = problem.backbone.shape().embedding_width;
    cuecard::Random random(problem.seed);
    prompt_ = random.normal_tensor({first_slot_ + length_, width}, 0.1).to(problem.backbone.device());
    prompt_.requires_grad_();
  }

  void edit(std::vector<cuecard::Prompt>& prompts, const cuecard::EditArgs&) const override {
    for (cuecard::Prompt& prompt : prompts)
      for (int64_t i = 0; i < length_; ++i)
        prompt.prepended.push_back(cuecard::Piece::soft_slot(first_slot_ + i));
  }

  cuecard::Conditioning condition(const cuecard::ConditionArgs&) const override {
    cuecard::Conditioning conditioning;
    conditioning.embeddings = prompt_;
    return conditioning;
  }

  std::vector<cuecard::ParameterGroup> parameters() override { return {{{prompt_}}}; }

  cuecard::ComponentState state(int64_t) const override { return {{{"prompt", prompt_.detach()}}}; }

  void load_state(const cuecard::ComponentState& state) override {
    const auto found = state.tensors.find("prompt");
    if (found == state.tensors.end() || found->second.sizes() != prompt_.sizes())
      throw cuecard::DataError("the card lacks hello-tuner's tensor \"prompt\", or it has another shape.");
    const at::NoGradGuard no_grad;
    prompt_.copy_(found->second);
  }

private:
  int64_t length_;
  int64_t first_slot_ = 0; ///< slots before it are the template's own
  at::Tensor prompt_;      ///< [first_slot_ + length_, embedding width]
};

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("length", "8", 1, 1000, "Number of virtual tokens prepended to the prompt.",
                            "arbitrary, for an example", CUECARD_ROLE_LENGTH),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<HelloTuner>("hello-tuner", "A few virtual tokens prepended to the prompt",
                               CUECARD_TRAINS_TENSORS, options),
};

} // namespace

CUECARD_PLUGIN("hello-tuner", "1.0.0", "Apache-2.0", "", components)
