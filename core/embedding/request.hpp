/// Rows that were submitted together, and their answers.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <cuecard/example.hpp>
#include <cuecard/scorer.hpp>
#include <cuecard/verbalizer.hpp>

#include "embedding/failure.hpp"
#include "engine/task_pipeline.hpp"

namespace cuecard::embedding {

/// The answer to one row: a failure, a decision, or generated texts.
struct Answer {
  Failure failure;
  std::shared_ptr<const TaskPipeline> pipeline; ///< that answered; null for a failure
  Decision decision;
  std::vector<Generated> texts;
  int64_t cut = 0;           ///< tokens that truncation removed
  bool continued = false;    ///< `texts` is the answer: generated texts, or scored continuations
  int64_t most_tokens = 0;   ///< that each of `texts` could have had
  int64_t prompt_tokens = 0; ///< that `texts` continue, soft slots included
  int64_t new_tokens = 0;    ///< that were generated
};

/// Threads: the data belong to the scheduler from `Scheduler::submit` until the request is finished. The functions may be called from
/// any thread.
class Request {
public:
  std::vector<Example> examples;
  std::optional<GenerateSettings> generate; ///< texts that continue the prompts; empty: what the cards predict
  std::vector<std::vector<std::string>>
      continuations; ///< by row: texts to score; empty: what the cards predict
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::function<void()> finished;                                 ///< may be empty
  std::function<bool(std::size_t row, const std::string&)> token; ///< may be empty

  std::vector<Answer> answers; ///< by row
  std::size_t answered = 0;    ///< how many of them
  int64_t tokens = 0;          ///< of the rows' texts, as the queue counts them

  void cancel() { cancelled_ = true; }
  bool cancelled() const { return cancelled_; }

  /// No callback is called when this has returned.
  void silence() {
    const std::lock_guard lock(calling_);
    silent_ = true;
  }
  /// Calls `token`; true unless it asks to stop.
  bool watch(std::size_t row, const std::string& text) {
    const std::lock_guard lock(calling_);
    return silent_ || !token || token(row, text);
  }

  /// Called once, by the scheduler.
  void finish() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_all();
    const std::lock_guard lock(calling_);
    if (!silent_ && finished)
      finished();
  }
  /// Whether it is finished after `seconds`; without limit if they are negative.
  bool wait(double seconds) {
    std::unique_lock lock(mutex_);
    const auto done = [this] { return done_; };
    if (seconds < 0)
      changed_.wait(lock, done);
    else
      changed_.wait_for(lock, std::chrono::duration<double>(std::min(seconds, 1e9)), done);
    return done_;
  }

private:
  std::atomic<bool> cancelled_ = false;
  std::recursive_mutex calling_; ///< held during callbacks, which may cancel or free their own request
  bool silent_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
};

} // namespace cuecard::embedding
