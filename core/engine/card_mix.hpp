/// Combines the conditionings of several cards, so that their prompts can share a batch.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <cuecard/conditioning.hpp>

#include "batch/pack.hpp"
#include "engine/counters.hpp"
#include "engine/slot_counts.hpp"
#include "engine/task_pipeline.hpp"

namespace cuecard {

class CardMix {
public:
  /// Computes the conditioning of every card that does not depend on the input, once. Both arguments must
  /// outlive it. Error when there are several cards and one has trigger tokens: these are searched for one card
  /// at a time.
  CardMix(const Model& model, const std::vector<const TaskPipeline*>& pipelines);

  /// The conditioning for a batch of `items`; sets their offsets and inputs. That of input-dependent cards is
  /// computed for the examples of these items.
  std::shared_ptr<const BatchConditioning> condition(std::vector<PackItem>& items,
                                                     const CountedBackbone& backbone) const;

private:
  struct Offsets {
    int64_t soft = 0, late = 0;
  };

  const Model& model_;
  const std::vector<const TaskPipeline*>& pipelines_;
  std::vector<SlotCounts> slots_; ///< by card; only for cards that do not depend on the input
  std::vector<Offsets> offsets_;  ///< by card; only for cards that do not depend on the input
  std::shared_ptr<BatchConditioning> fixed_;
};

/// The conditioning of a batch that holds one card only.
BatchConditioning alone(Conditioning conditioning, const Pass& pass);

} // namespace cuecard
