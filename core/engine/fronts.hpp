/// What all prompts of a card begin with on a causal model (an instruction, demonstrations, a learned prompt)
/// is forwarded once; its keys and values then stand in front of every row.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "batch/pack.hpp"
#include "engine/card_mix.hpp"
#include "engine/counters.hpp"
#include "engine/method.hpp"

namespace cuecard {

class Fronts {
public:
  /// All arguments must outlive it. Nothing is forwarded until a row needs it.
  Fronts(const Model& model, const std::vector<const Method*>& methods, const CardMix& mix,
         const CountedBackbone& backbone);

  /// Lets `item` skip what its card's front holds, when it begins with it. The first row of a card decides the
  /// front: what that row has in common with the card's content-free prompt.
  void use(PackItem& item);

  /// The pasts that items refer to, or null when there are none yet.
  const std::shared_ptr<const Past>& past() const { return past_; }

private:
  struct Front {
    bool decided = false;
    std::vector<TokenRow> rows;
    int64_t index = -1; ///< in past_
  };

  void decide(Front& front, const PackItem& item);

  const Model& model_;
  const std::vector<const Method*>& methods_;
  const CardMix& mix_;
  const CountedBackbone& backbone_;
  std::vector<Front> fronts_;
  std::shared_ptr<const Past> past_;
};

} // namespace cuecard
