/// A whole plugin: the simplest tuner that learns something. A few rows stand in front of every prompt, as if
/// they were words, and are learned; the model stays as it is (prompt tuning, Lester et al. 2021).
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
    rows_ = random.normal_tensor({first_slot_ + length_, width}, 0.1).to(problem.backbone.device());
    rows_.requires_grad_();
  }

  void edit(std::vector<cuecard::Prompt>& prompts, const cuecard::EditArgs&) const override {
    for (cuecard::Prompt& prompt : prompts)
      for (int64_t i = 0; i < length_; ++i) {
        cuecard::Piece piece;
        piece.kind = cuecard::Piece::Kind::soft;
        piece.slot = first_slot_ + i;
        prompt.front.push_back(piece);
      }
  }

  cuecard::Conditioning condition(int64_t, const cuecard::Pass&) const override {
    cuecard::Conditioning conditioning;
    conditioning.embeddings = rows_;
    return conditioning;
  }

  std::vector<cuecard::ParameterGroup> parameters() override { return {{{rows_}}}; }

  cuecard::Learned export_learned(int64_t) const override { return {{{"rows", rows_.detach()}}, {}}; }

  void import_learned(const cuecard::Learned& learned) override {
    const auto found = learned.tensors.find("rows");
    if (found == learned.tensors.end() || found->second.sizes() != rows_.sizes())
      throw cuecard::DataError("the card lacks the tensor \"rows\" of hello-tuner, or it has another shape.");
    const at::NoGradGuard no_grad;
    rows_.copy_(found->second);
  }

private:
  int64_t length_;
  int64_t first_slot_ = 0; ///< the template's own soft slots come before ours
  at::Tensor rows_;        ///< [first_slot_ + length_, embedding width]
};

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("length", "8", 1, 1000, "Learned rows in front of the prompt.",
                            "an example's choice"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<HelloTuner>("hello-tuner", "A few learned rows in front of the prompt",
                               CUECARD_LEARNS_TENSORS, options),
};

} // namespace

CUECARD_PLUGIN("hello-tuner", "1.0.0", "Apache-2.0", "", components)
