// The interface of Text Embeddings Inference for classifiers.
#include <algorithm>

#include "data/json_object.hpp"
#include "server/endpoints/endpoints.hpp"
#include "server/json.hpp"
#include "server/submission.hpp"

namespace cuecard::server {

namespace {

using nlohmann::json;

[[noreturn]] void refuse_inputs() {
  throw Problem(
      400,
      "\"inputs\" must be a text, a pair of texts [a, b], or a list of inputs that are lists of one or two texts.");
}

/// The texts of an input as the fields of a card's template, in their order.
Example example_of_texts(const std::vector<std::string>& texts, const ServedCard& card) {
  if (texts.size() != card.fields.size())
    throw Problem(400, "an input has " + std::to_string(texts.size()) +
                           " texts, but the template of the card \"" + card.name + "\" has " +
                           std::to_string(card.fields.size()) + " fields.");
  Example example;
  example.card = card.name;
  for (std::size_t i = 0; i < texts.size(); ++i)
    example.fields[card.fields[i]] = texts[i];
  return example;
}

std::vector<std::string> texts_of(const json& input) {
  const bool fits = input.is_array() && !input.empty() && input.size() <= 2 &&
                    std::ranges::all_of(input, [](const json& text) { return text.is_string(); });
  if (!fits)
    refuse_inputs();
  return input.get<std::vector<std::string>>();
}

/// A list of texts is one pair; several inputs are a list of lists.
bool is_batch(const json& inputs) {
  return inputs.is_array() && (inputs.empty() || inputs[0].is_array());
}

/// The best label first.
Json labels_json(const embedding::Answer& answer) {
  std::vector<std::pair<double, std::string>> labels;
  for (std::size_t label = 0; label < answer.decision.probabilities.size(); ++label)
    labels.emplace_back(answer.decision.probabilities[label], answer.pipeline->labels[label]);
  std::ranges::stable_sort(labels, [](const auto& a, const auto& b) { return a.first > b.first; });
  Json list = Json::array();
  for (const auto& [score, label] : labels)
    list.push_back({{"score", finite(score)}, {"label", label}});
  return list;
}

/// This interface has no form for cards that label words or generate text.
void require_one_label(const ServedCard& card) {
  if (card.predicts == Predicts::texts || card.labels_words || card.alternatives)
    throw Problem(400, "the card \"" + card.name +
                           "\" does not predict labels of one or two texts; use POST /v1/predict.");
}

struct Inputs {
  bool batch = false;
  bool may_cut = true; ///< a text that is too long
};

/// Tokens that truncation removed, by input; the interface's body has no key for them.
std::string cut_header(const embedding::Request& request) {
  std::string text;
  for (const embedding::Answer& each : request.answers)
    text += (text.empty() ? "" : ", ") + std::to_string(each.cut);
  return text;
}

void answer(const Call& call, const embedding::Request& request, Inputs inputs) {
  for (std::size_t row = 0; row < request.answers.size(); ++row) {
    const embedding::FailureKind kind = request.answers[row].failure.kind;
    if (kind == embedding::FailureKind::wrong_data)
      throw Problem(422, failure_sentence(request, row));
    if (kind == embedding::FailureKind::failed || kind == embedding::FailureKind::plugin_failed)
      throw Problem(424, failure_sentence(request, row));
  }
  require_answers(request);
  const bool any_cut =
      std::ranges::any_of(request.answers, [](const embedding::Answer& each) { return each.cut > 0; });
  if (any_cut && !inputs.may_cut)
    throw Problem(422, "an input is too long by " + cut_header(request) +
                           " tokens; shorten it, or leave out \"truncate\".");
  Json list = Json::array();
  for (const embedding::Answer& each : request.answers)
    list.push_back(labels_json(each));
  Reply reply = json_reply(inputs.batch ? list : list.at(0));
  if (any_cut)
    reply.headers.emplace_back("Cuecard-Cut-Tokens", cut_header(request));
  call.answer(std::move(reply));
}

} // namespace

void tei_predict(const Call& call) {
  const json body = parse_body(call.exchange->request.body);
  const JsonObject object(body, body_name, "",
                          {"inputs", "model", "raw_scores", "truncate", "truncation_direction"});
  if (object.flag_or("raw_scores", false))
    throw Problem(400, "this server has probabilities only; leave out \"raw_scores\".");
  const Catalogue& catalogue = call.serving.catalogue;
  const ServedCard& card = object.has("model") ? catalogue.card(object.text("model")) : catalogue.only();
  require_one_label(card);
  const json& inputs = object.at("inputs");
  const auto request = std::make_shared<embedding::Request>();
  const Inputs given{is_batch(inputs), object.flag_or("truncate", true)};
  if (given.batch)
    for (const json& input : inputs)
      request->examples.push_back(example_of_texts(texts_of(input), card));
  else if (inputs.is_string())
    request->examples.push_back(example_of_texts({inputs.get<std::string>()}, card));
  else
    request->examples.push_back(example_of_texts(texts_of(inputs), card));
  submit(call, request, {[call, given](embedding::Request& done) { answer(call, done, given); }});
}

void tei_info(const Call& call) {
  const Serving& serving = call.serving;
  Json classifiers = Json::object();
  for (const auto& [name, card] : serving.catalogue.cards()) {
    Json& ids = classifiers[name]["id2label"] = Json::object();
    for (std::size_t label = 0; label < card.labels.size(); ++label)
      ids[std::to_string(label)] = card.labels[label];
  }
  Json reply{{"model_id", serving.catalogue.base()}};
  reply["model_type"]["classifiers"] = std::move(classifiers); // TEI has "classifier", for its only model
  reply["max_input_length"] = serving.model.shape().max_positions;
  reply["version"] = CUECARD_VERSION;
  call.answer(json_reply(reply));
}

} // namespace cuecard::server
