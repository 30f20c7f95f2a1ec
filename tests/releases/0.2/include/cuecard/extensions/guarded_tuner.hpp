/// The tuner as the host calls it: exceptions and return values of its functions are checked, and errors name the function. A `fit` of
/// one's own should call `condition` and `parameters` through it. The SDK's gradient loop uses it, so that a failure in `condition` is reported as a failure of `condition`, not of `fit`.
///
///     GuardedTuner* guarded = find_extension<GuardedTuner>(engine);
///     Tuner& self = guarded ? guarded->tuner() : *this;
#pragma once

#include <string_view>

#include <cuecard/export.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

/// Threads: as Engine.
class CUECARD_API GuardedTuner {
public:
  /// For Engine::extension.
  static constexpr std::string_view id = "cuecard.guarded-tuner/1";

  virtual ~GuardedTuner() = default;

  /// The tuner whose `fit` is running, valid until it returns. Never call `fit` on it. Never throws.
  virtual Tuner& tuner() = 0;
};

} // namespace cuecard
