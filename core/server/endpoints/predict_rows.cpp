#include <optional>
#include <string>
#include <vector>

#include "data/json_object.hpp"
#include "engine/predict/decision_json.hpp"
#include "server/endpoints/endpoints.hpp"
#include "server/json.hpp"
#include "server/row_cards.hpp"
#include "server/row_json.hpp"
#include "server/submission.hpp"

namespace cuecard::server {

namespace {

/// A row of the body: an example of the request, or a problem.
struct Row {
  std::string card, id;
  std::optional<std::string> problem;
  std::size_t example = 0; ///< its number in the request
};

Json answer_json(std::size_t number, const Row& row, const embedding::Request& request) {
  Json object{{"row", number}};
  if (!row.id.empty())
    object["id"] = row.id;
  object["card"] = row.card.empty() ? Json() : Json(row.card);
  const embedding::Answer* const answer = row.problem ? nullptr : &request.answers[row.example];
  if (!answer || answer->failure) {
    object["label"] = nullptr;
    object["error"] = answer ? answer->failure.text : *row.problem;
    return object;
  }
  add_decision(object, answer->decision, *answer->pipeline);
  if (answer->cut > 0)
    object["cut"] = answer->cut;
  return object;
}

Reply answers_reply(const std::vector<Row>& rows, const embedding::Request& request) {
  Json answers = Json::array();
  for (std::size_t number = 0; number < rows.size(); ++number) {
    const Row& row = rows[number];
    if (!row.problem && request.answers[row.example].failure.kind == embedding::FailureKind::cancelled)
      throw Problem(503, "the server is shutting down, and row " + std::to_string(number) + " was not run.");
    answers.push_back(answer_json(number, row, request));
  }
  Json reply;
  reply["answers"] = std::move(answers);
  return json_reply(reply);
}

} // namespace

void predict_rows(const Call& call) {
  const nlohmann::json body = parse_body(call.exchange->request.body);
  const JsonObject object(body, body_name, "", {"card", "rows"});
  const std::string card = card_of_rows(object, call.serving.catalogue);
  if (!object.at("rows").is_array())
    object.refuse("rows", "a list of texts or objects");
  const auto request = std::make_shared<embedding::Request>();
  std::vector<Row> rows;
  for (const nlohmann::json& row : object.at("rows")) {
    const Example example = example_of(row, card);
    rows.push_back({example.card, example.id, problem_of_row(row, example, call.serving.catalogue),
                    request->examples.size()});
    if (!rows.back().problem)
      request->examples.push_back(example);
  }
  submit(call, request, {[call, rows](embedding::Request& done) { call.answer(answers_reply(rows, done)); }});
}

} // namespace cuecard::server
