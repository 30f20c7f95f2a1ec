#include "host/input/input_loop.hpp"

#include <iostream>
#include <limits>

#include "batch/example_bytes.hpp"
#include "host/interrupt.hpp"
#include "host/runs/progress.hpp"
#include "program/failure.hpp"

namespace cuecard::host {

namespace {

constexpr int64_t rows_without_batches = 64; ///< of a verb that runs no model

/// How many of `rows`, at least one, have no more than `most` bytes together.
std::size_t fitting(std::span<const InputRow> rows, std::size_t most) {
  std::size_t count = 0, bytes = 0;
  for (; count < rows.size(); ++count) {
    bytes += bytes_of(rows[count].example);
    if (count > 0 && bytes > most)
      break;
  }
  return count;
}

} // namespace

InputLoop::InputLoop(const Values& values, InputRows& input, int64_t batches)
    : values_(values), input_(input),
      most_rows_(static_cast<std::size_t>(batches * values.integer("batch-size", rows_without_batches))),
      most_bytes_(values.given("batch-tokens")
                      ? static_cast<std::size_t>(batches * values.integer("batch-tokens")) * bytes_per_token
                      : std::numeric_limits<std::size_t>::max()) {}

void InputLoop::run(const InputAnswers& answers) {
  ProgressBar progress(values_.verb(), input_.total(), values_.given("quiet") || input_.total() <= 1);
  for (auto rows = input_.next(most_rows_); !rows.empty(); rows = input_.next(most_rows_))
    for (std::span<InputRow> left = rows; !left.empty();) {
      if (Interruptible::requested())
        return;
      const std::size_t count = fitting(left, most_bytes_);
      batch(left.first(count), answers);
      std::cout.flush();
      progress.show(rows_);
      left = left.subspan(count);
    }
}

void InputLoop::batch(std::span<InputRow> rows, const InputAnswers& answers) {
  std::vector<const Example*> usable;
  for (InputRow& row : rows) {
    if (!row.problem.empty())
      continue;
    if (answers.prepare)
      answers.prepare(row.example);
    usable.push_back(&row.example);
  }
  const ExampleNotes notes = answers.run(usable);
  std::size_t next = 0;
  for (const InputRow& row : rows) {
    const bool was_run = row.problem.empty();
    const std::size_t index = next;
    next += was_run;
    const std::string& problem = was_run ? notes.problems.at(index) : row.problem;
    if (problem.empty()) {
      cut_.add(notes.cut.at(index));
      answers.print(rows_, row, index);
    } else if (values_.given("strict")) {
      throw skipped_row(row, problem);
    } else {
      answers.skip(rows_, row, problem);
      ++skipped_;
    }
    ++rows_;
  }
}

int InputLoop::exit_code() const {
  return Interruptible::requested() ? exit_interrupted : skipped_ > 0 ? exit_rows_failed : 0;
}

} // namespace cuecard::host
