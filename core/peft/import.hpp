/// A PEFT adapter becomes a card of the tuner that adopts it (Tuner::adopt).
#pragma once

#include <string>
#include <vector>

#include "engine/method.hpp"
#include "engine/model.hpp"
#include "peft/adapter.hpp"
#include "registry/registry.hpp"

namespace cuecard::peft {

/// What an adapter doesn't say.
struct ImportChoice {
  /// Template, labels, label words, limits, and options that somebody set. No tuner named: that of the
  /// adapter's kind. A head of the adapter's takes the verbalizer's place; without a head and without labels
  /// the model writes.
  MethodChoice method;
  int64_t task = 0; ///< of a multitask adapter
};

struct Imported {
  Card card;
  /// Sentences about what was left out: embedding matrices of the adapter.
  std::vector<std::string> notes;
};

/// DataError when the adapter is not this model's or holds what no card can; UsageError when the choice doesn't
/// fit it.
Imported import_adapter(const Adapter& adapter, const Model& model, const registry::Registry& plugins,
                        ImportChoice choice);

} // namespace cuecard::peft
