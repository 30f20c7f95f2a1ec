// Data files. The first line holds the layout: format, `header` if there is one, and columns by name or number.
#include <sstream>

#include "data/formats/readers.hpp"
#include "parser.hpp"

using namespace cuecard;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  const std::string_view input = fuzz::text_of(bytes, size);
  const std::size_t end = std::min(input.find('\n'), input.size());
  std::istringstream words{std::string(input.substr(0, end))};
  std::string word;
  RecordLayout layout;
  words >> word;
  layout.format = format_of_name(word);
  layout.header = false;
  while (words >> word) {
    if (word == "header")
      layout.header = true;
    else if (word.rfind("label=", 0) == 0)
      layout.label = parse_column(word.substr(6));
    else if (word.rfind("words=", 0) == 0)
      layout.words["words"] = parse_column(word.substr(6));
    else if (word.rfind("text=", 0) == 0)
      layout.fields["text"] = parse_column(word.substr(5));
  }
  return fuzz::read_or_refuse([&] {
    const LabelIndex labels({{"no", {}, {"0"}}, {"yes", {}, {"1"}}});
    RecordReport report;
    const auto rows = parse_examples(std::string(input.substr(std::min(end + 1, input.size()))), "fuzzed",
                                     layout, labels, {}, report);
    fuzz::require(report.records == static_cast<int64_t>(rows.size() + report.skipped.size()),
                  "rows were lost");
    report.messages();
  });
}
