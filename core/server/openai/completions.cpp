// POST /v1/completions and POST /v1/chat/completions: texts that continue a prompt or a chat, of a card or of the model itself.
#include <atomic>
#include <chrono>
#include <random>

#include "engine/generate/generator.hpp"
#include "server/endpoints/endpoints.hpp"
#include "server/json.hpp"
#include "server/openai/completion_form.hpp"
#include "server/openai/completion_settings.hpp"
#include "server/submission.hpp"

namespace cuecard::server {

namespace {

constexpr const char* event_stream = "text/event-stream";

std::string new_id(const char* prefix) {
  static const uint64_t start = std::random_device()();
  static std::atomic<uint64_t> next = 0;
  return prefix + std::to_string(start) + "-" + std::to_string(++next);
}

/// A text that is streamed.
struct Streamed {
  std::size_t sent = 0; ///< bytes
  bool begun = false;
};

/// One completion: what all its answers and events have in common.
struct Completion {
  const CompletionForm& form;
  CompletionBody body;
  bool drops_space = false; ///< with which the answer begins, as the chat format has one before it
  std::string id = new_id(form.id_prefix);
  int64_t created =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  std::vector<Streamed> streamed = {}; ///< by row

  Json object(const char* kind) const {
    return {{"id", id}, {"object", kind}, {"created", created}, {"model", body.model}};
  }
  std::string shown(const std::string& text) const {
    return drops_space && text.starts_with(' ') ? text.substr(1) : text;
  }
};

/// "length" for a text that was cut off, by its settings or because the model has no more positions.
const char* finish_reason(const embedding::Answer& answer, const Generated& text,
                          const Vocabulary& vocabulary) {
  const bool whole = std::ssize(text.ids) < answer.most_tokens ||
                     vocabulary.decode(text.ids).size() > text.text.size(); // it ended before a stop text
  return whole ? "stop" : "length";
}

Json usage_json(const embedding::Request& request) {
  int64_t prompts = 0, texts = 0;
  for (const embedding::Answer& answer : request.answers) {
    prompts += answer.prompt_tokens;
    for (const Generated& text : answer.texts)
      texts += std::ssize(text.ids);
  }
  return {{"prompt_tokens", prompts}, {"completion_tokens", texts}, {"total_tokens", prompts + texts}};
}

Reply completion_reply(const Completion& completion, const embedding::Request& request,
                       const Vocabulary& vocabulary) {
  require_answers(request);
  Json choices = Json::array();
  for (const embedding::Answer& answer : request.answers)
    for (const Generated& text : answer.texts)
      choices.push_back(completion.form.choice(
          {choices.size(), completion.shown(text.text), finish_reason(answer, text, vocabulary), answer.cut}));
  Json reply = completion.object(completion.form.object);
  reply["choices"] = std::move(choices);
  reply["usage"] = usage_json(request);
  return json_reply(reply);
}

void send_event(const Call& call, const std::string& data) {
  call.exchange->send(event_stream, "data: " + data + "\n\n");
}

/// Sends the new part of a row's text.
void send_growth(const Call& call, Completion& completion, std::size_t row, const std::string& so_far,
                 const Json& finish, int64_t cut = 0) {
  Streamed& streamed = completion.streamed[row];
  const std::string text = completion.shown(so_far);
  if (text.size() <= streamed.sent && finish.is_null())
    return;
  const std::string more = text.size() > streamed.sent ? text.substr(streamed.sent) : "";
  streamed.sent = std::max(streamed.sent, text.size());
  Json event = completion.object(completion.form.streamed_object);
  event["choices"] = Json::array();
  event["choices"].push_back(
      completion.form.streamed_choice({row, more, finish, cut}, !std::exchange(streamed.begun, true)));
  send_event(call, dump(event));
}

void end_stream(const Call& call, Completion& completion, const embedding::Request& request) {
  if (!call.exchange->streams())
    require_answers(request); // an error that comes first can still be a status
  try {
    require_answers(request);
    for (std::size_t row = 0; row < request.answers.size(); ++row) {
      const embedding::Answer& answer = request.answers[row];
      const Generated& text = answer.texts.at(0);
      send_growth(call, completion, row, text.text,
                  finish_reason(answer, text, call.serving.model.vocabulary()), answer.cut);
    }
    if (completion.body.stream_usage) {
      Json event = completion.object(completion.form.streamed_object);
      event["choices"] = Json::array();
      event["usage"] = usage_json(request);
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
  const ServedCard* const card = catalogue.model(model);
  return card ? card->generation.value_or(GenerateSettings()) : GenerateSettings();
}

void require_generation(const Serving& serving) {
  if (!serving.model.shape().generates())
    throw Problem(400, "the model \"" + serving.catalogue.base() +
                           "\" can't generate text; use its cards with POST /v1/predict.");
}

/// A text for the only field of a card's template, or for the model as it is.
Example text_example(const std::string& text) {
  Example example;
  example.fields[""] = text;
  return example;
}

/// The chat for the model, or the only message for a card, whose template makes the prompt of it.
Example example_of_chat(const Serving& serving, const CompletionBody& body) {
  if (body.model != serving.catalogue.base()) {
    if (body.messages.size() != 1 || body.messages[0].role != "user")
      throw Problem(
          400,
          "the card \"" + body.model +
              "\" has a template that one message of the user fills; send that alone, or name the model \"" +
              serving.catalogue.base() + "\".");
    return text_example(body.messages[0].text);
  }
  if (!serving.chat.format)
    throw Problem(400, serving.chat.problem);
  for (const ChatMessage& message : body.messages)
    if (!serving.chat.format->turns.contains(message.role))
      throw Problem(400, "chats in the format of this model (" + serving.chat.format->name +
                             ") have no role \"" + message.role + "\".");
  return chat_example(body.messages);
}

bool begins_with_space(const Serving& serving, const CompletionBody& body) {
  return body.model == serving.catalogue.base() && serving.chat.format &&
         serving.chat.format->turns.at("assistant").open.ends_with(' ');
}

void run(const Call& call, const std::shared_ptr<Completion>& completion, std::vector<Example> examples) {
  check(completion->body.settings, call.serving.model.shape());
  const auto request = std::make_shared<embedding::Request>();
  request->generate = completion->body.settings;
  request->examples = std::move(examples);
  for (Example& example : request->examples)
    example.card = completion->body.model;
  completion->streamed.resize(request->examples.size());
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

DefaultSettings defaults_of(const Serving& serving) {
  return
      [&catalogue = serving.catalogue](const std::string& model) { return default_settings(catalogue, model); };
}

} // namespace

void complete(const Call& call) {
  require_generation(call.serving);
  const auto completion = std::make_shared<Completion>(
      Completion{text_form, parse_completion(call.exchange->request.body, defaults_of(call.serving))});
  std::vector<Example> examples;
  for (const std::string& prompt : completion->body.prompts)
    examples.push_back(text_example(prompt));
  run(call, completion, std::move(examples));
}

void complete_chat(const Call& call) {
  require_generation(call.serving);
  CompletionBody body = parse_chat(call.exchange->request.body, defaults_of(call.serving));
  Example example = example_of_chat(call.serving, body);
  const bool drops_space = begins_with_space(call.serving, body);
  run(call, std::make_shared<Completion>(Completion{chat_form, std::move(body), drops_space}),
      {std::move(example)});
}

} // namespace cuecard::server
