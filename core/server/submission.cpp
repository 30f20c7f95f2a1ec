#include "server/submission.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

namespace cuecard::server {

namespace {

using Names = std::vector<std::string>;

/// The cards of the request that may have to be read first, each once.
Names cards_of(const embedding::Request& request, const Catalogue& catalogue) {
  Names names;
  for (const Example& example : request.examples)
    if (example.card != catalogue.base())
      names.push_back(example.card);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

/// Rows that wait for their cards also count as waiting; the scheduler does not know them yet.
void require_room(const Serving& serving, int64_t rows) {
  embedding::require_fits("rows", rows, serving.max_waiting_rows);
  const int64_t waiting = serving.scheduler.counters().rows_waiting + serving.rows_held;
  if (serving.max_waiting_rows > 0 && serving.rows_held > 0 && waiting + rows > serving.max_waiting_rows)
    throw embedding::QueueFull(
        counted(waiting, "row") + (waiting == 1 ? " is waiting and " : " are waiting and ") +
        std::to_string(rows) + " would be added, but at most " + std::to_string(serving.max_waiting_rows) +
        " may wait; try again when some are answered.");
}

/// For the log: what is known when the rows are answered.
void note_answers(RequestNotes& notes, const embedding::Request& request) {
  notes.tokens = request.tokens;
  for (const embedding::Answer& answer : request.answers)
    notes.new_tokens += answer.new_tokens;
}

/// For the log: where the rows go.
void note_rows(RequestNotes& notes, const embedding::Request& request, const Names& cards,
               const std::string& base) {
  notes.rows = std::ssize(request.examples);
  notes.cards = cards.size();
  notes.card = cards.empty() ? "" : cards[0];
  if (std::ranges::any_of(request.examples, [&](const Example& example) { return example.card == base; }))
    notes = {.card = base, .cards = cards.size() + 1, .rows = notes.rows};
}

void set_callbacks(const Call& call, const std::shared_ptr<embedding::Request>& request, const Names& cards,
                   Callbacks callbacks) {
  const auto shared = std::make_shared<const Callbacks>(std::move(callbacks));
  const std::weak_ptr<embedding::Request> weak = request; // it owns the callbacks, which must not own it
  // The scheduler's callbacks run on the model's thread, so they only post.
  request->finished = [call, weak, shared, cards] {
    boost::asio::post(call.serving.io, [call, shared, cards, answered = weak.lock()] {
      call.serving.loaded.release(cards);
      if (!answered)
        return;
      note_answers(call.exchange->notes, *answered);
      for (std::size_t row = 0; row < answered->answers.size(); ++row)
        call.serving.metrics.row(answered->examples[row].card, !answered->answers[row].failure,
                                 answered->answers[row].cut);
      if (!call.exchange->over())
        guard(call, [&] { shared->done(*answered); });
    });
  };
  if (shared->grown)
    request->token = [call, shared](std::size_t row, const std::string& text) {
      boost::asio::post(call.serving.io, [call, shared, row, text] {
        if (!call.exchange->over())
          shared->grown(row, text);
      });
      return true;
    };
}

} // namespace

void submit(const Call& call, const std::shared_ptr<embedding::Request>& request, Callbacks callbacks) {
  Serving& serving = call.serving;
  const Names cards = cards_of(*request, serving.catalogue);
  const int64_t rows = std::ssize(request->examples);
  note_rows(call.exchange->notes, *request, cards, serving.catalogue.base());
  require_room(serving, rows);
  set_callbacks(call, request, cards, std::move(callbacks));
  call.exchange->on_left([weak = std::weak_ptr(request)] {
    if (const auto left = weak.lock())
      left->cancel();
  });
  serving.rows_held += rows;
  serving.loaded.hold(cards, [call, request, cards, rows](const std::string& problem) {
    call.serving.rows_held -= rows;
    guard(call, [&] {
      try {
        if (!problem.empty())
          throw Problem(503, problem);
        if (request->cancelled())
          throw Problem(503, "the request was cancelled.");
        call.serving.scheduler.submit(request);
      } catch (...) {
        call.serving.loaded.release(cards);
        throw;
      }
    });
  });
}

std::string failure_sentence(const embedding::Request& request, std::size_t row) {
  const embedding::Failure& failure = request.answers[row].failure;
  // The message about a row follows its location, and has no full stop.
  const bool follows = failure.kind == embedding::FailureKind::wrong_data;
  const std::string where =
      follows || request.answers.size() > 1 ? "row " + std::to_string(row) + ": " : std::string();
  return where + failure.text + (failure.text.ends_with('.') ? "" : ".");
}

void require_answers(const embedding::Request& request) {
  for (std::size_t row = 0; row < request.answers.size(); ++row)
    if (const embedding::Failure& failure = request.answers[row].failure) {
      const Problem problem = problem_of(failure);
      throw Problem(problem.status, failure_sentence(request, row), problem.code);
    }
}

} // namespace cuecard::server
