/// A soft prompt that is found without gradients, by a (1+4) evolution strategy. It is right, or has one of the faults of such a tuner.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cuecard/extensions/guarded_tuner.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/named_tensors.hpp>
#include <cuecard/tuner.hpp>

#include "fault.hpp"

namespace wrong {

class Search final : public cuecard::Tuner {
public:
  explicit Search(const cuecard::Options& options) : length_(options.integer("length")) {}

  void prepare(const cuecard::Problem& problem) override {
    if (problem.tasks.size() != 1)
      throw cuecard::UsageError("wrong-search trains on one task.");
    const cuecard::Backbone& backbone = problem.backbone;
    seed_ = problem.seed;
    prompt_ = cuecard::Random(seed_).normal_tensor({length_, backbone.shape().embedding_width}, 0.1);
    prompt_ = prompt_.to(backbone.device()).requires_grad_();
  }
  void edit(std::vector<cuecard::Prompt>& prompts, const cuecard::EditArgs&) const override {
    for (cuecard::Prompt& prompt : prompts)
      for (int64_t i = 0; i < length_; ++i)
        prompt.prepended.push_back(cuecard::Piece::soft_slot(i));
  }
  cuecard::Conditioning condition(const cuecard::ConditionArgs&) const override {
    if (has("search-reads-a-value"))
      (void)prompt_.sum().item<float>();
    cuecard::Conditioning conditioning;
    conditioning.embeddings = prompt_;
    return conditioning;
  }
  std::vector<cuecard::ParameterGroup> parameters() override {
    if (has("search-declares-nothing"))
      return {};
    return {{{prompt_}}};
  }
  cuecard::FitReport fit(cuecard::Engine& engine) override {
    const at::NoGradGuard no_grad;
    cuecard::FitReport report;
    double spread = first_spread;
    if (const cuecard::TensorMap saved = engine.resume(); !saved.empty()) {
      prompt_.copy_(saved.at("prompt"));
      spread = saved.at("spread").item<double>();
      const at::Tensor losses = saved.at("losses");
      report.losses.assign(losses.data_ptr<float>(), losses.data_ptr<float>() + losses.numel());
    }
    auto* const guarded = cuecard::find_extension<cuecard::GuardedTuner>(engine);
    const cuecard::Tuner& self = guarded ? guarded->tuner() : *this;
    const int64_t steps = engine.settings().steps;
    try {
      while (std::ssize(report.losses) < steps) {
        const int64_t step = std::ssize(report.losses);
        report.losses.push_back(static_cast<float>(improve(engine, self, step, spread)));
        engine.checkpoint(step + 1, [&] {
          return cuecard::TensorMap{{"prompt", prompt_},
                                    {"spread", at::full({}, spread, at::kDouble)},
                                    {"losses", at::tensor(report.losses)}};
        });
        engine.progress(step + 1, steps, report.losses.back(), NAN);
      }
    } catch (const cuecard::Cancelled&) {
      report.cancelled = true;
    }
    report.steps = report.best_step = std::ssize(report.losses);
    return report;
  }
  cuecard::ComponentState state(int64_t) const override { return cuecard::state_of({{"prompt", prompt_}}); }
  void load_state(const cuecard::ComponentState& state) override {
    cuecard::copy_state({{"prompt", prompt_}}, state, "soft prompt does not fit");
  }

private:
  static constexpr double first_spread = 0.3;

  static double loss_of(cuecard::Engine& engine, const cuecard::Tuner& self,
                        const std::vector<cuecard::Batch>& batches) {
    const cuecard::Verbalizer& verbalizer = engine.problem().tasks[0].verbalizer;
    double sum = 0, weight = 0;
    for (const cuecard::Batch& batch : batches) {
      sum += verbalizer.weight(batch) * engine.loss(0, batch, self.condition({}), {}).item<double>();
      weight += verbalizer.weight(batch);
    }
    return sum / weight;
  }

  /// The best of the prompt and four neighbours becomes the prompt. Returns its loss.
  double improve(cuecard::Engine& engine, const cuecard::Tuner& self, int64_t step, double& spread) {
    const std::vector<cuecard::Batch> batches = engine.training_batches(0, step);
    cuecard::Random random(seed_, static_cast<uint64_t>(step) + 1);
    const at::Tensor start = prompt_.clone();
    at::Tensor best = start;
    const double before = loss_of(engine, self, batches);
    double least = before;
    for (int i = 0; i < 4; ++i) {
      prompt_.copy_(start + random.normal_tensor(start.sizes(), spread).to(start.device()));
      if (const double loss = loss_of(engine, self, batches); loss < least) {
        least = loss;
        best = prompt_.clone();
      }
    }
    prompt_.copy_(best);
    spread *= least < before ? 1.2 : 0.9;
    return least;
  }

  int64_t length_;
  uint64_t seed_ = 0;
  at::Tensor prompt_;
};

} // namespace wrong
