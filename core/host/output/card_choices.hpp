/// Parts of a card in JSON output.
#pragma once

#include <variant>

#include "card/card.hpp"
#include "host/output/json_line.hpp"

namespace cuecard::host {

inline Json options_json(const Options& options) {
  Json object = Json::object();
  for (const auto& [name, value] : options.values())
    object[name] = std::visit([](const auto& held) { return Json(held); }, value);
  return object;
}

/// Adds what a run trained or evaluated: the template's text, and the options of verbalizer and tuner.
inline void add_choices(Json& object, const Card& card) {
  object["template"] = card.template_source;
  object["verbalizer"] = {{"component", card.verbalizer.component},
                          {"options", options_json(card.verbalizer.options)}};
  object["options"] = options_json(card.tuner.options);
}

} // namespace cuecard::host
