/// Combines the conditionings of several cards, so that their prompts can share a batch.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include <cuecard/conditioning.hpp>

#include "batch/pack.hpp"
#include "engine/checks/slot_counts.hpp"
#include "engine/counters.hpp"
#include "engine/task_pipeline.hpp"

namespace cuecard {

class CardMix {
public:
  /// `model` must outlive it.
  explicit CardMix(const Model& model) : model_(model) {}

  /// Computes the conditioning of `pipeline` once, unless it depends on the input. Items name it by the number `card`. It must
  /// live until it is removed.
  void add(int64_t card, const TaskPipeline& pipeline);
  void remove(int64_t card);

  /// The conditioning for a batch of `items`, of the cards that occur in it; sets their offsets and inputs. That of
  /// input-dependent cards is computed for the examples of these items. Error when there are several cards and one has trigger
  /// tokens: these are searched for one card at a time.
  std::shared_ptr<const BatchConditioning> condition(std::vector<PackItem>& items,
                                                     const CountedBackbone& backbone);

private:
  struct Offsets {
    int64_t soft = 0, late = 0;
  };
  struct Member {
    const TaskPipeline* pipeline = nullptr;
    Conditioning conditioning; ///< of a card that does not depend on the input
    SlotCounts slots;          ///< of `conditioning`
    Offsets offsets;           ///< of its slots in `joined_`
  };

  /// Makes `joined_` the conditioning of `cards`, ascending, none of them input-dependent.
  void join(const std::vector<int64_t>& cards);

  const Model& model_;
  std::map<int64_t, Member> members_; ///< by card
  /// Consecutive batches are often of one task, so the last joined conditioning is kept.
  std::vector<int64_t> joined_cards_;
  std::shared_ptr<const BatchConditioning> joined_ = std::make_shared<BatchConditioning>();
};

/// The conditioning of a batch that holds one card only.
BatchConditioning alone(Conditioning conditioning, const Pass& pass);

} // namespace cuecard
