// The Open Inference Protocol (KServe V2): a card is a model whose inputs are the fields of its template.
#include <algorithm>

#include "data/json_object.hpp"
#include "server/endpoints/endpoints.hpp"
#include "server/json.hpp"
#include "server/submission.hpp"

namespace cuecard::server {

namespace {

using nlohmann::json;

Json tensor_json(const std::string& name, const char* type, const Json& shape) {
  return {{"name", name}, {"datatype", type}, {"shape", shape}};
}

/// Puts the texts of one input tensor into the rows' fields. All tensors have as many rows.
void take_input(const JsonObject& input, const ServedCard& card, embedding::Request& request) {
  const std::string name = input.text("name");
  if (std::ranges::find(card.fields, name) == card.fields.end())
    throw Problem(400, "the card \"" + card.name + "\" has no input \"" + name.substr(0, 80) + "\"." +
                           did_you_mean(name.substr(0, 80), card.fields));
  if (input.text("datatype") != "BYTES")
    input.refuse("datatype", "\"BYTES\"");
  const std::vector<std::string> texts = input.texts("data");
  const json& shape = input.at("shape");
  const json size = texts.size();
  if (shape != json::array({size}) && shape != json::array({size, 1}))
    input.refuse("shape", "[" + size.dump() + "] or [" + size.dump() + ",1], as \"data\" has that many texts");
  if (request.examples.empty())
    request.examples.resize(texts.size());
  if (request.examples.size() != texts.size())
    throw Problem(400, "the inputs have different numbers of rows.");
  for (std::size_t row = 0; row < texts.size(); ++row) {
    request.examples[row].card = card.name;
    if (!request.examples[row].fields.emplace(name, texts[row]).second)
      throw Problem(400, "the input \"" + name + "\" is given twice.");
  }
}

Json with_data(Json tensor, Json data) {
  tensor["data"] = std::move(data);
  return tensor;
}

Json outputs_json(const ServedCard& card, const embedding::Request& request) {
  const std::size_t rows = request.answers.size();
  Json names = Json::array(), numbers = Json::array(), outputs = Json::array();
  if (card.predicts == Predicts::texts) {
    for (const embedding::Answer& answer : request.answers) {
      names.push_back(answer.decision.text);
      numbers.push_back(finite(answer.decision.value));
    }
    outputs.push_back(with_data(tensor_json("text", "BYTES", {rows}), std::move(names)));
    outputs.push_back(with_data(tensor_json("log_prob", "FP64", {rows}), std::move(numbers)));
    return outputs;
  }
  const std::vector<std::string>& labels = card.labels;
  for (const embedding::Answer& answer : request.answers) {
    const int64_t label = answer.decision.labels.at(0);
    names.push_back(label < 0 ? "" : labels[static_cast<std::size_t>(label)]);
    for (const double probability : answer.decision.probabilities)
      numbers.push_back(finite(probability));
  }
  outputs.push_back(with_data(tensor_json("label", "BYTES", {rows}), std::move(names)));
  outputs.push_back(with_data(tensor_json("scores", "FP64", {rows, labels.size()}), std::move(numbers)));
  outputs.back()["parameters"]["labels"] = labels;
  return outputs;
}

/// Tokens that truncation removed, by row, if it removed any.
void add_cut(Json& reply, const embedding::Request& request) {
  std::vector<int64_t> cut;
  for (const embedding::Answer& answer : request.answers)
    cut.push_back(answer.cut);
  if (std::ranges::any_of(cut, [](int64_t tokens) { return tokens > 0; }))
    reply["parameters"]["cut"] = cut;
}

/// What a tensor of one text per row can't hold.
void require_tensors(const ServedCard& card) {
  if (card.labels_words || card.multi_label)
    throw Problem(400, "the card \"" + card.name + "\" gives a row several labels; use POST /v1/predict.");
  if (card.alternatives)
    throw Problem(400, "the card \"" + card.name + "\" takes lists of alternatives; use POST /v1/predict.");
}

} // namespace

void kserve_server(const Call& call) {
  call.answer(json_reply({{"name", "cuecard"}, {"version", CUECARD_VERSION}, {"extensions", Json::array()}}));
}

void kserve_model(const Call& call) {
  const ServedCard& card = call.serving.catalogue.card(call.name);
  require_tensors(card);
  Json inputs = Json::array(), outputs = Json::array();
  for (const std::string& field : card.fields)
    inputs.push_back(tensor_json(field, "BYTES", {-1}));
  if (card.predicts == Predicts::texts) {
    outputs.push_back(tensor_json("text", "BYTES", {-1}));
    outputs.push_back(tensor_json("log_prob", "FP64", {-1}));
  } else {
    outputs.push_back(tensor_json("label", "BYTES", {-1}));
    outputs.push_back(tensor_json("scores", "FP64", {-1, card.labels.size()}));
  }
  call.answer(json_reply({{"name", card.name},
                          {"versions", {"1"}},
                          {"platform", "cuecard"},
                          {"inputs", inputs},
                          {"outputs", outputs}}));
}

void kserve_model_ready(const Call& call) {
  const ServedCard& card = call.serving.catalogue.card(call.name);
  call.answer(json_reply({{"name", card.name}, {"ready", true}}));
}

void kserve_infer(const Call& call) {
  const ServedCard card = call.serving.catalogue.card(call.name);
  require_tensors(card);
  const json body = parse_body(call.exchange->request.body);
  const JsonObject object(body, body_name, "", {"id", "inputs", "outputs", "parameters"});
  const std::string id = object.text_or("id", "");
  if (!object.at("inputs").is_array() || object.at("inputs").empty())
    object.refuse("inputs", "a list of tensors");
  const auto request = std::make_shared<embedding::Request>();
  const json& inputs = object.at("inputs");
  for (std::size_t input = 0; input < inputs.size(); ++input)
    take_input(JsonObject(inputs[input], body_name, "inputs[" + std::to_string(input) + "]",
                          {"name", "shape", "datatype", "data", "parameters"}),
               card, *request);
  submit(call, request, {[call, card, id](embedding::Request& done) {
           require_answers(done);
           Json reply{{"model_name", card.name}, {"model_version", "1"}};
           if (!id.empty())
             reply["id"] = id;
           add_cut(reply, done);
           reply["outputs"] = outputs_json(card, done);
           call.answer(json_reply(reply));
         }});
}

} // namespace cuecard::server
