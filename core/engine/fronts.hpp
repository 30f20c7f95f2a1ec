/// What all prompts of a card begin with on a causal model (an instruction, demonstrations, a learned prompt)
/// is forwarded once: the first batch with rows of a card lays it, be it a single row, and its keys and values
/// then stand in front of all later rows.
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

  /// The past that items refer to.
  std::shared_ptr<const Past> past() const { return past_; }

  /// Decides what the front is of each card that `items` are the first of: what they have in common with each
  /// other and with the card's content-free prompt. Whether there is one of two rows or more, so that keys and
  /// values of the pass over `items` are worth keeping.
  bool wants(const std::vector<PackItem>& items);

  /// Takes the fronts that `wants` decided on from `kept`, what the pass over `batch` kept of all rows.
  void learn(const std::vector<PackItem>& items, const Batch& batch, const Past& kept);

private:
  struct Front {
    bool decided = false;
    std::vector<TokenRow> rows; ///< empty: there is none
    int64_t sequence = -1;      ///< of past_; -1 until it was forwarded
  };

  /// Rows that all `items`, of one card, and its content-free prompt begin with.
  int64_t fixed_length(std::vector<PackItem> items) const;

  const Model& model_;
  const std::vector<const Method*>& methods_;
  std::vector<Front> fronts_;
  std::shared_ptr<Past> past_ = std::make_shared<Past>();
};

} // namespace cuecard
