/// cuecard.hpp: a header-only C++17 wrapper of cuecard.h with RAII objects, exceptions and futures. One file, which a program can copy.
///
///     cuecard::api::Model model("smollm2.gguf");
///     model.load_card("sentiment.card");
///     std::cout << model.predict({{"A warm and funny film."}})[0].label << '\n';
///
/// cuecard.h is the specification: ranges of options, meaning of answers, kinds of error. Here an error of a call is thrown as `Error`,
/// with the kind that cuecard.h lists for it; an error of a row is in its Answer. Arguments are copied before a function returns.
///
/// Threads: as in cuecard.h, every function of one Model may be called from several threads at once, but not its destructor. Functions
/// that wait (all but submit, submit_generate, submit_score, cards, warnings and counters) must not be called in GenerateOptions::token.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cuecard.h"

namespace cuecard::api {

/// What a function throws, and why a row has no answer. what(): one sentence that says what was found, what was expected, what to do.
class Error : public std::runtime_error {
public:
  Error(cuecard_error_kind error_kind, const std::string& text) : std::runtime_error(text), kind(error_kind) {}
  cuecard_error_kind kind; ///< what went wrong, for programs
};

/// cuecard_model_options.
struct ModelOptions {
  std::string device = "cpu";    ///< "cpu", "cuda", "cuda:1"
  std::string dtype = "float32"; ///< "float32", "bfloat16", "float16", "stored", "int8"
  int threads = 0; ///< that run the model; 0: the program's default, as many as the process may use
  std::vector<std::string> plugin_paths = {}; ///< folders of plugins, before those that the program would find
  int64_t batch_rows = 0, batch_tokens = 0, max_waiting_rows = 0; ///< 0: the default
};

/// One row of input for a card: a text if its template has one field, else fields and lists by name.
struct Row {
  std::optional<std::string> text = std::nullopt; ///< not together with fields
  std::string card = {};                          ///< "": the only card of the model
  std::map<std::string, std::string> fields = {}; ///< by name
  /// By name: words that are labelled one by one, or alternatives.
  std::map<std::string, std::vector<std::string>> lists = {};
};

/// A text of an answer: a generated one, a span, or a continuation.
struct Text {
  std::string text;               ///< UTF-8
  double log_prob = std::nan(""); ///< natural, summed over the tokens; NaN where the model gives none
  std::size_t tokens = 0; ///< without the end-of-sequence token; 0 for a text or span that the card predicts
};

/// The answer to a row: an error, a label, a label for each word, or texts.
struct Answer {
  std::optional<Error> error;      ///< then the other members are empty
  std::string card;                ///< name of the card that answered
  std::string label;               ///< "" where the prediction is not one label
  std::vector<std::string> labels; ///< the predicted ones: `label`, or any number of them
  std::vector<std::pair<std::string, double>> probabilities; ///< of each label of the card
  std::vector<std::optional<std::string>> word_labels;       ///< empty for a word that was cut off
  std::vector<Text> texts; ///< best first, or the continuations in their order
  int64_t cut = 0;         ///< tokens that truncation removed
};

/// cuecard_generate_options: 0 selects the same defaults, and the ranges are the same.
struct GenerateOptions {
  int64_t max_tokens = 64, min_tokens = 0; ///< of each text
  int64_t beams = 1, texts = 1;            ///< for each row
  double temperature = 0;                  ///< above 0: sampling
  int64_t top_k = 0;                       ///< 0: from all tokens
  double top_p = 1, min_p = 0;             ///< 1 and 0: off
  double repetition_penalty = 1;           ///< 1: none
  double length_penalty = 1;   ///< of beams: the exponent of the length that a log-probability is divided by
  int64_t no_repeat_ngram = 0; ///< 0: off
  std::vector<std::string> stop = {}; ///< a text ends before the first of these
  uint64_t seed = 0;                  ///< of sampling
  /// Called on the model's thread with the text of a row so far; false cancels the request. Must return quickly and not throw.
  std::function<bool(std::size_t row, const std::string& text)> token = {};
};

namespace detail {

inline void check(cuecard_error* error) {
  if (!error)
    return;
  const Error copy(cuecard_error_kind_of(error), cuecard_error_text(error));
  cuecard_error_free(error);
  throw copy;
}

inline std::string text_or_empty(const char* text) {
  return text ? text : "";
}

/// Rows as C structs, which refer to the texts of `rows`.
class RowViews {
public:
  explicit RowViews(const std::vector<Row>& rows) {
    fields_.reserve(rows.size());
    lists_.reserve(rows.size());
    for (const Row& row : rows) {
      std::vector<cuecard_field>& fields = fields_.emplace_back();
      for (const auto& [name, text] : row.fields)
        fields.push_back({name.c_str(), view(text)});
      std::vector<cuecard_list>& lists = lists_.emplace_back();
      for (const auto& [name, texts] : row.lists) {
        auto views = std::make_unique<std::vector<cuecard_text>>();
        for (const std::string& text : texts)
          views->push_back(view(text));
        lists.push_back({name.c_str(), views->data(), views->size()});
        texts_.push_back(std::move(views));
      }
      cuecard_row each{};
      each.card = row.card.empty() ? nullptr : row.card.c_str();
      if (row.text)
        each.text = view(*row.text);
      each.fields = fields.data();
      each.field_count = fields.size();
      each.lists = lists.data();
      each.list_count = lists.size();
      rows_.push_back(each);
    }
  }
  const cuecard_row* data() const { return rows_.data(); }
  std::size_t size() const { return rows_.size(); }

private:
  static cuecard_text view(const std::string& text) { return {text.data(), text.size()}; }

  std::vector<std::vector<cuecard_field>> fields_;
  std::vector<std::vector<cuecard_list>> lists_;
  std::vector<std::unique_ptr<std::vector<cuecard_text>>> texts_;
  std::vector<cuecard_row> rows_;
};

inline Answer answer_of(const cuecard_answers* all, std::size_t row) {
  Answer answer;
  if (const cuecard_error* const error = cuecard_answer_error(all, row)) {
    answer.error.emplace(cuecard_error_kind_of(error), cuecard_error_text(error));
    return answer;
  }
  answer.card = text_or_empty(cuecard_answer_card(all, row));
  answer.label = text_or_empty(cuecard_answer_label(all, row));
  answer.cut = cuecard_answer_cut(all, row);
  for (std::size_t i = 0; i < cuecard_answer_label_count(all, row); ++i) {
    if (cuecard_answer_has_label(all, row, i))
      answer.labels.emplace_back(cuecard_answer_label_name(all, row, i));
    answer.probabilities.emplace_back(cuecard_answer_label_name(all, row, i),
                                      cuecard_answer_probability(all, row, i));
  }
  for (std::size_t i = 0; i < cuecard_answer_word_count(all, row); ++i) {
    const char* const label = cuecard_answer_word_label(all, row, i);
    answer.word_labels.push_back(label ? std::optional<std::string>(label) : std::nullopt);
  }
  for (std::size_t i = 0; i < cuecard_answer_text_count(all, row); ++i)
    answer.texts.push_back({cuecard_answer_text(all, row, i), cuecard_answer_log_prob(all, row, i),
                            cuecard_answer_text_tokens(all, row, i)});
  return answer;
}

/// A request whose answers become a future's value. It lives until the request is finished.
struct Pending {
  std::promise<std::vector<Answer>> promise;
  std::function<bool(std::size_t, const std::string&)> token;

  static void finish(void* user, cuecard_request* request) {
    const std::unique_ptr<Pending> own(static_cast<Pending*>(user));
    try {
      cuecard_answers* taken = nullptr;
      check(cuecard_take_answers(request, &taken));
      const std::unique_ptr<cuecard_answers, void (*)(cuecard_answers*)> all(taken, cuecard_answers_free);
      std::vector<Answer> answers;
      for (std::size_t row = 0; row < cuecard_answer_count(all.get()); ++row)
        answers.push_back(answer_of(all.get(), row));
      own->promise.set_value(std::move(answers));
    } catch (...) {
      own->promise.set_exception(std::current_exception());
    }
    cuecard_request_free(request);
  }
  static bool watch(void* user, std::size_t row, const char* text) {
    return static_cast<Pending*>(user)->token(row, text);
  }
};

/// Submits by `submit(options, place for the request)`.
template <class Submit>
std::future<std::vector<Answer>>
submitted(double deadline, std::function<bool(std::size_t, const std::string&)> token, Submit&& submit) {
  auto pending = std::make_unique<Pending>();
  pending->token = std::move(token);
  std::future<std::vector<Answer>> answers = pending->promise.get_future();
  cuecard_request_options options{};
  options.size = sizeof(options);
  options.deadline = deadline;
  options.finished = Pending::finish;
  options.token = pending->token ? Pending::watch : nullptr;
  options.user = pending.get();
  cuecard_request* request = nullptr;
  check(submit(&options, &request));
  static_cast<void>(pending.release()); // finish frees it
  return answers;
}

} // namespace detail

/// An open model with its cards. Can be moved, not copied; a model that was moved from can only be destroyed or assigned to. The destructor
/// is cuecard_close: rows that wait are answered with CUECARD_CANCELLED. Futures stay valid without the model.
class Model {
public:
  /// cuecard_open: `path` is a folder in the Hugging Face layout, a GGUF file, or a model's name. Throws Error.
  explicit Model(const std::string& path, const ModelOptions& given = {}) : model_(nullptr, cuecard_close) {
    std::vector<const char*> plugin_paths;
    for (const std::string& folder : given.plugin_paths)
      plugin_paths.push_back(folder.c_str());
    cuecard_model_options options{};
    options.size = sizeof(options);
    options.device = given.device.c_str();
    options.dtype = given.dtype.c_str();
    options.threads = given.threads;
    options.plugin_paths = plugin_paths.data();
    options.plugin_path_count = plugin_paths.size();
    options.batch_rows = given.batch_rows;
    options.batch_tokens = given.batch_tokens;
    options.max_waiting_rows = given.max_waiting_rows;
    cuecard_model* opened = nullptr;
    detail::check(cuecard_open(path.c_str(), &options, &opened));
    model_.reset(opened);
  }

  /// cuecard_load_card: puts the card of this folder in the place of a card of the same name, under its own name when `name` is "". Returns
  /// when it is in place. Throws Error; then the old one stays.
  void load_card(const std::string& path, const std::string& name = {}) {
    detail::check(cuecard_load_card(model_.get(), path.c_str(), name.empty() ? nullptr : name.c_str()));
  }
  /// cuecard_drop_card. Throws Error if there is no such card.
  void drop_card(const std::string& name) { detail::check(cuecard_drop_card(model_.get(), name.c_str())); }
  /// The names of the cards, in alphabetical order.
  std::vector<std::string> cards() const {
    std::vector<std::string> names;
    cuecard_for_each_card(model_.get(), append, &names);
    return names;
  }
  /// What was left out or read in another way than the model's files say, and plugins that can't be used.
  std::vector<std::string> warnings() const {
    std::vector<std::string> sentences;
    cuecard_for_each_warning(model_.get(), append, &sentences);
    return sentences;
  }

  /// Waits for the answers, in the order of the rows. `deadline`: seconds from now within which a row must begin to run, not below 0; 0: no
  /// limit. Throws Error where the request can't be submitted; a row that can't be answered has Answer::error.
  std::vector<Answer> predict(const std::vector<Row>& rows, double deadline = 0) {
    return submit(rows, deadline).get();
  }
  /// The same without waiting: throws Error where the request can't be submitted, else returns at once. The future's get() returns the
  /// answers; destroying it neither waits nor cancels.
  std::future<std::vector<Answer>> submit(const std::vector<Row>& rows, double deadline = 0) {
    const detail::RowViews views(rows);
    return detail::submitted(
        deadline, {}, [&](const cuecard_request_options* options, cuecard_request** request) {
          return cuecard_submit(model_.get(), views.data(), views.size(), options, request);
        });
  }

  /// Answer::texts: texts that continue the prompts of the rows, whatever their cards predict. Otherwise as `predict`; throws Error, too, for
  /// options out of range and for a model that can't generate text.
  std::vector<Answer> generate(const std::vector<Row>& rows, const GenerateOptions& options = {},
                               double deadline = 0) {
    return submit_generate(rows, options, deadline).get();
  }
  /// The same without waiting, as `submit`. `given.token` is kept until the request is finished.
  std::future<std::vector<Answer>> submit_generate(const std::vector<Row>& rows,
                                                   const GenerateOptions& given = {}, double deadline = 0) {
    std::vector<const char*> stop;
    for (const std::string& text : given.stop)
      stop.push_back(text.c_str());
    cuecard_generate_options generate{};
    generate.size = sizeof(generate);
    generate.max_tokens = given.max_tokens;
    generate.min_tokens = given.min_tokens;
    generate.beams = given.beams;
    generate.texts = given.texts;
    generate.temperature = given.temperature;
    generate.top_k = given.top_k;
    generate.top_p = given.top_p;
    generate.min_p = given.min_p;
    generate.repetition_penalty = given.repetition_penalty;
    generate.length_penalty = given.length_penalty;
    generate.no_repeat_ngram = given.no_repeat_ngram;
    generate.stop = stop.data();
    generate.stop_count = stop.size();
    generate.seed = given.seed;
    const detail::RowViews views(rows);
    return detail::submitted(
        deadline, given.token, [&](const cuecard_request_options* options, cuecard_request** request) {
          return cuecard_submit_generate(model_.get(), views.data(), views.size(), &generate, options, request);
        });
  }

  /// Natural log-probabilities of `continuations[i]` after the prompt of row i: Answer::texts, in their order. Otherwise as `predict`; throws
  /// Error, too, unless there is one list for each row, and for a model that can't generate text.
  std::vector<Answer> score(const std::vector<Row>& rows,
                            const std::vector<std::vector<std::string>>& continuations, double deadline = 0) {
    return submit_score(rows, continuations, deadline).get();
  }
  /// The same without waiting, as `submit`.
  std::future<std::vector<Answer>> submit_score(const std::vector<Row>& rows,
                                                const std::vector<std::vector<std::string>>& continuations,
                                                double deadline = 0) {
    if (continuations.size() != rows.size())
      throw Error(CUECARD_WRONG_USE,
                  std::to_string(continuations.size()) +
                      (continuations.size() == 1 ? " list of continuations is given for "
                                                 : " lists of continuations are given for ") +
                      std::to_string(rows.size()) + (rows.size() == 1 ? " row" : " rows") +
                      "; give one for each row.");
    std::vector<std::vector<cuecard_text>> texts(rows.size());
    std::vector<cuecard_continuations> lists;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      for (const std::string& text : continuations[row])
        texts[row].push_back({text.data(), text.size()});
      lists.push_back({texts[row].data(), texts[row].size()});
    }
    const detail::RowViews views(rows);
    return detail::submitted(
        deadline, {}, [&](const cuecard_request_options* options, cuecard_request** request) {
          return cuecard_submit_score(model_.get(), views.data(), lists.data(), views.size(), options, request);
        });
  }

  /// cuecard_read_counters: what the model has done since it was opened.
  cuecard_counters counters() const {
    cuecard_counters result{};
    result.size = sizeof(result);
    cuecard_read_counters(model_.get(), &result);
    return result;
  }

private:
  static void append(void* texts, const char* text) {
    static_cast<std::vector<std::string>*>(texts)->emplace_back(text);
  }

  std::unique_ptr<cuecard_model, void (*)(cuecard_model*)> model_;
};

/// cuecard_train_options.
struct TrainOptions {
  /// Called after each step; `dev` is NaN except after an evaluation on the development set. False stops training, and the best card so
  /// far is kept.
  std::function<bool(int64_t step, int64_t steps, double loss, double dev)> progress = {};
  /// Receives what the program prints on standard error, a line at a time.
  std::function<void(const std::string& line)> message = {};
  int rank = 0, ranks = 1; ///< of several processes that train together
  /// Replaces `count` values by their sums over all ranks, the same on each; throws where another rank is lost, and `train` then throws an
  /// Error. Needed where `ranks` is above 1.
  std::function<void(float* values, std::size_t count)> sum = {};
};

namespace detail {

/// The callbacks of a training run. Their exceptions can't cross the C interface.
struct TrainingCalls {
  const TrainOptions& options;
  std::vector<std::string> results;
  std::exception_ptr thrown;

  template <class Action>
  void keep(Action&& action) {
    try {
      action();
    } catch (...) {
      if (!thrown)
        thrown = std::current_exception();
    }
  }

  static TrainingCalls& of(void* user) { return *static_cast<TrainingCalls*>(user); }
  static bool sum(void* user, float* values, std::size_t count, char* reason, std::size_t reason_size) {
    try {
      of(user).options.sum(values, count);
      return true;
    } catch (const std::exception& error) {
      std::snprintf(reason, reason_size, "%s", error.what());
    } catch (...) {
      std::snprintf(reason, reason_size, "%s", "the sum over ranks failed");
    }
    return false;
  }
  static bool progress(void* user, int64_t step, int64_t steps, double loss, double dev) {
    TrainingCalls& calls = of(user);
    bool goes_on = true;
    if (calls.options.progress)
      calls.keep([&] { goes_on = calls.options.progress(step, steps, loss, dev); });
    return goes_on && !calls.thrown;
  }
  static void message(void* user, const char* line) {
    TrainingCalls& calls = of(user);
    if (calls.options.message)
      calls.keep([&] { calls.options.message(line); });
  }
  static void result(void* user, const char* json) {
    TrainingCalls& calls = of(user);
    calls.keep([&] { calls.results.emplace_back(json); });
  }
};

} // namespace detail

/// Trains cards and writes them, as `cuecard train` does with these words after `train`, such as "--task", "task.json". Returns the lines of
/// `cuecard train --json`, one for each card. Callbacks are called on this thread; an exception of `progress` or `message` ends training
/// after the step, and is thrown again when the best card so far is written. Throws Error where cuecard_train returns one.
inline std::vector<std::string> train(const std::vector<std::string>& words, const TrainOptions& given = {}) {
  detail::TrainingCalls calls{given, {}, nullptr};
  std::vector<const char*> line;
  for (const std::string& word : words)
    line.push_back(word.c_str());
  cuecard_train_options options{};
  options.size = sizeof(options);
  options.rank = given.rank;
  options.ranks = given.ranks;
  options.sum = given.sum ? detail::TrainingCalls::sum : nullptr;
  options.progress = detail::TrainingCalls::progress;
  options.message = detail::TrainingCalls::message;
  options.result = detail::TrainingCalls::result;
  options.user = &calls;
  cuecard_error* const error = cuecard_train(line.data(), line.size(), &options);
  if (calls.thrown) {
    cuecard_error_free(error);
    std::rethrow_exception(calls.thrown);
  }
  detail::check(error);
  return std::move(calls.results);
}

} // namespace cuecard::api
