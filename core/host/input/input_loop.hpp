/// The loop of the verbs that answer their inputs one by one: runs the inputs in batches, and prints results and problems in the order of
/// the inputs.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <cuecard/example.hpp>

#include "engine/predict/example_notes.hpp"
#include "host/input/input_row.hpp"
#include "host/input/input_rows.hpp"
#include "program/values.hpp"

namespace cuecard::host {

/// What a verb does with its inputs.
struct InputAnswers {
  /// Changes an example before it is run; may be empty.
  std::function<void(Example&)> prepare = {};
  /// Runs a batch. Returns for each example why it can't be used, and what truncation removed from it.
  std::function<ExampleNotes(const std::vector<const Example*>&)> run;
  /// Prints the result of example `index` of that batch, which is input `number`.
  std::function<void(int64_t number, const InputRow& row, std::size_t index)> print;
  /// Prints that input `number` can't be used.
  std::function<void(int64_t number, const InputRow& row, const std::string& problem)> skip;
};

class InputLoop {
public:
  /// Runs about `batches` batches of --batch-size and --batch-tokens at a time, so that results need not wait for a long
  /// input after them, which is run by itself. Shows progress unless --quiet is given or there is a single input.
  InputLoop(const Values& values, InputRows& input, int64_t batches = 1);

  /// Until the inputs end or Ctrl-C is pressed. With --strict the first input that can't be used is a DataError. What
  /// `answers.run` throws ends the loop; the counts are then those of the batches before.
  void run(const InputAnswers& answers);

  int64_t rows() const { return rows_; }
  int64_t skipped() const { return skipped_; }
  const CutExamples& cut() const { return cut_; }
  /// The verb's exit code: 0, or the codes for an interrupt and for inputs that could not be used.
  int exit_code() const;

private:
  void batch(std::span<InputRow> rows, const InputAnswers& answers);

  const Values& values_;
  InputRows& input_;
  std::size_t most_rows_, most_bytes_; ///< run at a time
  int64_t rows_ = 0, skipped_ = 0;
  CutExamples cut_;
};

} // namespace cuecard::host
