// Lists of cards and models.
#include "server/endpoints/endpoints.hpp"
#include "server/json.hpp"

namespace cuecard::server {

namespace {

const char* predicts(const ServedCard& card) {
  switch (card.predicts) {
  case Predicts::texts:
    return "text";
  case Predicts::words:
    return "labels";
  case Predicts::label_sets:
    return "any labels";
  case Predicts::labels:
    break;
  }
  return "label";
}

Json model_json(const std::string& id, const Json& parent, const std::string& root, std::int64_t since) {
  return {{"id", id},     {"object", "model"}, {"created", since}, {"owned_by", "cuecard"},
          {"root", root}, {"parent", parent}};
}

} // namespace

void list_cards(const Call& call) {
  Json cards = Json::array();
  for (const auto& [name, card] : call.serving.catalogue.cards())
    cards.push_back({{"name", name},
                     {"fields", card.fields},
                     {"predicts", predicts(card)},
                     {"labels", card.labels},
                     {"tuner", card.tuner},
                     {"loaded", card.since}});
  Json reply;
  reply["cards"] = std::move(cards);
  call.answer(json_reply(reply));
}

void list_models(const Call& call) {
  const Catalogue& catalogue = call.serving.catalogue;
  const std::string& base = catalogue.base();
  Json data = Json::array();
  if (call.serving.model.shape().generates())
    data.push_back(model_json(base, nullptr, base, 0));
  for (const auto& [name, card] : catalogue.cards())
    data.push_back(model_json(name, base, base, card.since));
  Json reply{{"object", "list"}};
  reply["data"] = std::move(data);
  call.answer(json_reply(reply));
}

} // namespace cuecard::server
