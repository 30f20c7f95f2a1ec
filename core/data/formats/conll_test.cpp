#include <doctest/doctest.h>

#include <cuecard/error.hpp>

#include "data/formats/readers.hpp"

using namespace cuecard;

namespace {

const LabelIndex entities({{"O", {}, {}}, {"LOC", {}, {"B-LOC"}}});

/// The words of each sentence with the numbers of their labels.
std::vector<std::vector<std::string>> read(const std::string& bytes, int64_t label,
                                           std::optional<char> separator = std::nullopt,
                                           RecordReport* report = nullptr) {
  RecordLayout layout;
  layout.words["words"] = {"", 1};
  layout.label = Column{"", label};
  layout.separator = separator;
  RecordReport own;
  std::vector<std::vector<std::string>> sentences;
  for (const Example& example :
       parse_examples(bytes, "d.conll", layout, entities, {}, report ? *report : own)) {
    auto& words = sentences.emplace_back();
    for (std::size_t i = 0; i < example.word_labels.size(); ++i)
      words.push_back(example.words.at("words")[i] + "=" + std::to_string(example.word_labels[i]));
  }
  return sentences;
}

using Sentences = std::vector<std::vector<std::string>>;

} // namespace

TEST_CASE("where all lines have tabs, tabs separate: words may contain blanks, and columns may be empty") {
  CHECK(read("New York\tB-LOC\nis\tO\n\nthe  city\tO\n", 2) ==
        Sentences{{"New York=1", "is=0"}, {"the  city=0"}});
  CHECK(read("EU\t\tB-LOC\r\nis\tVB\tO\r\n\t\t\r\nit\t\tO\r\n", 3) == Sentences{{"EU=1", "is=0"}, {"it=0"}});
  CHECK(read("New York B-LOC\nis it O\n", 3) == Sentences{{"New=1", "is=0"}});
  CHECK(read("EU\tNN B-LOC\nis VB\tO\nit NN O\n", 3) ==
        Sentences{{"EU=1", "is=0", "it=0"}}); // blanks of both kinds
}

TEST_CASE("an ambiguous separator is named, and can be given") {
  std::string text;
  try {
    read("New York\tB-LOC\nis O\n", 2);
  } catch (const DataError& error) {
    text = error.what();
  }
  CHECK(text ==
        "d.conll, line 2: there is no tab, and line 1 has one, so it is not clear what separates columns; say "
        "it with \"separator\" (\"tab\" or \"blank\") in the task file or --separator.");
  RecordReport report;
  CHECK(read("New York\tB-LOC\nis O\n\nit\tO\n", 2, '\t', &report) == Sentences{{"it=0"}});
  CHECK(report.skipped.size() == 1);
  CHECK(read("New,B-LOC\nis,O\n", 2, ',') == Sentences{{"New=1", "is=0"}});
}

TEST_CASE("comments are not words, and the word # is one") {
  CHECK(read("# sent_id = 1\n# text = New York is\nNew York\tB-LOC\n#\tO\n#film\tO\n\n# text\nit\tO\n", 2) ==
        Sentences{{"New York=1", "#=0", "#film=0"}, {"it=0"}});
  CHECK(read("# a comment of words\nEU B-LOC\n# O\n", 2) == Sentences{{"EU=1", "#=0"}});
}

TEST_CASE("lines of CoNLL-U that are no words are counted and left out") {
  // https://universaldependencies.org/format.html: a multiword token is `1-2`, an empty node `5.1`.
  RecordReport report;
  const auto tail = [](const std::string& id, const std::string& word, const std::string& tag) {
    return id + "\t" + word + "\t_\t_\t_\t_\t_\t_\t_\t" + tag + "\n";
  };
  RecordLayout layout;
  layout.words["words"] = {"", 2};
  layout.label = Column{"", 10};
  const auto words = [&](const std::string& bytes) {
    std::vector<std::string> all;
    for (const Example& example : parse_examples(bytes, "d.conll", layout, entities, {}, report))
      all.insert(all.end(), example.words.at("words").begin(), example.words.at("words").end());
    return all;
  };
  const std::string first = "# text = al mar\n" + tail("1-2", "al", "O") + tail("1", "a", "O") +
                            tail("2", "el", "O") + tail("3", "mar", "B-LOC") + tail("3.1", "x", "O");
  CHECK(words(first + "\n" + tail("1", "si", "O")) == std::vector<std::string>{"a", "el", "mar", "si"});
  CHECK(report.remarks() ==
        "d.conll: 2 lines of CoNLL-U are multiword tokens or empty nodes, and were not read as words.");
  // The first column is no number of words everywhere.
  CHECK(words(first + "\n" + tail("2", "si", "O")).size() == 6);
  CHECK(report.remarks().empty());
  CHECK(read("1-2 O\n1 O\nof O\n", 2) == Sentences{{"1-2=0", "1=0", "of=0"}});
}
