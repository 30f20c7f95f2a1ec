#include "server/row_cards.hpp"

#include "server/problem.hpp"
#include "server/row_json.hpp"

namespace cuecard::server {

std::string card_of_rows(const JsonObject& body, const Catalogue& catalogue) {
  std::string card = body.text_or("card", "");
  if (!card.empty())
    catalogue.card(card);
  return card;
}

std::optional<std::string> problem_of_row(const nlohmann::json& row, const Example& example,
                                          const Catalogue& catalogue) {
  if (std::optional<std::string> problem = problem_of_form(row))
    return problem;
  if (example.card.empty())
    return "the row names no card; give it a \"card\", or the request.";
  try {
    catalogue.card(example.card);
  } catch (const Problem& unknown) {
    return unknown.what();
  }
  return std::nullopt;
}

} // namespace cuecard::server
