#include "embedding/scheduler.hpp"

#include <algorithm>
#include <future>
#include <numeric>

#include <ATen/Parallel.h>

#include <cuecard/error.hpp>

#include "data/text.hpp"
#include "data/text_fields.hpp"
#include "engine/word_field.hpp"

namespace cuecard::embedding {

namespace {

/// DataError for a row of blanks, as the readers of data files have it.
void require_text(const Example& example) {
  const bool any =
      std::ranges::any_of(example.fields, [](const auto& field) { return !trimmed(field.second).empty(); }) ||
      std::ranges::any_of(example.words, [](const auto& words) { return !words.second.empty(); });
  if (!any)
    throw DataError("it has no text");
}

int64_t count_tokens(const Example& example, const Vocabulary& vocabulary) {
  int64_t tokens = 0;
  for (const auto& [name, text] : example.fields)
    tokens += std::ssize(vocabulary.encode(text));
  for (const auto& [name, words] : example.words)
    for (const std::string& word : words)
      tokens += std::ssize(vocabulary.encode(word));
  return tokens;
}

} // namespace

void name_text(Example& example, const TaskPipeline& pipeline) {
  const auto unnamed = example.fields.find("");
  if (unnamed == example.fields.end())
    return;
  const std::vector<std::string> fields = text_fields(pipeline.prompt_template->fields());
  if (fields.size() != 1)
    throw DataError("the row has a text without a field, but the template of the card \"" + pipeline.name +
                    "\" has " + std::to_string(fields.size()) + " fields; name the field of each text.");
  example.fields[fields[0]] = std::move(unnamed->second);
  example.fields.erase("");
}

Scheduler::Scheduler(const Model& model, const SchedulerSettings& settings)
    : model_(model), settings_(settings),
      predictor_(std::make_unique<Predictor>(model, std::vector<const TaskPipeline*>(), settings.batches)),
      thread_([this] { work(); }) {}

Scheduler::~Scheduler() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_arrived_.notify_all();
  thread_.join();
}

void Scheduler::on_model_thread(const std::string& card, std::function<void()> change) {
  auto task = std::make_shared<std::packaged_task<void()>>(std::move(change));
  std::future<void> done = task->get_future();
  {
    const std::lock_guard lock(mutex_);
    changes_.push_back({card, [task] { (*task)(); }});
  }
  work_arrived_.notify_all();
  done.get();
}

void Scheduler::set_card(std::shared_ptr<const TaskPipeline> pipeline) {
  on_model_thread(pipeline->name, [&] {
    const Card card{pipeline, predictor_->add(*pipeline),
                    pipeline->verbalizer && pipeline->verbalizer->generation()};
    Card old;
    {
      const std::lock_guard lock(mutex_);
      old = std::exchange(cards_[pipeline->name], card);
    }
    if (old.pipeline)
      predictor_->remove(old.number);
  });
}

void Scheduler::drop_card(const std::string& name) {
  on_model_thread(name, [&] {
    Card dropped;
    {
      const std::lock_guard lock(mutex_);
      const auto found = cards_.find(name);
      if (found == cards_.end()) {
        std::vector<std::string> names;
        for (const auto& [other, card] : cards_)
          names.push_back(other);
        throw UsageError("there is no card \"" + name + "\" to drop." + did_you_mean(name, names));
      }
      dropped = found->second;
      cards_.erase(found);
    }
    predictor_->remove(dropped.number);
  });
}

std::vector<std::string> Scheduler::cards() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, card] : cards_)
    names.push_back(name);
  return names;
}

std::map<std::string, Scheduler::Card, std::less<>>::const_iterator
Scheduler::find_card(const std::string& name) const {
  return name.empty() && cards_.size() == 1 ? cards_.begin() : cards_.find(name);
}

SchedulerCounters Scheduler::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void Scheduler::submit(const std::shared_ptr<Request>& request) {
  const int64_t rows = std::ssize(request->examples);
  request->answers.resize(request->examples.size());
  if (rows == 0) {
    request->finish();
    return;
  }
  std::vector<int64_t> tokens;
  for (const Example& example : request->examples)
    tokens.push_back(count_tokens(example, model_.vocabulary()));
  const int64_t all_tokens = request->tokens = std::accumulate(tokens.begin(), tokens.end(), int64_t{0});
  {
    const std::lock_guard lock(mutex_);
    require_room(rows, all_tokens);
    counters_.rows_waiting += rows;
    counters_.tokens_waiting += all_tokens;
    waiting_.push_back({request, std::move(tokens)});
  }
  work_arrived_.notify_all();
}

void Scheduler::require_room(int64_t rows, int64_t tokens) const {
  const auto require = [](const char* what, int64_t waiting, int64_t more, int64_t most) {
    require_fits(what, more, most);
    if (most > 0 && waiting + more > most)
      throw QueueFull(std::to_string(waiting) + " " + what + " are waiting and " + std::to_string(more) +
                      " would be added, but at most " + std::to_string(most) +
                      " may wait; try again when some are answered.");
  };
  require("rows", counters_.rows_waiting, rows, settings_.max_waiting_rows);
  require("tokens", counters_.tokens_waiting, tokens, settings_.max_waiting_tokens);
}

void Scheduler::work() {
  if (settings_.threads > 0)
    at::set_num_threads(settings_.threads); // LibTorch keeps it per thread
  std::unique_lock lock(mutex_);
  while (true) {
    work_arrived_.wait(lock, [this] { return stop_ || !changes_.empty() || !waiting_.empty(); });
    if (stop_ && changes_.empty() && waiting_.empty())
      return;
    lock.unlock();
    run_changes([](const std::string&) { return false; });
    run_scored();
    write_texts();
    lock.lock();
    counters_.model = predictor_->counters();
  }
}

void Scheduler::run_changes(const std::function<bool(const std::string& card)>& waits) {
  std::unique_lock lock(mutex_);
  while (!changes_.empty() && !waits(changes_.front().card)) {
    const Change change = std::move(changes_.front());
    changes_.pop_front();
    lock.unlock();
    change.run();
    lock.lock();
  }
}

void Scheduler::run_scored() {
  std::vector<Row> dropped, rows;
  {
    const std::lock_guard lock(mutex_);
    counters_.model = predictor_->counters(); // also between the steps of long texts
    dropped = dropped_rows();
    rows = scored_rows();
  }
  for (const Row& row : dropped)
    fail(row, row.request->cancelled() || stop_
                  ? Failure{FailureKind::cancelled, "the request was cancelled."}
                  : Failure{FailureKind::too_late, "the deadline passed before the row was run."});
  const auto continued = std::stable_partition(
      rows.begin(), rows.end(), [](const Row& row) { return row.request->continuations.empty(); });
  score({continued, rows.end()});
  rows.erase(continued, rows.end());
  if (!rows.empty())
    predict(rows);
}

std::vector<Scheduler::Row> Scheduler::dropped_rows() {
  std::vector<Row> rows;
  const auto now = std::chrono::steady_clock::now();
  for (Waiting& each : waiting_)
    if (stop_ || each.request->cancelled() || each.request->deadline < now)
      take(each, each.request->examples.size(), rows);
  forget_taken();
  return rows;
}

std::vector<Scheduler::Row> Scheduler::scored_rows() {
  const auto most = static_cast<std::size_t>(settings_.batches.batch_size);
  std::vector<Row> rows;
  int64_t tokens = 0; // a pass is still bounded by the tokens of whole prompts
  bool full = false;
  for (bool any = true; any && !full;) {
    any = false;
    for (Waiting& each : waiting_) {
      if (each.next == each.request->examples.size() || !is_scored(each))
        continue;
      tokens += each.tokens[each.next];
      full = rows.size() == most || (!rows.empty() && tokens > settings_.batches.batch_tokens);
      if (full)
        break;
      take(each, 1, rows);
      any = true;
    }
  }
  forget_taken();
  return rows;
}

Scheduler::Waiting* Scheduler::next_written() {
  Waiting* first = nullptr;
  for (Waiting& each : waiting_)
    if (!is_scored(each) && (!first || each.next < first->next))
      first = &each;
  return first;
}

std::optional<Scheduler::Row> Scheduler::written_row(const void* own_backbone) {
  if (stop_ || !changes_.empty())
    return std::nullopt;
  Waiting* const first = next_written();
  if (!first)
    return std::nullopt;
  const auto card = find_card(first->request->examples[first->next].card);
  if (card != cards_.end() && card->second.pipeline->own_backbone.get() != own_backbone)
    return std::nullopt;
  std::vector<Row> rows;
  take(*first, 1, rows);
  forget_taken();
  return rows.at(0);
}

void Scheduler::take(Waiting& from, std::size_t count, std::vector<Row>& rows) {
  for (; count > 0 && from.next < from.request->examples.size(); --count, ++from.next) {
    rows.push_back({from.request, from.next});
    --counters_.rows_waiting;
    counters_.tokens_waiting -= from.tokens[from.next];
  }
}

void Scheduler::forget_taken() {
  std::erase_if(waiting_, [](const Waiting& each) { return each.next == each.request->examples.size(); });
}

bool Scheduler::is_scored(const Waiting& each) const {
  if (each.request->generate)
    return false;
  if (!each.request->continuations.empty())
    return true;
  const auto card = find_card(each.request->examples[each.next].card);
  return card == cards_.end() || !card->second.writes;
}

std::vector<Scheduler::Prepared> Scheduler::prepared(const std::vector<Row>& rows) {
  std::vector<Prepared> result;
  for (const Row& row : rows) {
    Example& example = row.request->examples[row.index];
    const std::shared_ptr<const TaskPipeline> pipeline = card(example.card);
    try {
      require_text(example);
      if (pipeline) {
        name_text(example, *pipeline);
        take_words(example, *pipeline);
      }
      result.push_back({row, pipeline});
    } catch (...) {
      fail(row, current_failure());
    }
  }
  return result;
}

void Scheduler::answer(const Row& row, Answer answer) {
  Request& request = *row.request;
  {
    const std::lock_guard lock(mutex_);
    ++counters_.rows_answered;
    counters_.rows_failed += answer.failure ? 1 : 0;
  }
  request.answers[row.index] = std::move(answer);
  if (++request.answered == request.examples.size())
    request.finish();
}

void Scheduler::predict(const std::vector<Row>& rows) {
  const std::vector<Prepared> ready = prepared(rows);
  std::vector<const Example*> examples;
  examples.reserve(ready.size());
  for (const Prepared& each : ready)
    examples.push_back(&each.row.request->examples[each.row.index]);
  std::vector<Prediction> predictions;
  try {
    predictions = predictor_->predict(examples);
  } catch (...) {
    if (ready.size() == 1)
      fail(ready[0].row, current_failure());
    else
      for (const Prepared& each : ready) // a row that makes the pass fail must not affect the others
        predict({each.row});
    return;
  }
  for (std::size_t i = 0; i < ready.size(); ++i) {
    if (!predictions[i].problem.empty())
      fail(ready[i].row, {FailureKind::wrong_data, predictions[i].problem});
    else
      answer(ready[i].row,
             {{}, ready[i].pipeline, std::move(predictions[i].decision), {}, predictions[i].cut.total()});
  }
}

void Scheduler::score(const std::vector<Row>& rows) {
  const std::vector<Prepared> ready = prepared(rows);
  std::vector<const Example*> examples;
  std::vector<std::vector<std::string>> continuations;
  for (const Prepared& each : ready) {
    examples.push_back(&each.row.request->examples[each.row.index]);
    continuations.push_back(each.row.request->continuations[each.row.index]);
  }
  std::vector<std::vector<Generated>> texts;
  ExampleNotes notes;
  try {
    texts = predictor_->score(examples, continuations, notes);
  } catch (...) {
    if (ready.size() == 1)
      fail(ready[0].row, current_failure());
    else
      for (const Prepared& each : ready)
        score({each.row});
    return;
  }
  for (std::size_t i = 0; i < ready.size(); ++i) {
    if (!notes.problems[i].empty())
      fail(ready[i].row, {FailureKind::wrong_data, notes.problems[i]});
    else
      answer(ready[i].row, {{}, ready[i].pipeline, {}, std::move(texts[i]), notes.cut[i].total(), true});
  }
}

std::shared_ptr<const TaskPipeline> Scheduler::card(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = find_card(name);
  return found == cards_.end() ? nullptr : found->second.pipeline;
}

} // namespace cuecard::embedding
