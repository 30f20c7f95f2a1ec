/// Contextual calibration: the model's output for content-free input (Zhao et al. 2021, section 5).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/component_state.hpp>
#include <cuecard/example.hpp>
#include <cuecard/export.hpp>
#include <cuecard/options.hpp>
#include <cuecard/scorer.hpp>

namespace cuecard {

/// At most `count` (0 or more) of `examples`, evenly spaced, in their order.
CUECARD_API std::vector<const Example*> evenly_spaced(const std::vector<const Example*>& examples,
                                                      int64_t count);

/// Mean logits of a verbalizer's tokens, measured as its options `calibrate` (none, blank, train) and
/// `calibrate-rows` request. Threads: const functions may run concurrently; the others need exclusive use.
class CUECARD_API Calibration {
public:
  /// Copies the two options. std::logic_error if the component doesn't declare them.
  explicit Calibration(const Options& options);

  /// Whether anything is to be measured, on training examples, and on how many at most (`calibrate-rows`).
  bool enabled() const { return mode_ != "none"; }
  bool uses_examples() const { return mode_ == "train"; }
  int64_t max_examples() const { return max_examples_; }

  /// [slots, U] float32 on the device; undefined when nothing was measured.
  const at::Tensor& logits() const { return logits_; }
  /// `logits` [slots, U], any floating-point dtype; kept as float32 without a gradient, on their device.
  void set(const at::Tensor& logits);
  void clear() { logits_ = at::Tensor(); }

  /// The mean over the content-free prompts, when the option is `blank`; each has `slots` answer slots. `output_request` asks for the
  /// logits of the U tokens. Errors: those of Scorer.
  void measure_blank(Scorer& scorer, const OutputRequest& output_request, int64_t slots = 1);
  /// The mean over up to `calibrate-rows` examples, whose labels are not used, when the option is `train`.
  /// DataError if there are none, or none can be used.
  void measure_examples(Scorer& scorer, const std::vector<const Example*>& examples,
                        const OutputRequest& output_request, const std::string& verbalizer, int64_t slots = 1);

  /// The tensor `calibration`: [U], or [slots, U] for several slots; absent when not calibrated.
  void save(ComponentState& state) const;
  /// Loads what `save` stored, with U = `tokens`, to `device`. DataError when calibration is enabled and the card has no such tensor, or
  /// one of another shape or of integers.
  void load(const ComponentState& state, const std::string& verbalizer, int64_t tokens,
            const at::Device& device, int64_t slots = 1);

private:
  std::string mode_;
  int64_t max_examples_;
  at::Tensor logits_;
};

} // namespace cuecard
