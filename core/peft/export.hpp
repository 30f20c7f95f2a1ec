/// A card becomes a PEFT adapter, where PEFT can do what the card does.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/method.hpp"
#include "engine/model.hpp"
#include "peft/adapter.hpp"
#include "registry/registry.hpp"

namespace cuecard::peft {

struct ExportChoice {
  std::optional<Type> type;    ///< none: the first kind that the card's tuner adopts
  std::string base_model;      ///< what the adapter shall say that it is for
  bool leave_template = false; ///< export what was learned although the template has a text of its own
};

struct Exported {
  Adapter adapter;
  /// What the card has and an adapter has not, each as people say it: the template's text, label words.
  std::vector<std::string> left_behind;
};

/// DataError with the reason when PEFT can't hold what the card does: a text in the template, learned rows that
/// don't stand in front of everything, a prefix that PEFT has no place for, replaced weights, another head.
/// UsageError when the asked kind doesn't fit what was learned.
Exported export_card(const Method& method, const Model& model, const registry::Registry& plugins,
                     const ExportChoice& choice);

} // namespace cuecard::peft
