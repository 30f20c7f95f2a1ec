/// Imports a PEFT adapter as a card of a tuner that adopts it (Tuner::adopt).
#pragma once

#include <string>
#include <vector>

#include "engine/model.hpp"
#include "engine/task_pipeline.hpp"
#include "peft/adapter.hpp"
#include "registry/registry.hpp"

namespace cuecard::peft {

/// Settings that an adapter does not contain.
struct ImportChoice {
  /// Template, labels, label words, limits and user-set options. The default tuner is that of the adapter type.
  /// A classification head in the adapter replaces the verbalizer; without a head and labels, the card
  /// generates text.
  PipelineChoice pipeline;
  int64_t task = 0; ///< task index in a multitask adapter
};

struct Imported {
  Card card;
  /// One sentence for each part of the adapter that was not imported: embedding matrices, modules that are no targets.
  std::vector<std::string> notes;
};

/// Throws DataError when the adapter does not fit the model or a card can't hold it, and UsageError when
/// `choice` does not fit the adapter.
Imported import_adapter(const Adapter& adapter, const Model& model, const registry::Registry& plugins,
                        ImportChoice choice);

} // namespace cuecard::peft
