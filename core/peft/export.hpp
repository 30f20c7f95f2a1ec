/// Exports a card as a PEFT adapter, where PEFT can represent it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/model.hpp"
#include "engine/task_pipeline.hpp"
#include "peft/adapter.hpp"
#include "registry/registry.hpp"

namespace cuecard::peft {

struct ExportChoice {
  std::optional<Type> type;   ///< none: the first type that the card's tuner supports
  std::string base_model;     ///< value of "base_model_name_or_path"
  bool drop_template = false; ///< export although the template adds text to the input
};

struct Exported {
  Adapter adapter;
  /// Parts of the card that the adapter can't hold, described for users: the template, label words.
  std::vector<std::string> not_exported;
};

/// Throws DataError with the reason when PEFT can't represent the card: text in the template, soft tokens that
/// don't precede the whole input, an unsupported prefix or head, replaced weights. Throws UsageError when the
/// requested type doesn't fit the card.
Exported export_card(const TaskPipeline& pipeline, const Model& model, const registry::Registry& plugins,
                     const ExportChoice& choice);

} // namespace cuecard::peft
