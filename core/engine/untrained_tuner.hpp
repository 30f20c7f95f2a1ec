/// A tuner that does nothing, for pipelines that only show what prompts look like.
#pragma once

#include <cuecard/tuner.hpp>

namespace cuecard {

/// Leaves prompts as the template rendered them; slots that are trained stay open.
class UntrainedTuner final : public Tuner {
public:
  void prepare(const Problem&) override {}
  Conditioning condition(const ConditionArgs&) const override { return {}; }
};

} // namespace cuecard
