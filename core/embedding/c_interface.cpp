// The functions of cuecard.h that open models and run requests. Every one turns exceptions into a cuecard_error.
#include <chrono>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include <cuecard/error.hpp>

#include "card/card.hpp"
#include "data/naming_place.hpp"
#include "embedding/arguments.hpp"
#include "embedding/handles.hpp"
#include "engine/device.hpp"
#include "engine/generate/generator.hpp"
#include "machine/models.hpp"
#include "machine/processors.hpp"

namespace {

using namespace cuecard;
using namespace cuecard::embedding;

std::string text_of(const cuecard_text& text) {
  return text.data ? std::string(text.data, text.length) : std::string();
}

Example example_of(const cuecard_row& row, const char* function) {
  Example example;
  example.card = row.card ? row.card : "";
  if (row.text.data && row.field_count > 0)
    throw UsageError(
        std::string(function) +
        ": a row has a text and fields; name the field of each text, or give one text and no fields.");
  if (row.text.data)
    example.fields[""] = text_of(row.text); // the scheduler knows the field's name
  require(row.field_count ? static_cast<const void*>(row.fields) : &row, function, "a row's fields");
  for (std::size_t i = 0; i < row.field_count; ++i) {
    require(row.fields[i].name, function, "the name of a field");
    example.fields[row.fields[i].name] = text_of(row.fields[i].text);
  }
  require(row.list_count ? static_cast<const void*>(row.lists) : &row, function, "a row's lists");
  for (std::size_t i = 0; i < row.list_count; ++i) {
    const cuecard_list& list = row.lists[i];
    require(list.name, function, "the name of a list");
    require(list.count ? static_cast<const void*>(list.texts) : &list, function, "a list's texts");
    std::vector<std::string>& words = example.words[list.name];
    for (std::size_t word = 0; word < list.count; ++word)
      words.push_back(text_of(list.texts[word]));
  }
  return example;
}

std::vector<std::string> texts_of(const cuecard_continuations& continuations, const char* function) {
  require(continuations.count ? static_cast<const void*>(continuations.texts) : &continuations, function,
          "the continuations of a row");
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < continuations.count; ++i)
    texts.push_back(text_of(continuations.texts[i]));
  return texts;
}

GenerateSettings settings_of(const cuecard_generate_options& options) {
  GenerateSettings settings;
  settings.max_length = or_default(options.max_tokens, settings.max_length);
  settings.min_length = options.min_tokens;
  settings.beams = or_default(options.beams, settings.beams);
  settings.returns = or_default(options.texts, settings.returns);
  settings.temperature = options.temperature;
  settings.top_k = options.top_k;
  settings.top_p = or_default(options.top_p, settings.top_p);
  settings.min_p = options.min_p;
  settings.repetition_penalty = or_default(options.repetition_penalty, settings.repetition_penalty);
  settings.length_penalty = or_default(options.length_penalty, settings.length_penalty);
  settings.no_repeat_ngram = options.no_repeat_ngram;
  for (std::size_t i = 0; i < options.stop_count; ++i)
    settings.stop.emplace_back(options.stop[i]);
  settings.seed = options.seed;
  return settings;
}

cuecard_error* submit(const char* function, cuecard_model* model, const cuecard_row* rows, std::size_t count,
                      const cuecard_request_options* given, std::optional<GenerateSettings> generate,
                      cuecard_request** result, const cuecard_continuations* continuations = nullptr) {
  return attempt([&] {
    require(model, function, "the model");
    require(result, function, "the place for the request");
    require(count ? static_cast<const void*>(rows) : model, function, "the rows");
    const auto options = complete(given, function);
    if (!(options.deadline >= 0))
      throw UsageError(std::string(function) +
                       ": the deadline is a number of seconds from now; it must not be below 0.");
    if (generate)
      check(*generate, model->model.shape());
    auto handle = std::make_unique<cuecard_request>();
    handle->request = std::make_shared<Request>();
    Request& request = *handle->request;
    for (std::size_t row = 0; row < count; ++row)
      request.examples.push_back(example_of(rows[row], function));
    request.generate = std::move(generate);
    for (std::size_t row = 0; continuations && row < count; ++row)
      request.continuations.push_back(texts_of(continuations[row], function));
    if (options.deadline > 0)
      request.deadline = std::chrono::steady_clock::now() +
                         std::chrono::milliseconds(std::llround(1000 * std::min(options.deadline, 1e9)));
    if (options.finished)
      request.finished = [options, own = handle.get()] { options.finished(options.user, own); };
    if (options.token)
      request.token = [options](std::size_t row, const std::string& text) {
        return options.token(options.user, row, text.c_str());
      };
    model->scheduler.submit(handle->request);
    *result = handle.release(); // which `finished` may have freed already
  });
}

/// Waits for a request that was submitted, unless there was an error, and frees it.
cuecard_error* answers_of(cuecard_error* error, cuecard_request* request, cuecard_answers** answers) {
  if (!error)
    error = cuecard_take_answers(request, answers);
  cuecard_request_free(request);
  return error;
}

} // namespace

int32_t cuecard_c_version(void) {
  return CUECARD_C_VERSION;
}

const char* cuecard_version(void) {
  return CUECARD_VERSION;
}

const char* cuecard_error_text(const cuecard_error* error) {
  return error ? error->failure.text.c_str() : "";
}

cuecard_error_kind cuecard_error_kind_of(const cuecard_error* error) {
  return error ? static_cast<cuecard_error_kind>(error->failure.kind) : cuecard_error_kind{};
}

void cuecard_error_free(cuecard_error* error) {
  delete error;
}

cuecard_error* cuecard_open(const char* path, const cuecard_model_options* given, cuecard_model** model) {
  return attempt([&] {
    require(path, "cuecard_open", "the path");
    require(model, "cuecard_open", "the place for the model");
    const auto options = complete(given, "cuecard_open");
    if (options.threads < 0 || options.batch_rows < 0 || options.batch_tokens < 0 ||
        options.max_waiting_rows < 0)
      throw UsageError(
          "cuecard_open: threads, batch_rows, batch_tokens and max_waiting_rows must not be below 0.");
    std::vector<std::string> plugin_paths(options.plugin_paths,
                                          options.plugin_paths + options.plugin_path_count);
    const at::Device device = open_device(options.device ? options.device : "cpu");
    const NumberFormat format = format_named(options.dtype ? options.dtype : "float32");
    const ModelSettings model_settings{device, format.dtype, true, format.matrices};
    SchedulerSettings settings;
    settings.threads =
        or_default(options.threads, static_cast<int32_t>(chosen_threads(usable_processors()).count));
    settings.batches.batch_size = or_default(options.batch_rows, settings.batches.batch_size);
    settings.batches.batch_tokens = or_default(options.batch_tokens, settings.batches.batch_tokens);
    settings.max_waiting_rows = options.max_waiting_rows;
    *model = new cuecard_model(model_path(path), plugin_paths, model_settings, settings);
  });
}

void cuecard_close(cuecard_model* model) {
  delete model;
}

cuecard_error* cuecard_load_card(cuecard_model* model, const char* path, const char* name) {
  return attempt([&] {
    require(model, "cuecard_load_card", "the model");
    require(path, "cuecard_load_card", "the path");
    const std::lock_guard lock(model->loading);
    auto pipeline = naming_place(path, [&] {
      return std::make_shared<TaskPipeline>(pipeline_from_card(model->model, model->plugins, read_card(path)));
    });
    if (name)
      pipeline->name = name;
    model->scheduler.set_card(std::move(pipeline));
  });
}

cuecard_error* cuecard_drop_card(cuecard_model* model, const char* name) {
  return attempt([&] {
    require(model, "cuecard_drop_card", "the model");
    require(name, "cuecard_drop_card", "the name");
    model->scheduler.drop_card(name);
  });
}

void cuecard_for_each_card(cuecard_model* model, void (*use)(void* user, const char* name), void* user) {
  for (const std::string& name : model->scheduler.cards())
    use(user, name.c_str());
}

void cuecard_for_each_warning(cuecard_model* model, void (*use)(void* user, const char* warning), void* user) {
  for (const auto* warnings : {&model->plugins.warnings(), &model->model.warnings()})
    for (const std::string& warning : *warnings)
      use(user, warning.c_str());
  if (model->model.shape().generates())
    for (const std::string& warning : model->model.files().unused_settings.warnings())
      use(user, warning.c_str());
}

void cuecard_read_counters(cuecard_model* model, cuecard_counters* counters) {
  const SchedulerCounters now = model->scheduler.counters();
  cuecard_counters result{};
  result.size = counters->size;
  result.rows_waiting = now.rows_waiting;
  result.rows_answered = now.rows_answered;
  result.rows_failed = now.rows_failed;
  result.forward_passes = now.model.forwards;
  result.tokens_forwarded = now.model.tokens_forwarded;
  result.tokens_from_cache = now.model.tokens_from_cache;
  std::memcpy(counters, &result, std::min(counters->size, sizeof(result)));
}

cuecard_error* cuecard_submit(cuecard_model* model, const cuecard_row* rows, size_t count,
                              const cuecard_request_options* options, cuecard_request** request) {
  return submit("cuecard_submit", model, rows, count, options, std::nullopt, request);
}

cuecard_error* cuecard_submit_generate(cuecard_model* model, const cuecard_row* rows, size_t count,
                                       const cuecard_generate_options* generate,
                                       const cuecard_request_options* options, cuecard_request** request) {
  std::optional<GenerateSettings> settings;
  if (cuecard_error* const error =
          attempt([&] { settings = settings_of(complete(generate, "cuecard_submit_generate")); }))
    return error;
  return submit("cuecard_submit_generate", model, rows, count, options, std::move(settings), request);
}

cuecard_error* cuecard_submit_score(cuecard_model* model, const cuecard_row* rows,
                                    const cuecard_continuations* continuations, size_t count,
                                    const cuecard_request_options* options, cuecard_request** request) {
  if (cuecard_error* const error = attempt([&] {
        require(count ? static_cast<const void*>(continuations) : model, "cuecard_submit_score",
                "the continuations");
        if (model)
          require_generation(model->model);
      }))
    return error;
  return submit("cuecard_submit_score", model, rows, count, options, std::nullopt, request, continuations);
}

bool cuecard_wait(cuecard_request* request, double seconds) {
  return request->request->wait(seconds);
}

void cuecard_cancel(cuecard_request* request) {
  request->request->cancel();
}

cuecard_error* cuecard_take_answers(cuecard_request* request, cuecard_answers** answers) {
  return attempt([&] {
    require(request, "cuecard_take_answers", "the request");
    require(answers, "cuecard_take_answers", "the place for the answers");
    Request& done = *request->request;
    done.wait(-1);
    if (done.answers.size() != done.examples.size())
      throw UsageError("cuecard_take_answers: the answers of this request were taken before.");
    auto result = std::make_unique<cuecard_answers>();
    result->answers = std::exchange(done.answers, {});
    for (const Answer& answer : result->answers)
      result->errors.push_back({answer.failure});
    *answers = result.release();
  });
}

void cuecard_request_free(cuecard_request* request) {
  if (!request)
    return;
  request->request->cancel();
  request->request->silence();
  delete request;
}

cuecard_error* cuecard_predict(cuecard_model* model, const cuecard_row* rows, size_t count,
                               const cuecard_request_options* options, cuecard_answers** answers) {
  cuecard_request* request = nullptr;
  cuecard_error* const error = cuecard_submit(model, rows, count, options, &request);
  return answers_of(error, request, answers);
}

cuecard_error* cuecard_generate(cuecard_model* model, const cuecard_row* rows, size_t count,
                                const cuecard_generate_options* generate,
                                const cuecard_request_options* options, cuecard_answers** answers) {
  cuecard_request* request = nullptr;
  cuecard_error* const error = cuecard_submit_generate(model, rows, count, generate, options, &request);
  return answers_of(error, request, answers);
}

cuecard_error* cuecard_score(cuecard_model* model, const cuecard_row* rows,
                             const cuecard_continuations* continuations, size_t count,
                             const cuecard_request_options* options, cuecard_answers** answers) {
  cuecard_request* request = nullptr;
  cuecard_error* const error = cuecard_submit_score(model, rows, continuations, count, options, &request);
  return answers_of(error, request, answers);
}
