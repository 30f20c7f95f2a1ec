#include "server/catalogue.hpp"

#include <chrono>

#include "data/text_fields.hpp"
#include "server/problem.hpp"

namespace cuecard::server {

namespace {

/// Finding the nearest of many long names would take long, and clients choose the name.
constexpr std::size_t longest_hinted = 64, most_hinted = 1000;

std::string shortened(const std::string& name) {
  return name.size() <= 80 ? name : name.substr(0, 80) + "...";
}

} // namespace

ServedCard served(std::shared_ptr<const TaskPipeline> pipeline) {
  std::vector<std::string> fields = text_fields(pipeline->prompt_template->fields());
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::move(pipeline), std::move(fields),
          std::chrono::duration_cast<std::chrono::seconds>(now).count()};
}

void Catalogue::set(ServedCard card) {
  const std::string name = card.name();
  cards_.insert_or_assign(name, std::move(card));
}

const ServedCard* Catalogue::find(const std::string& name) const {
  const auto found = cards_.find(name);
  return found == cards_.end() ? nullptr : &found->second;
}

const ServedCard& Catalogue::card(const std::string& name) const {
  if (const ServedCard* found = find(name))
    return *found;
  if (name == base_)
    throw Problem(
        404, "\"" + name + "\" is the model itself, which predicts no labels; name a card (GET /v1/cards).",
        "model_not_found");
  std::vector<std::string> names;
  if (name.size() <= longest_hinted && cards_.size() <= most_hinted)
    for (const auto& [other, card] : cards_)
      names.push_back(other);
  throw Problem(404, "there is no card \"" + shortened(name) + "\"." + did_you_mean(name, names),
                "model_not_found");
}

const ServedCard& Catalogue::only() const {
  if (cards_.size() != 1)
    throw Problem(400, "\"model\" is missing, and there are " + std::to_string(cards_.size()) +
                           " cards; name one of them (GET /v1/cards).");
  return cards_.begin()->second;
}

} // namespace cuecard::server
