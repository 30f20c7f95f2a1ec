/// Runs one model for many threads: waiting rows are batched across requests and cards.
///
/// One thread runs the model. For each pass it takes rows of the waiting requests in turn, one of each, the oldest first, until a
/// batch is full; so a request of one row is answered in the next pass, however many rows others have. Texts that are generated
/// join and leave step by step, whatever their requests, cards and settings; rows that are predicted are run between the steps.
/// Cards change between passes, and a card whose texts are being generated changes when these are finished.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "embedding/request.hpp"
#include "engine/predict/predictor.hpp"

namespace cuecard::embedding {

struct SchedulerSettings {
  int threads = 0; ///< that run the model; 0: LibTorch's default
  PredictSettings batches = {};
  int64_t max_waiting_rows = 0;   ///< 0: no limit
  int64_t max_waiting_tokens = 0; ///< of the rows' texts; 0: no limit
};

struct SchedulerCounters {
  int64_t rows_waiting = 0, rows_answered = 0, rows_failed = 0;
  int64_t tokens_waiting = 0; ///< of the waiting rows' texts, without what templates and tuners add
  Counters model;
};

/// Gives the text of a row without a field to the only field of the card's template. DataError when there are several.
void name_text(Example& example, const TaskPipeline& pipeline);

/// Threads: all functions may be called from any thread. set_card and drop_card wait for the model's thread, so they must not be
/// called on it.
class Scheduler {
public:
  /// `model` must outlive it.
  Scheduler(const Model& model, const SchedulerSettings& settings);
  /// Answers waiting rows as cancelled.
  ~Scheduler();

  /// Makes `pipeline` the card `pipeline->name`, from the next pass on. If computing its conditioning throws, the exception is
  /// passed on and nothing changes.
  void set_card(std::shared_ptr<const TaskPipeline> pipeline);
  /// UsageError when there is no such card.
  void drop_card(const std::string& name);
  /// In alphabetical order.
  std::vector<std::string> cards() const;
  /// Null when there is no such card, or when `name` is empty and there are several.
  std::shared_ptr<const TaskPipeline> card(const std::string& name) const;

  /// Throws QueueFull when more rows or tokens would wait than are allowed, RequestTooLarge when the request
  /// alone exceeds the limit. Tokenizes the rows' texts to count them.
  void submit(const std::shared_ptr<Request>& request);

  SchedulerCounters counters() const;

private:
  struct Waiting {
    std::shared_ptr<Request> request;
    std::vector<int64_t> tokens; ///< of each row's texts
    std::size_t next = 0;        ///< the first row that has not been run
  };
  struct Row {
    std::shared_ptr<Request> request;
    std::size_t index = 0;
  };
  struct Card {
    std::shared_ptr<const TaskPipeline> pipeline;
    int64_t number = 0;  ///< in the predictor
    bool writes = false; ///< what it predicts is a text that the model generates
  };
  /// Of a card, for the model's thread.
  struct Change {
    std::string card;
    std::function<void()> run;
  };

  /// A row that can be run, and the card that it goes to (null: there is none of its name).
  struct Prepared {
    Row row;
    std::shared_ptr<const TaskPipeline> pipeline;
  };

  class Texts;

  // Of the model's thread, without the lock.
  void work();
  /// Changes cards in the order of the calls, up to the first one that `waits`.
  void run_changes(const std::function<bool(const std::string& card)>& waits);
  /// Answers rows of cancelled and late requests, and predicts a batch of others.
  void run_scored();
  void predict(const std::vector<Row>& rows);
  /// Scores the continuations of rows.
  void score(const std::vector<Row>& rows);
  /// Generates texts until there is none to generate, or cards change.
  void write_texts();
  void write_alone(const Row& row, int64_t card);
  /// Rows that have no text where one is expected are answered; the others are returned.
  std::vector<Prepared> prepared(const std::vector<Row>& rows);
  void answer(const Row& row, Answer answer);
  void fail(const Row& row, Failure failure) { answer(row, {std::move(failure), nullptr, {}, {}}); }

  // With the lock held.
  /// Takes all rows of requests that are cancelled or late.
  std::vector<Row> dropped_rows();
  /// Rows that are predicted, one of each request in turn, until a batch is full.
  std::vector<Row> scored_rows();
  /// The next row whose text is generated with the weights `own_backbone`; none when the next one needs others.
  std::optional<Row> written_row(const void* own_backbone);
  /// The request whose next row is generated and that got the fewest answers, or null.
  Waiting* next_written();
  void take(Waiting& from, std::size_t count, std::vector<Row>& rows);
  void forget_taken();
  /// QueueFull or RequestTooLarge when these don't fit.
  void require_room(int64_t rows, int64_t tokens) const;
  /// Whether the next row is answered without generating a text.
  bool is_scored(const Waiting& each) const;
  std::map<std::string, Card, std::less<>>::const_iterator find_card(const std::string& name) const;

  /// Waits until `change`, of a card, has run on the model's thread, and throws what it threw.
  void on_model_thread(const std::string& card, std::function<void()> change);

  const Model& model_;
  const SchedulerSettings settings_;

  mutable std::mutex mutex_;
  std::condition_variable work_arrived_;
  std::deque<Waiting> waiting_; ///< the oldest first
  std::deque<Change> changes_;
  std::map<std::string, Card, std::less<>> cards_;
  SchedulerCounters counters_;
  std::atomic<bool> stop_ = false;

  std::unique_ptr<Predictor> predictor_; ///< of the model's thread
  std::thread thread_;
};

} // namespace cuecard::embedding
