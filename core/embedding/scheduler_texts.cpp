// The part of the scheduler that generates texts.
#include "embedding/scheduler.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "engine/generate/growing_text.hpp"
#include "engine/generate/prompt_source.hpp"

namespace cuecard::embedding {

/// The prompts of rows whose texts are generated: those that wait, as they come, or a single one.
class Scheduler::Texts final : public PromptSource {
public:
  Texts(Scheduler& scheduler, const void* own_backbone) : scheduler_(scheduler), own_backbone_(own_backbone) {}
  Texts(Scheduler& scheduler, Row only) : scheduler_(scheduler), only_(std::move(only)), alone_(true) {}

  std::optional<PendingPrompt> next() override {
    while (std::optional<Row> row = next_row())
      for (const Prepared& ready : scheduler_.prepared({*row}))
        try {
          return opened(ready);
        } catch (...) {
          scheduler_.fail(*row, current_failure());
        }
    return std::nullopt;
  }

  bool token(int64_t number, std::span<const int64_t> ids) override {
    const Running& running = running_.at(number);
    Request& request = *running.ready.row.request;
    if (request.token && !request.watch(running.ready.row.index, running.growing.so_far(ids)))
      request.cancel();
    if (!request.cancelled() && !scheduler_.stop_)
      return true;
    scheduler_.fail(running.ready.row, {FailureKind::cancelled, "the request was cancelled."});
    running_.erase(number);
    return false;
  }

  void finished(int64_t number, std::vector<Generated> texts, int64_t most) override {
    const auto& [ready, growing, cut, tokens] = running_.at(number);
    Answer answer;
    answer.pipeline = ready.pipeline;
    answer.cut = cut;
    answer.most_tokens = most;
    answer.prompt_tokens = tokens;
    for (const Generated& text : texts)
      answer.new_tokens += std::ssize(text.ids);
    answer.continued = ready.row.request->generate.has_value();
    if (answer.continued)
      answer.texts = std::move(texts);
    else
      answer.decision = decision_of(texts.at(0));
    scheduler_.answer(ready.row, std::move(answer));
    running_.erase(number);
  }

  void stepped() override {
    scheduler_.run_changes([&](const std::string& card) { return writes(card); });
    scheduler_.run_scored();
  }

  /// Rows that are neither finished nor dropped.
  std::vector<Row> running() const {
    std::vector<Row> rows;
    for (const auto& [number, running] : running_)
      rows.push_back(running.ready.row);
    return rows;
  }

private:
  /// Whether a text of the card is being generated. The only card may be named by "".
  bool writes(const std::string& card) const {
    return std::ranges::any_of(running_,
                               [&](const auto& each) { return each.second.ready.pipeline->name == card; });
  }

  struct Running {
    Prepared ready;
    GrowingText growing;
    int64_t cut = 0;    ///< tokens that truncation removed
    int64_t tokens = 0; ///< of the prompt
  };

  std::optional<Row> next_row() {
    if (alone_)
      return std::exchange(only_, std::nullopt);
    const std::lock_guard lock(scheduler_.mutex_);
    return scheduler_.written_row(own_backbone_);
  }

  PendingPrompt opened(const Prepared& ready) {
    const Example& example = ready.row.request->examples[ready.row.index];
    const int64_t card = scheduler_.predictor_->pipeline_of(example);
    const std::optional<GenerateSettings>& given = ready.row.request->generate;
    const auto settings = std::make_shared<const GenerateSettings>(
        given ? *given : ready.pipeline->verbalizer->generation().value());
    PendingPrompt open = scheduler_.predictor_->writer().open(example, card, settings);
    open.number = next_number_++;
    open.stream = static_cast<int64_t>(ready.row.index); // so that samples do not depend on other requests
    running_.emplace(open.number, Running{ready, GrowingText(scheduler_.model_.vocabulary(), *settings),
                                          open.prompt.cut.total(),
                                          std::ssize(open.prompt.input) + std::ssize(open.prompt.output)});
    return open;
  }

  Scheduler& scheduler_;
  const void* own_backbone_ = nullptr;
  std::optional<Row> only_;
  const bool alone_ = false;
  int64_t next_number_ = 0;
  std::map<int64_t, Running> running_; ///< by number
};

void Scheduler::write_texts() {
  Card with; // whose weights are used
  {
    const std::lock_guard lock(mutex_);
    const Waiting* const first = next_written();
    if (!first)
      return;
    auto found = find_card(first->request->examples[first->next].card);
    if (found == cards_.end())
      found = cards_.begin(); // the row is refused when it is opened
    if (found != cards_.end())
      with = found->second;
  }
  Texts texts(*this, with.pipeline ? with.pipeline->own_backbone.get() : nullptr);
  if (!with.pipeline) { // there are no cards: every row is refused
    while (texts.next())
      ;
    return;
  }
  try {
    predictor_->writer().run(texts, with.number);
  } catch (...) {
    const Failure failure = current_failure();
    const std::vector<Row> rows = texts.running();
    if (rows.size() == 1)
      fail(rows[0], failure);
    else
      for (const Row& row : rows) // one that makes the pass fail must not affect the others
        write_alone(row, with.number);
  }
}

void Scheduler::write_alone(const Row& row, int64_t card) {
  Texts text(*this, row);
  try {
    predictor_->writer().run(text, card);
  } catch (...) {
    fail(row, current_failure());
  }
}

} // namespace cuecard::embedding
