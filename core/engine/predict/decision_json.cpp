#include "engine/predict/decision_json.hpp"

#include <nlohmann/json.hpp>

#include "files/finite_json.hpp"

namespace cuecard {

using Json = nlohmann::ordered_json;

void add_decision(Json& object, const Decision& decision, const TaskPipeline& pipeline) {
  const auto name_of = [&](int64_t label) {
    return label < 0 ? Json() : Json(pipeline.labels[static_cast<std::size_t>(label)]);
  };
  if (pipeline.predicts() == Predicts::texts) {
    object["text"] = decision.text;
    object["log_prob"] = finite(decision.value);
    return;
  }
  Json labels = Json::array();
  for (const int64_t label : decision.labels)
    labels.push_back(name_of(label));
  Json scores = Json::object();
  for (std::size_t label = 0; label < decision.probabilities.size(); ++label)
    scores[pipeline.labels[label]] = finite(decision.probabilities[label]);
  if (pipeline.predicts() != Predicts::labels) {
    object["labels"] = labels; // one per word, or all that the example has
    if (pipeline.predicts() == Predicts::label_sets)
      object["scores"] = scores;
  } else if (labels.size() == 1) {
    object["label"] = labels[0];
    object["scores"] = scores;
  }
}

} // namespace cuecard
