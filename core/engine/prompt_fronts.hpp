/// The first prompt of each card stays in the past: later prompts go on from what they have in common with it.
/// For causal models.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include <cuecard/past.hpp>

#include "batch/pack.hpp"

namespace cuecard {

class PromptFronts {
public:
  /// Lets `item` skip what it has in common with its card's front.
  void use(PackItem& item, Past& past) const;
  /// Takes `item`, which is `sequence` of `past`, as its card's front where there is none yet.
  void learn(const PackItem& item, int64_t sequence, Past& past);

  /// The fronts alone, in memory of their own; they refer to what is returned from now on.
  std::shared_ptr<Past> kept_of(const Past& past);

private:
  struct Front {
    std::vector<TokenRow> rows;
    int64_t sequence = -1; ///< of the past
  };
  std::map<int64_t, Front> fronts_; ///< by card
};

} // namespace cuecard
