/// The tuner component `manual`: learns nothing, so that the text of the template does all the work.
#pragma once

#include <cuecard/options.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard::manual {

class ManualTuner final : public Tuner {
public:
  explicit ManualTuner(const Options&) {}

  /// UsageError when a template has slots that somebody would have to fill.
  void prepare(const Problem& problem) override;
  Conditioning condition(int64_t, const Pass&) const override { return {}; }
  /// Trains the verbalizers where they have parameters of their own; else only measures.
  FitReport fit(Engine& engine) override;
};

} // namespace cuecard::manual
