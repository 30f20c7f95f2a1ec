/// The engine's service to verbalizers and tuners: run examples and read what the model says.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/example.hpp>

namespace cuecard {

class Scorer {
public:
  virtual ~Scorer() = default;

  /// Readouts at the answer slots of `examples`, in order, without gradients: [all answers, ...] on the
  /// backbone's device. `offsets` receives [examples + 1].
  virtual at::Tensor score(const std::vector<const Example*>& examples, const Readout& readout,
                           std::vector<int64_t>* offsets = nullptr) = 0;

  /// Readout at the answer slots of the template's content-free prompt: [answer slots, ...].
  virtual at::Tensor score_blank(const Readout& readout) = 0;
};

} // namespace cuecard
