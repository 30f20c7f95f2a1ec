/// One example of a data set.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cuecard {

/// Fields and lists by name, and the gold answer as far as it is known.
struct Example {
  std::string id; ///< as the data file has it; "" if it has none

  /// Text by column, as named in the task file: `text_a`, `premise`, ... The names are those that a template
  /// writes in braces.
  std::map<std::string, std::string, std::less<>> fields;
  /// Columns that are lists: of words (token-level tasks; a template yields a piece for each), or of
  /// alternatives (multiple choice; a template yields a prompt for each).
  std::map<std::string, std::vector<std::string>, std::less<>> words;
  /// Side data that templates read with `{"meta": "key"}`.
  std::map<std::string, std::string, std::less<>> meta;

  /// Index into the task's labels; -1 when the example has none.
  int64_t label = -1;
  /// Index into the task's labels for each word of a token-level example.
  std::vector<int64_t> word_labels;
  /// Answer texts of a generation task, the k-th for the k-th answer slot.
  std::vector<std::string> answers;
  /// All correct answers, for metrics that accept several; empty: `answers` alone.
  std::vector<std::string> references;
  /// Gold answers that are spans of a field, as byte offsets; empty when the question has no answer.
  struct Span {
    std::string field;
    int64_t begin = 0, end = 0; ///< bytes of the field, `end` exclusive
  };
  std::vector<Span> spans;

  /// The card that a mixed batch uses for this example; "" when there is only one.
  std::string card;
  /// Line of the file that the example came from, from 1; 0 when it came from no file.
  int64_t line = 0;

  /// Indices into the task's labels, ascending, where an example may have several (VerbalizerTarget::multi_label); an empty list:
  /// it has none of them. std::nullopt if the labels are unknown, and in other tasks.
  std::optional<std::vector<int64_t>> label_set;
  /// The question is known to have no answer: `spans` is empty for that reason.
  bool unanswerable = false;
};

} // namespace cuecard
