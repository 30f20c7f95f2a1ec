/// The verbalizer component `head`: learned layers on the state that stands for the whole input, as BERT's
/// fine-tuning recipe has it (Devlin et al. 2019, section 4.1). Answer slots are not read; a template needs
/// none.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

#include "classifier.hpp"
#include "input_state.hpp"

namespace cuecard::head {

class HeadVerbalizer final : public Verbalizer {
public:
  explicit HeadVerbalizer(const Options& options);

  /// DataError for a task without labels. UsageError as InputState has it.
  void prepare(const VerbalizerTarget& target) override;
  Reading reading() const override { return state_.reading(); }
  int64_t answers() const override { return 0; }
  Readout readout() const override { return state_.readout(); }

  /// `values` [A, H], one row per entry.
  Scores score(const at::Tensor& values, const Batch& batch, const Pass& pass) const override;
  /// Cross-entropy with batch.labels; rows without a label don't count.
  at::Tensor loss(const Scores& scores, const Batch& batch) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

  std::vector<ParameterGroup> parameters() override { return classifier_.parameters(); }
  Learned export_learned() const override { return classifier_.export_learned(); }
  void import_learned(const Learned& learned) override { classifier_.import_learned(learned); }

private:
  InputState state_;
  Classifier classifier_;
  std::vector<std::string> answers_;
};

} // namespace cuecard::head
