/// The tuner component `manual`: trains nothing; only the text of the template conditions the model.
#pragma once

#include <cuecard/options.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard::manual {

class ManualTuner final : public Tuner {
public:
  explicit ManualTuner(const Options&) {}

  /// UsageError when a template has soft slots or empty trigger slots.
  void prepare(const Problem& problem) override;
  Conditioning condition(const ConditionArgs&) const override { return {}; }
  /// Trains the verbalizers if they have parameters; otherwise only evaluates.
  FitReport fit(Engine& engine) override;
};

} // namespace cuecard::manual
