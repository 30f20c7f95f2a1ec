// POST /v1/completions: texts that continue a prompt, of a card or of the model itself.
#include <atomic>
#include <chrono>
#include <random>

#include "engine/generate/generator.hpp"
#include "server/completion_settings.hpp"
#include "server/endpoints.hpp"
#include "server/json.hpp"
#include "server/submission.hpp"

namespace cuecard::server {

namespace {

constexpr const char* event_stream = "text/event-stream";

std::string new_id() {
  static const uint64_t start = std::random_device()();
  static std::atomic<uint64_t> next = 0;
  return "cmpl-" + std::to_string(start) + "-" + std::to_string(++next);
}

/// One completion: what all its answers and events have in common.
struct Completion {
  CompletionBody body;
  std::string id = new_id();
  int64_t created =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  int64_t prompt_tokens = 0;
  std::vector<std::size_t> sent = {}; ///< bytes of each text that was streamed

  Json object() const {
    return {{"id", id}, {"object", "text_completion"}, {"created", created}, {"model", body.model}};
  }
};

Json choice_json(std::size_t index, const std::string& text, const Json& finish_reason) {
  return {{"text", text}, {"index", index}, {"logprobs", nullptr}, {"finish_reason", finish_reason}};
}

/// "length" for a text that was cut off.
const char* finish_reason(const Completion& completion, const Generated& text, const Vocabulary& vocabulary) {
  const bool whole = std::ssize(text.ids) < completion.body.settings.max_length ||
                     vocabulary.decode(text.ids).size() > text.text.size(); // it ended before a stop text
  return whole ? "stop" : "length";
}

Json usage_json(const Completion& completion, const embedding::Request& request) {
  int64_t tokens = 0;
  for (const embedding::Answer& answer : request.answers)
    for (const Generated& text : answer.texts)
      tokens += std::ssize(text.ids);
  return {{"prompt_tokens", completion.prompt_tokens},
          {"completion_tokens", tokens},
          {"total_tokens", completion.prompt_tokens + tokens}};
}

Reply completion_reply(const Completion& completion, const embedding::Request& request,
                       const Vocabulary& vocabulary) {
  require_answers(request);
  Json choices = Json::array();
  for (const embedding::Answer& answer : request.answers)
    for (const Generated& text : answer.texts)
      choices.push_back(choice_json(choices.size(), text.text, finish_reason(completion, text, vocabulary)));
  Json reply = completion.object();
  reply["choices"] = std::move(choices);
  reply["usage"] = usage_json(completion, request);
  return json_reply(reply);
}

void send_event(const Call& call, const std::string& data) {
  call.exchange->send(event_stream, "data: " + data + "\n\n");
}

/// Sends what the text of a row has grown by.
void send_growth(const Call& call, Completion& completion, std::size_t row, const std::string& text,
                 const Json& finish) {
  std::size_t& sent = completion.sent[row];
  if (text.size() <= sent && finish.is_null())
    return;
  Json event = completion.object();
  event["choices"] = Json::array();
  event["choices"].push_back(choice_json(row, text.size() > sent ? text.substr(sent) : "", finish));
  sent = std::max(sent, text.size());
  send_event(call, dump(event));
}

void end_stream(const Call& call, Completion& completion, const embedding::Request& request) {
  if (!call.exchange->streams())
    require_answers(request); // an error that comes first can still be a status
  try {
    require_answers(request);
    for (std::size_t row = 0; row < request.answers.size(); ++row) {
      const Generated& text = request.answers[row].texts.at(0);
      send_growth(call, completion, row, text.text,
                  finish_reason(completion, text, call.serving.model.vocabulary()));
    }
    if (completion.body.stream_usage) {
      Json event = completion.object();
      event["choices"] = Json::array();
      event["usage"] = usage_json(completion, request);
      send_event(call, dump(event));
    }
  } catch (...) {
    send_event(call, body_of(call.form, current_problem()));
  }
  send_event(call, "[DONE]");
  call.exchange->end();
}

/// The settings of a card that generates, else those of `cuecard generate`.
GenerateSettings default_settings(const Catalogue& catalogue, const std::string& model) {
  if (model == catalogue.base())
    return {};
  return catalogue.card(model).pipeline->verbalizer->generation().value_or(GenerateSettings());
}

} // namespace

void complete(const Call& call) {
  const Serving& serving = call.serving;
  if (!serving.model.shape().generates())
    throw Problem(400, "the model \"" + serving.catalogue.base() +
                           "\" can't generate text; ask its cards with POST /v1/predict.");
  const auto completion = std::make_shared<Completion>(
      Completion{parse_completion(call.exchange->request.body, [&](const std::string& model) {
        return default_settings(serving.catalogue, model);
      })});
  check(completion->body.settings, serving.model.shape());
  const auto request = std::make_shared<embedding::Request>();
  request->generate = completion->body.settings;
  for (const std::string& prompt : completion->body.prompts) {
    completion->prompt_tokens += std::ssize(serving.model.vocabulary().encode(prompt));
    request->examples.emplace_back();
    request->examples.back().card = completion->body.model;
    request->examples.back().fields[""] = prompt;
  }
  completion->sent.resize(request->examples.size());
  if (completion->body.stream)
    submit(call, request,
           {[call, completion](embedding::Request& done) { end_stream(call, *completion, done); },
            [call, completion](std::size_t row, const std::string& text) {
              send_growth(call, *completion, row, text, nullptr);
            }});
  else
    submit(call, request, {[call, completion](embedding::Request& done) {
             call.answer(completion_reply(*completion, done, call.serving.model.vocabulary()));
           }});
}

} // namespace cuecard::server
