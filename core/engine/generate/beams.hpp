/// Beam search for one prompt, as in transformers 5: which beams continue, which are finished, and when to
/// stop. On the host only; the model is run by Generator.
#pragma once

#include <cstdint>
#include <vector>

#include <cuecard/scorer.hpp>

namespace cuecard {

/// A beam extended by one token.
struct BeamCandidate {
  std::size_t beam = 0; ///< number of the running beam that it extends
  int64_t token = 0;
  float score = 0;     ///< sum of the log-probabilities by which beams are compared
  double log_prob = 0; ///< the same without penalties
  bool ends = false;
  std::vector<int64_t> ids; ///< if it ends: all generated tokens, without the end-of-sequence token
};

class Beams {
public:
  struct Finished {
    float score = 0; ///< divided by length ^ length penalty
    double log_prob = 0;
    std::vector<int64_t> ids;
  };

  explicit Beams(const GenerateSettings& settings) : settings_(settings) {}

  /// `candidates`: the best 2 * `beams` over all running beams, best first, each with `written` generated
  /// tokens, the new one included. Returns those that continue, best first; none when the search is over. A
  /// candidate that ends counts only if it is among the first `beams`.
  std::vector<BeamCandidate> step(std::vector<BeamCandidate> candidates, int64_t written);

  /// Best first.
  const std::vector<Finished>& finished() const { return finished_; }

private:
  bool full() const { return static_cast<int64_t>(finished_.size()) >= settings_.beams; }
  /// `score`, a sum of log-probabilities, normalised for comparison between lengths.
  float normalised(float score, int64_t length) const;

  const GenerateSettings& settings_;
  std::vector<Finished> finished_;
};

} // namespace cuecard
