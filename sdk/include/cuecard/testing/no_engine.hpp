/// For tests of tuners and verbalizers: an engine and a scorer that do nothing; a test overrides what it needs.
#pragma once

#include <cmath>
#include <utility>
#include <vector>

#include <cuecard/tuner.hpp>

namespace cuecard::testing {

class NoScorer : public Scorer {
public:
  void score(const ScoreRequest&, const std::function<void(const at::Tensor&, const Batch&)>&) override {}
  std::vector<Prompt> blank() override { return {}; }
  std::vector<std::vector<Generated>> generate(const std::vector<Prompt>&, const GenerateSettings&) override {
    return {};
  }
};

class NoEngine : public Engine {
public:
  explicit NoEngine(Problem& problem, FitSettings settings = resolve({}, 1))
      : problem_(problem), settings_(std::move(settings)) {}

  Scorer& scorer(int64_t) override { return scorer_; }
  std::vector<Batch> training_batches(int64_t, int64_t) override { return {}; }
  int64_t steps_per_epoch(int64_t) const override { return 1; }
  void rerender() override {}
  at::Tensor input_features(int64_t, const Batch&) override { return {}; }
  at::Tensor loss(int64_t, const Batch&, const Conditioning&, const Pass&) override { return {}; }
  double evaluate_dev(int64_t) override { return std::nan(""); }
  TensorMap resume() override { return {}; }
  void checkpoint(int64_t, const std::function<TensorMap()>&) override {}
  void progress(int64_t, int64_t, double, double) override {}
  const FitSettings& settings() const override { return settings_; }
  Problem& problem() override { return problem_; }

private:
  Problem& problem_;
  FitSettings settings_;
  NoScorer scorer_;
};

} // namespace cuecard::testing
