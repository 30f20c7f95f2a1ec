#include "host/input_loop.hpp"

#include <iostream>

#include "host/interrupt.hpp"
#include "host/runs/progress.hpp"
#include "program/failure.hpp"

namespace cuecard::host {

void InputLoop::run(const InputAnswers& answers) {
  ProgressBar progress(values_.verb(), input_.total(), values_.given("quiet") || input_.total() <= 1);
  const auto most = static_cast<std::size_t>(most_);
  for (auto rows = input_.next(most); !rows.empty() && !Interruptible::requested(); rows = input_.next(most)) {
    batch(rows, answers);
    std::cout.flush();
    progress.show(rows_);
  }
}

void InputLoop::batch(std::vector<InputRow>& rows, const InputAnswers& answers) {
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
      answers.print(rows_, index);
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
