#include "server/cards/catalogue.hpp"

#include <algorithm>
#include <chrono>

#include <cuecard/error.hpp>

#include "data/text_fields.hpp"
#include "engine/task_pipeline.hpp"
#include "server/problem.hpp"

namespace cuecard::server {

namespace {

/// Searching many long names for the nearest one is slow, and clients choose the name.
constexpr std::size_t longest_hinted = 64, most_hinted = 1000;

std::string shortened(const std::string& name) {
  return name.size() <= 80 ? name : name.substr(0, 80) + "...";
}

/// Tried with two alternatives: a template that takes them makes a prompt of each.
bool takes_alternatives(const TaskPipeline& pipeline, const std::vector<std::string>& fields) {
  Example example;
  for (const std::string& field : fields) {
    example.fields[field] = "a";
    example.words[field] = {"a", "b"};
  }
  try {
    return std::ranges::any_of(pipeline.prompt_template->render({example}),
                               [](const Prompt& prompt) { return prompt.choice > 0; });
  } catch (const Error&) {
    return false; // it needs more than texts
  }
}

} // namespace

ServedCard served(const TaskPipeline& pipeline) {
  ServedCard card;
  card.name = pipeline.name;
  card.fields = text_fields(pipeline.prompt_template->fields());
  card.labels = pipeline.labels;
  card.predicts = pipeline.predicts();
  card.labels_words = pipeline.labels_words();
  card.multi_label = pipeline.record.multi_label;
  card.alternatives = takes_alternatives(pipeline, card.fields);
  card.tuner = pipeline.record.tuner.component;
  card.generation = pipeline.verbalizer->generation();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  card.since = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  return card;
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
  refuse("card", name, {});
}

const ServedCard* Catalogue::model(const std::string& name) const {
  if (name == base_)
    return nullptr;
  if (const ServedCard* found = find(name))
    return found;
  refuse("model or card", name, {base_});
}

void Catalogue::refuse(const char* what, const std::string& name, std::vector<std::string> names) const {
  if (name.size() <= longest_hinted && cards_.size() <= most_hinted)
    for (const auto& [other, card] : cards_)
      names.push_back(other);
  else
    names.clear();
  throw Problem(
      404, std::string("there is no ") + what + " \"" + shortened(name) + "\"." + did_you_mean(name, names),
      "model_not_found");
}

const ServedCard& Catalogue::only() const {
  if (cards_.size() != 1)
    throw Problem(400, "\"model\" is missing, and there are " + std::to_string(cards_.size()) +
                           " cards; name one of them (GET /v1/cards).");
  return cards_.begin()->second;
}

} // namespace cuecard::server
