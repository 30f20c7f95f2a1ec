/// Beam search over one prompt, as transformers 5 does it: what goes on, what is finished, and when to stop.
/// Host numbers only; the model's part is in Generator.
#pragma once

#include <cstdint>
#include <vector>

#include <cuecard/scorer.hpp>

namespace cuecard {

/// One more token behind a beam.
struct BeamCandidate {
  std::size_t beam = 0; ///< which of the running ones it goes on from
  int64_t token = 0;
  float score = 0;     ///< sum of the log-probabilities that were compared
  double log_prob = 0; ///< the same by the model itself, without penalties
  bool ends = false;
  std::vector<int64_t> ids; ///< of one that ends: all that was written, without the end-of-sequence token
};

class Beams {
public:
  struct Finished {
    float score = 0; ///< divided by the length to the power of the length penalty
    double log_prob = 0;
    std::vector<int64_t> ids;
  };

  explicit Beams(const GenerateSettings& settings) : settings_(settings) {}

  /// `candidates`: the best twice `beams` over all running beams, best first; `written` tokens each, their own
  /// included. Returns those that run on, best first; none when the search is over. A candidate that ends
  /// counts only among the first `beams`.
  std::vector<BeamCandidate> step(std::vector<BeamCandidate> candidates, int64_t written);

  /// Best first.
  const std::vector<Finished>& finished() const { return finished_; }

private:
  bool full() const { return static_cast<int64_t>(finished_.size()) >= settings_.beams; }
  /// A sum of log-probabilities as it is compared between lengths.
  float normalised(float score, int64_t length) const;

  const GenerateSettings& settings_;
  std::vector<Finished> finished_;
};

} // namespace cuecard
