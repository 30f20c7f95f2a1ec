/// The tuner as the host calls it: what its functions throw and return is checked, and named in errors. The SDK's gradient loop asks for
/// it, so that a failure in `condition` is reported as one of `condition` and not of `fit`.
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
  static constexpr std::string_view id = "cuecard.guarded-tuner/1";

  virtual ~GuardedTuner() = default;

  /// The one that `fit` was called for. Never call its `fit`.
  virtual Tuner& tuner() = 0;
};

} // namespace cuecard
