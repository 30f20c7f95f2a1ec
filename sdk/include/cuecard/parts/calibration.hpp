/// Contextual calibration: what the model says where the input says nothing (Zhao et al. 2021, section 5).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/example.hpp>
#include <cuecard/export.hpp>
#include <cuecard/learned.hpp>
#include <cuecard/options.hpp>
#include <cuecard/scorer.hpp>

namespace cuecard {

/// At most `rows` of `examples`, spread evenly over them.
CUECARD_API std::vector<const Example*> spread(const std::vector<const Example*>& examples, int64_t rows);

/// Mean scores of the tokens that a verbalizer reads, as its options `calibrate` (none, blank, train) and
/// `calibrate-rows` ask for them. Not thread-safe while it measures.
class CUECARD_API Calibration {
public:
  explicit Calibration(const Options& options);

  bool asked() const { return how_ != "none"; }
  bool on_rows() const { return how_ == "train"; }
  int64_t rows() const { return rows_; }

  /// [slots, U] float32 on the device; undefined when nothing was measured.
  const at::Tensor& scores() const { return scores_; }
  /// `scores` [slots, U].
  void set(const at::Tensor& scores);
  void clear() { scores_ = at::Tensor(); }

  /// The mean over the prompts without content, when the option is `blank`; `slots` answers are read of each.
  void on_blank_prompts(Scorer& scorer, const Readout& readout, int64_t slots = 1);
  /// The mean over up to `calibrate-rows` examples, whose labels are not looked at, when the option is `train`.
  /// DataError when there are none.
  void on_training_rows(Scorer& scorer, const std::vector<const Example*>& examples, const Readout& readout,
                        const std::string& verbalizer, int64_t slots = 1);

  /// The tensor `calibration`, [U], or [slots, U] where there are several; absent when not calibrated.
  void export_to(Learned& learned) const;
  /// DataError when it is asked for and the card has none that fits.
  void import_from(const Learned& learned, const std::string& verbalizer, int64_t tokens,
                   const at::Device& device, int64_t slots = 1);

private:
  std::string how_;
  int64_t rows_;
  at::Tensor scores_;
};

} // namespace cuecard
