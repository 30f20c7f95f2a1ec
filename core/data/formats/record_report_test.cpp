#include <doctest/doctest.h>

#include <cuecard/error.hpp>

#include "data/formats/readers.hpp"

using namespace cuecard;

namespace {

/// `count` rows of which every `every`-th has its label misspelt.
std::string rows(int count, int every) {
  std::string text = "text,label\n";
  for (int i = 1; i <= count; ++i)
    text += "a film," + std::string(i % every == 0 ? "postive" : "positive") + "\n";
  return text;
}

RecordReport report_of(const std::string& bytes, bool allow_skipped) {
  RecordLayout layout;
  layout.fields["text"] = {"text", 0};
  layout.label = Column{"label", 0};
  RecordReport report;
  const LabelIndex labels({{"negative", {}, {}}, {"positive", {}, {}}});
  parse_examples(bytes, "d.csv", layout, labels, {.allow_skipped = allow_skipped}, report);
  return report;
}

std::string refusal(const std::string& bytes) {
  try {
    report_of(bytes, false);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

const std::string reason = "its label \"postive\" is not one of \"negative\", \"positive\" (did you mean "
                           "\"positive\"?)";

} // namespace

TEST_CASE("few skipped rows are listed by line, many by reason with the commonest first") {
  CHECK(report_of(rows(200, 100), true).messages() ==
        std::vector<std::string>{"d.csv: 2 of 200 examples skipped (lines 101 and 201: " + reason + ")."});
  const std::vector<SkippedRecord> few{
      {3, "it is empty"}, {5, "it is long"}, {9, "it is empty"}, {12, "it is empty"}};
  CHECK(skipped_sentence(few, 1000, "d.csv", "examples", 10) ==
        "d.csv: 4 of 1000 examples skipped (lines 3, 9 and 12: it is empty; line 5: it is long).");
  CHECK(skipped_sentence(few, 1000, "d.csv") ==
        "d.csv: 4 of 1000 examples skipped (lines 3 and 9: it is empty; line 5: it is long; ...).");
  std::string bytes = rows(100, 10) + ",positive\n";
  const auto messages = report_of(bytes, true).messages();
  REQUIRE(messages.size() == 1);
  CHECK(messages[0] == "d.csv: 11 of 101 examples skipped (11%); 10 rows: " + reason +
                           " (first in line 11); 1 row: it has no text (line 102).");
  CHECK(report_of(rows(10, 20), true).messages().empty());
}

TEST_CASE("reasons that differ in their place within the line are one reason") {
  const std::string broken = "it is not valid JSON: a value is missing";
  std::vector<SkippedRecord> skipped;
  for (int64_t line = 1; line <= 4; ++line)
    skipped.push_back({line, broken + " (character " + std::to_string(line * 7) + ")"});
  CHECK(skipped_sentence(skipped, 10, "d.json") ==
        "d.json: 4 of 10 examples skipped (40%); 4 rows: " + broken + " (first in line 1).");
}

TEST_CASE("more than 10% skipped rows are an error, unless that is allowed") {
  CHECK(refusal(rows(100, 10)) == ""); // exactly 10%
  CHECK(refusal(rows(99, 9)) == "d.csv: 11 of 99 examples can't be used (11%); 11 rows: " + reason +
                                    " (first in line 10); fix the file, or skip them with "
                                    "--allow-skipped.");
  CHECK(report_of(rows(99, 9), true).skipped.size() == 11);
  // Blank lines are not rows.
  CHECK(refusal("text,label\na,positive\n\n\n\nb,negative\n") == "");
}
