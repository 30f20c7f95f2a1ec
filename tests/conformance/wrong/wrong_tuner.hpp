/// A soft prompt that is right, or has one of the faults that a tuner can have.
#pragma once

#include <cfenv>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>
#include <cuecard/parts/training/named_tensors.hpp>
#include <cuecard/tuner.hpp>

#include "fault.hpp"

namespace wrong {

class Tuner final : public cuecard::Tuner {
public:
  explicit Tuner(const cuecard::Options& options) : length_(options.integer("length")) {
    static std::vector<std::string> kept;
    if (has("leaks"))
      kept.emplace_back(100, 'x');
    if (has("refuses-an-allowed-value") && length_ == 64)
      throw std::out_of_range("vector");
    if (has("created-on-another-thread") && std::this_thread::get_id() != first_)
      throw std::runtime_error("not on this thread");
  }

  void prepare(const cuecard::Problem& problem) override {
    backbone_ = &problem.backbone;
    uint64_t seed = problem.seed;
    if (has("own-seed"))
      seed = std::random_device()();
    prompt_ = cuecard::Random(seed).normal_tensor({length_, backbone_->shape().embedding_width}, 0.1);
    if (has("trains-in-the-type-of-the-weights"))
      prompt_ = prompt_.to(backbone_->weights().begin()->second.scalar_type());
    prompt_ = prompt_.to(backbone_->device()).requires_grad_();
    hidden_ = at::zeros_like(prompt_).requires_grad_();
    if (has("prints"))
      std::cout << "prepared\n";
    if (has("crashes"))
      *reinterpret_cast<volatile int*>(length_) = 1;
    if (has("exits"))
      std::exit(0);
    if (has("hangs"))
      ::pause();
    if (has("throws-a-number"))
      throw 42;
  }
  cuecard::FitRequest defaults(const cuecard::FitRequest& request) const override {
    cuecard::FitRequest usual;
    usual.learning_rate = 0.05;
    return cuecard::filled_in(request, usual);
  }
  void edit(std::vector<cuecard::Prompt>& prompts, const cuecard::EditArgs&) const override {
    const bool odd = has("depends-on-the-batch") && ++edited_ % 2 == 1;
    for (cuecard::Prompt& prompt : prompts)
      for (int64_t i = odd ? 1 : 0; i < length_; ++i)
        prompt.prepended.push_back(cuecard::Piece::soft_slot(i));
    if (has("used-on-another-thread") && std::this_thread::get_id() != first_)
      throw std::runtime_error("not on this thread");
  }
  cuecard::Conditioning condition(const cuecard::ConditionArgs& args) const override {
    cuecard::Conditioning conditioning;
    conditioning.embeddings = prompt_;
    if (has("undeclared-parameter"))
      conditioning.embeddings = prompt_ + hidden_;
    if (has("climbs")) // the same values, and the opposite gradient
      conditioning.embeddings = 2 * prompt_.detach() - prompt_;
    if (has("counts-steps") && args.pass.training)
      conditioning.embeddings = prompt_ * (1 + 0.01 * static_cast<double>(++conditioned_));
    if (has("crashes-in-a-step") && args.pass.training && ++conditioned_ == 3)
      *reinterpret_cast<volatile int*>(length_) = 1;
    if (has("reads-a-value"))
      (void)prompt_.sum().item<float>();
    if (has("stays-on-the-cpu") && args.pass.training)
      conditioning.embeddings = prompt_ + at::ones(prompt_.sizes());
    if (has("changes-rounding"))
      std::fesetround(FE_UPWARD);
    if (has("changes-threads"))
      at::set_num_threads(2);
    if (has("embeddings-of-integers"))
      conditioning.embeddings = prompt_.to(at::kLong);
    if (has("keeps-what-it-returned"))
      kept_.push_back(prompt_ * 1);
    if (has("blocks-a-signal-in-use")) {
      sigset_t mask;
      sigemptyset(&mask);
      sigaddset(&mask, SIGUSR2);
      ::pthread_sigmask(SIG_BLOCK, &mask, nullptr);
    }
    if (has("draws-from-libtorch"))
      (void)at::rand({1});
    return conditioning;
  }
  std::vector<cuecard::ParameterGroup> parameters() override { return {{{prompt_}}}; }
  cuecard::FitReport fit(cuecard::Engine& engine) override {
    if (has("writes-weights"))
      backbone_->weights().begin()->second.detach().add_(0.01);
    cuecard::FitReport report = cuecard::Tuner::fit(engine);
    if (has("reports-infinity"))
      report.best_dev = INFINITY;
    return report;
  }
  cuecard::ComponentState state(int64_t) const override {
    return cuecard::state_of(
        {{"prompt", has("saves-half") ? prompt_.detach().to(at::kHalf).to(at::kFloat) : prompt_}});
  }
  void load_state(const cuecard::ComponentState& state) override {
    if (has("loads-anything") && !state.tensors.contains("prompt"))
      return;
    cuecard::copy_state({{"prompt", prompt_}}, state, "soft prompt does not fit");
  }

private:
  inline static const std::thread::id first_ = std::this_thread::get_id();
  int64_t length_;
  const cuecard::Backbone* backbone_ = nullptr;
  at::Tensor prompt_, hidden_;
  mutable int64_t edited_ = 0, conditioned_ = 0;
  mutable std::vector<at::Tensor> kept_;
};

} // namespace wrong
