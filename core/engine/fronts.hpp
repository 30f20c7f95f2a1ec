/// What all prompts of a card begin with on a causal model (an instruction, demonstrations, a learned prompt)
/// is forwarded once: the first batch in which several rows of a card share it lays it once, and its keys and
/// values then stand in front of all later rows.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "batch/pack.hpp"
#include "engine/method.hpp"

namespace cuecard {

class Fronts {
public:
  /// Both arguments must outlive it.
  Fronts(const Model& model, const std::vector<const Method*>& methods);

  /// Lets `item` skip what its card's front holds, when there is one and the item begins with it.
  void use(PackItem& item) const;

  /// The pasts that items refer to, or null when there are none yet.
  const std::shared_ptr<const Past>& past() const { return past_; }

  /// Whether `batch` lays shared rows of a card whose front is not known yet, so that its keys and values are
  /// worth keeping.
  bool wants(const Batch& batch) const;

  /// Takes the fronts of such cards from `kept`, what the pass over `batch` kept of all rows. A front is what
  /// the shared rows have in common with the card's content-free prompt.
  void learn(const std::vector<PackItem>& items, const Batch& batch, const Past& kept);

private:
  struct Front {
    bool decided = false;
    std::vector<TokenRow> rows;
    int64_t index = -1; ///< in past_
  };

  /// Rows of `item` that every prompt of its card begins with, at most `most`.
  int64_t fixed_length(const PackItem& item, int64_t most) const;

  const Model& model_;
  const std::vector<const Method*>& methods_;
  std::vector<Front> fronts_;
  std::shared_ptr<const Past> past_;
};

} // namespace cuecard
