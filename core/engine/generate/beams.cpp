#include "engine/generate/beams.hpp"

#include <algorithm>
#include <cmath>

namespace cuecard {

float Beams::normalised(float score, int64_t length) const {
  return score / static_cast<float>(std::pow(static_cast<double>(length), settings_.length_penalty));
}

std::vector<BeamCandidate> Beams::step(std::vector<BeamCandidate> candidates, int64_t written) {
  const auto beams = static_cast<std::size_t>(settings_.beams);
  std::vector<BeamCandidate> running;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    BeamCandidate& candidate = candidates[i];
    if (!candidate.ends) {
      if (running.size() < beams)
        running.push_back(std::move(candidate));
    } else if (i < beams) {
      finished_.push_back({normalised(candidate.score, written), candidate.log_prob, std::move(candidate.ids)});
    }
  }
  std::stable_sort(finished_.begin(), finished_.end(),
                   [](const Finished& a, const Finished& b) { return a.score > b.score; });
  if (finished_.size() > beams)
    finished_.resize(beams);
  // The search is over if the best running beam, ended now, would not beat the worst finished one.
  const bool hopeless =
      full() && !running.empty() && !(normalised(running.front().score, written) > finished_.back().score);
  if (hopeless || (full() && settings_.early_stop))
    running.clear();
  return running;
}

} // namespace cuecard
