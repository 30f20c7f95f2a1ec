/// For tests of tuners that only need the texts of labels.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <cuecard/verbalizer.hpp>

namespace cuecard::testing {

/// Labels with the given texts; scores are the outputs themselves.
class NamedLabels final : public Verbalizer {
public:
  explicit NamedLabels(std::vector<std::string> texts = {}) : texts_(std::move(texts)) {}

  void prepare(const VerbalizerTarget&) override {}
  OutputRequest output_request() const override { return {}; }
  Scores score(const ScoreArgs& args) const override { return {args.outputs, {}, {}}; }
  at::Tensor loss(const LossArgs& args) const override { return args.scores.values; }
  std::vector<std::string> answer_text(int64_t label) const override {
    return {texts_.at(static_cast<std::size_t>(label))};
  }

private:
  std::vector<std::string> texts_;
};

} // namespace cuecard::testing
