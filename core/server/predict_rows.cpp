#include "data/json_object.hpp"
#include "engine/predict/decision_json.hpp"
#include "server/endpoints.hpp"
#include "server/json.hpp"
#include "server/row_json.hpp"
#include "server/submission.hpp"

namespace cuecard::server {

namespace {

Json answer_json(std::size_t row, const std::string& card, const embedding::Answer& answer) {
  Json object{{"row", row}, {"card", card}};
  if (answer.failure) {
    object["label"] = nullptr;
    object["error"] = answer.failure.text;
  } else {
    add_decision(object, answer.decision, *answer.pipeline);
  }
  return object;
}

Reply answers_reply(const embedding::Request& request) {
  Json answers = Json::array();
  for (std::size_t row = 0; row < request.answers.size(); ++row) {
    const embedding::Failure& failure = request.answers[row].failure;
    if (failure.kind == embedding::FailureKind::cancelled)
      throw Problem(503, "the server is ending, and row " + std::to_string(row) + " was not run.");
    answers.push_back(answer_json(row, request.examples[row].card, request.answers[row]));
  }
  Json reply;
  reply["answers"] = std::move(answers);
  return json_reply(reply);
}

} // namespace

void predict_rows(const Call& call) {
  const nlohmann::json body = parse_body(call.exchange->request.body);
  const JsonObject object(body, body_name, "", {"card", "rows"});
  const std::string card = object.text_or("card", "");
  if (!object.at("rows").is_array())
    object.refuse("rows", "a list of texts or objects");
  const auto request = std::make_shared<embedding::Request>();
  for (const nlohmann::json& row : object.at("rows")) {
    const std::string place = "row " + std::to_string(request->examples.size());
    request->examples.push_back(example_of(row, place, card));
    const std::string& named = request->examples.back().card;
    if (named.empty())
      throw Problem(400, place + " names no card; give it a \"card\", or the request.");
    call.serving.catalogue.card(named);
  }
  submit(call, request, {[call](embedding::Request& done) { call.answer(answers_reply(done)); }});
}

} // namespace cuecard::server
