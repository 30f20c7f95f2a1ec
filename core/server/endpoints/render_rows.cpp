// POST /v1/render: the tokens and soft slots that the model reads of rows.
#include "data/json_object.hpp"
#include "embedding/scheduler.hpp"
#include "engine/predict/prompt_json.hpp"
#include "engine/tokenized_example.hpp"
#include "engine/word_field.hpp"
#include "server/endpoints/endpoints.hpp"
#include "server/json.hpp"
#include "server/row_cards.hpp"
#include "server/row_json.hpp"

namespace cuecard::server {

namespace {

/// It runs on the server's thread, between two answers.
constexpr std::size_t most_rows = 32;

struct Row {
  Example example;
  std::optional<std::string> problem;
};

/// The prompts of a row whose card is in memory.
Json prompts_json(const Row& row, const Serving& serving) {
  const std::shared_ptr<const TaskPipeline> pipeline = serving.scheduler.card(row.example.card);
  if (!pipeline)
    throw DataError("the card is not loaded.");
  if (pipeline->tuner->wants_representation())
    throw DataError("the prompt depends on the model's features of the row; see `cuecard render`.");
  Example example = row.example;
  embedding::name_text(example, *pipeline);
  take_words(example, *pipeline);
  Json prompts = Json::array();
  for (const TokenizedPrompt& prompt : tokenized(*pipeline, serving.model, example))
    prompts.push_back(prompt_json(Json::object(), prompt, serving.model.vocabulary()));
  return prompts;
}

Json row_json(std::size_t number, const Row& row, const Serving& serving) {
  Json object{{"row", number}};
  object["card"] = row.example.card.empty() ? Json() : Json(row.example.card);
  try {
    if (row.problem)
      throw DataError(*row.problem);
    object["prompts"] = prompts_json(row, serving);
  } catch (const std::exception& error) {
    object["error"] = error.what();
  }
  return object;
}

} // namespace

void render_rows(const Call& call) {
  const nlohmann::json body = parse_body(call.exchange->request.body);
  const JsonObject object(body, body_name, "", {"card", "rows"});
  const std::string card = card_of_rows(object, call.serving.catalogue);
  if (!object.at("rows").is_array() || object.at("rows").size() > most_rows)
    object.refuse("rows", "a list of up to " + std::to_string(most_rows) + " texts or objects");
  std::vector<Row> rows;
  std::vector<std::string> cards;
  for (const nlohmann::json& row : object.at("rows")) {
    const Example example = example_of(row, card);
    rows.push_back({example, problem_of_row(row, example, call.serving.catalogue)});
    if (!rows.back().problem && std::ranges::find(cards, example.card) == cards.end())
      cards.push_back(example.card);
  }
  call.serving.loaded.hold(cards, [call, rows, cards](const std::string& problem) {
    call.serving.loaded.release(cards);
    if (!problem.empty())
      return call.answer(reply_of(call.form, Problem(503, problem)));
    Json answers = Json::array();
    for (std::size_t number = 0; number < rows.size(); ++number)
      answers.push_back(row_json(number, rows[number], call.serving));
    Json reply;
    reply["answers"] = std::move(answers);
    call.answer(json_reply(reply));
  });
}

} // namespace cuecard::server
