/// For tests of tuners that only ask what a label's text is.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <cuecard/verbalizer.hpp>

namespace cuecard::testing {

/// Labels with the texts that it was given; it passes on what it reads and judges nothing.
class NamedLabels final : public Verbalizer {
public:
  explicit NamedLabels(std::vector<std::string> texts = {}) : texts_(std::move(texts)) {}

  void prepare(const VerbalizerTarget&) override {}
  Readout readout() const override { return {}; }
  Scores score(const at::Tensor& values, const Batch&, const Pass&) const override { return {values, {}, {}}; }
  at::Tensor loss(const Scores& scores, const Batch&) const override { return scores.values; }
  std::vector<std::string> answer_text(int64_t label) const override {
    return {texts_.at(static_cast<std::size_t>(label))};
  }

private:
  std::vector<std::string> texts_;
};

} // namespace cuecard::testing
