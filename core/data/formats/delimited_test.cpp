// Inputs are what pandas.DataFrame.to_csv, Python's csv module and Excel write; expected values are what
// pandas.read_csv reads from them with the right options.
#include <doctest/doctest.h>

#include <cuecard/error.hpp>

#include "data/formats/readers.hpp"

using namespace cuecard;

namespace {

RecordLayout named(const std::string& text, const std::string& label) {
  RecordLayout layout;
  layout.fields["text"] = parse_column(text);
  layout.label = parse_column(label);
  return layout;
}

const LabelIndex sentiment({{"negative", {}, {"0"}}, {"positive", {}, {"1"}}});

/// "TEXT=LABEL" for each example.
std::vector<std::string> read(const std::string& bytes, const std::string& name, const RecordLayout& layout,
                              RecordReport* report = nullptr) {
  RecordReport own;
  std::vector<std::string> result;
  for (const Example& example : parse_examples(bytes, name, layout, sentiment, {}, report ? *report : own))
    result.push_back(example.fields.at("text") + "=" + std::to_string(example.label));
  return result;
}

std::string refusal(const std::string& bytes, const std::string& name, const RecordLayout& layout) {
  try {
    read(bytes, name, layout);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

using Rows = std::vector<std::string>;
const RecordLayout usual = named("text", "label");

RecordLayout without_header() {
  RecordLayout layout = named("1", "2");
  layout.header = false;
  return layout;
}

} // namespace

TEST_CASE("an index column without a name is ignored") {
  CHECK(read(",text,label\n0,a film,1\n1,dull,0\n", "d.csv", usual) == Rows{"a film=1", "dull=0"});
  CHECK(read("\"\";\"text\";\"label\"\n\"1\";\"a film\";1\n", "d.csv", usual) ==
        Rows{"a film=1"}); // R's write.csv2
  RecordLayout all;
  all.label = Column{"label", 0};
  RecordReport report;
  const auto examples = parse_examples(",text,label\n0,a film,1\n", "d.csv", all, sentiment, {}, report);
  CHECK(examples.at(0).fields == decltype(examples[0].fields){{"text", "a film"}});
}

TEST_CASE("a column named like a number takes precedence over the column with that number") {
  CHECK(read("2,1\nb,1\n", "d.csv", named("2", "1")) == Rows{"b=1"});
  CHECK(read("a,b\nx,1\n", "d.csv", named("1", "2")) == Rows{"x=1"});
  CHECK(read("{\"2\": \"x\", \"1\": 1}\n", "d.jsonl", named("2", "1")) == Rows{"x=1"});
  // A number in a task file, not a name: two columns could be meant.
  RecordLayout numbers = usual;
  numbers.fields["text"] = {"", 1};
  numbers.label = Column{"", 2};
  CHECK(
      refusal("2,1\nb,1\n", "d.csv", numbers) ==
      "d.csv, line 1: column 1 is \"2\" by number, and another column is called \"1\"; write the name of the one "
      "that is meant, in quotation marks.");
  CHECK(read("1,2\nb,1\n", "d.csv", numbers) == Rows{"b=1"});
  numbers.label = Column{"", 3};
  CHECK(refusal("a,b\nx,1\n", "d.csv", numbers) ==
        "d.csv, line 1: the header has no column 3; it has \"a\", \"b\".");
}

TEST_CASE("columns that are named twice, and names with blanks around them") {
  CHECK(refusal("text,text,label\na,b,1\n", "d.csv", usual).find("has the column \"text\" twice") !=
        std::string::npos);
  CHECK(read("x,x,text,label\na,b,c,1\n", "d.csv", usual) == Rows{"c=1"});
  CHECK(read("text, label\na film, 1\n", "d.csv", usual) == Rows{"a film=1"});
  RecordLayout all;
  CHECK(refusal("text,text\na,b\n", "d.csv", all).find("twice") != std::string::npos);
}

TEST_CASE("another separator is used where it alone fits") {
  for (const char* separator : {";", "\t", "|", ","})
    for (const char* name : {"d.csv", "d.tsv"}) {
      CAPTURE(separator);
      CAPTURE(name);
      const std::string s = separator;
      CHECK(read("text" + s + "label\n\"a " + s + " b\"" + s + "1\n", name, usual) == Rows{"a " + s + " b=1"});
    }
  CHECK(read("good film;1\nbad, very bad;0\n", "d.csv", without_header()) ==
        Rows{"good film=1", "bad, very bad=0"});
  CHECK(read("sep=;\r\ntext;label\r\na,b;1\r\n", "d.csv", usual) == Rows{"a,b=1"}); // for Excel
  for (const char* line : {"\"sep=;\"\r\n", "SEP=;\r\n", "Sep=;\n", "sep=; \n", "sep=;\r"}) {
    CAPTURE(line);
    const std::string end = std::string(line).ends_with('\n') ? "\r\n" : "\r";
    CHECK(read(line + ("text;label" + end) + "a,b;1" + end, "d.csv", usual) == Rows{"a,b=1"});
  }
  CHECK(read("sep=\t\r\ntext\tlabel\r\na,b\t1\r\n", "d.csv", usual) == Rows{"a,b=1"});
  RecordLayout told = usual;
  told.separator = ';';
  CHECK(read("sep=;\ntext;label\na,b;1\n", "d.csv", told) == Rows{"a,b=1"});
  RecordLayout all;
  all.label = Column{"label", 0};
  all.optional_roles = true;
  CHECK(read("text;label\na;1\nb;0\n", "d.csv", all) == Rows{"a=1", "b=0"});
  all.label = std::nullopt;
  CHECK(read("text\na; b\n", "d.csv", all) == Rows{"a; b=-1"});
}

TEST_CASE("an ambiguous separator is named, and can be given") {
  RecordLayout all;
  CHECK(refusal("text;label\na;1\nb\n", "d.csv", all) ==
        "d.csv, line 1: the header is one column, \"text;label\", or several between \";\"; say which with "
        "\"separator\" in the task file or --separator.");
  CHECK(refusal("texts;labels\na;1\n", "d.csv", usual)
            .find("its only one is \"texts;labels\", so if \";\" separates columns, say so") !=
        std::string::npos);
  RecordLayout told = usual;
  told.separator = '^';
  CHECK(read("text^label\na,b^1\n", "d.csv", told) == Rows{"a,b=1"});
  CHECK(parse_separator("tab") == '\t');
  CHECK(parse_separator("\\t") == '\t');
  CHECK(parse_separator("blank") == ' ');
  for (const char* wrong : {"", "ab", "\"", "\n", "\xC3\xA9"})
    CHECK(!parse_separator(wrong));
}

TEST_CASE("TSV that pandas or Excel quoted") {
  // csv.QUOTE_MINIMAL with sep="\t": fields with a tab, a line break or a quotation mark.
  CHECK(read("text\tlabel\n\"say \"\"yes\"\"\"\t1\n\"two\nlines\"\t0\nplain, text\t1\n", "d.tsv", usual) ==
        Rows{"say \"yes\"=1", "two\nlines=0", "plain, text=1"});
  CHECK(read("\"text\"\t\"label\"\n\"plain\"\t1\n", "d.tsv", usual) == Rows{"plain=1"}); // QUOTE_NONNUMERIC
  CHECK(read("\"plain\"\t\"1\"\n\"other\"\t\"0\"\n", "d.tsv", without_header()) ==
        Rows{"plain=1", "other=0"}); // QUOTE_ALL
  CHECK(read("text\tlabel\r\n\"good, but long\"\t1\r\nplain\t0\r\n", "d.tsv", usual) ==
        Rows{"good, but long=1", "plain=0"}); // Excel's "Text (tab delimited)"
}

TEST_CASE("quotation marks that may be part of the text stay, and are reported") {
  RecordReport report;
  CHECK(read("\"What a film!\"\t1\nplain, text\t0\n", "d.tsv", without_header(), &report) ==
        Rows{"\"What a film!\"=1", "plain, text=0"});
  CHECK(report.remarks() == "d.tsv: 1 value was read with its quotation marks; if they are not part of it, set "
                            "\"quotes\" to true.");
  RecordLayout told = without_header();
  told.quotes = true;
  CHECK(read("\"What a film!\"\t1\n", "d.tsv", told) == Rows{"What a film!=1"});
  told.quotes = false;
  CHECK(read("\"a\"\t1\n\"b \"\"c\"\"\"\t1\n", "d.tsv", told)[1] == "\"b \"\"c\"\"\"=1");
  // No writer produces these, so they are text, as in GLUE.
  CHECK(read("\"fine\" film\t1\n\"open\t0\n", "d.tsv", without_header(), &report) ==
        Rows{"\"fine\" film=1", "\"open=0"});
  CHECK(report.remarks().empty());
}

TEST_CASE("line ends of all systems") {
  CHECK(read("text,label\r\r\na,1\r\r\nb,0\r\r\n", "d.csv", usual) ==
        Rows{"a=1", "b=0"});                                                   // csv without newline=""
  CHECK(read("text,label\ra,1\rb,0\r", "d.csv", usual) == Rows{"a=1", "b=0"}); // Excel for Mac
  CHECK(read("text,label\na\rb,1\n", "d.csv", usual) == Rows{"a\rb=1"});
  // pandas: to_csv(lineterminator="\r") of a text with a line feed, which gets quotation marks from some versions only.
  CHECK(read("text,label\rtwo\nlines,1\rb,0\r", "d.csv", usual) == Rows{"two\nlines=1", "b=0"});
  CHECK(read("text,label\r\"two\nlines\",1\rb,0\r", "d.csv", usual) == Rows{"two\nlines=1", "b=0"});
}

TEST_CASE("blank lines before the header are ignored, as by pandas") {
  RecordReport report;
  CHECK(read("\r\n\r\ntext,label\r\na,1\r\nb,2\r\n", "d.csv", usual, &report) == Rows{"a=1"});
  REQUIRE(report.skipped.size() == 1);
  CHECK(report.skipped[0].line == 5);
}

TEST_CASE("blank lines anywhere are ignored, as by pandas") {
  RecordReport report;
  CHECK(read("text,label\r\na,1\r\n\r\n \t\r\nb,0\r\n  ", "d.csv", usual, &report) == Rows{"a=1", "b=0"});
  CHECK(report.records == 2);
  CHECK(read("text\tlabel\na\t1\n\n\t\nb\t0\n", "d.tsv", usual, &report) == Rows{"a=1", "b=0"});
  REQUIRE(report.skipped.size() == 1); // a line of separators is a record
  CHECK(report.skipped[0].line == 4);
  RecordLayout only;
  only.fields["text"] = {"text", 0};
  CHECK(read("text\na\n\nb\n", "d.csv", only, &report) == Rows{"a=-1", "b=-1"});
  CHECK(report.skipped.empty());
}

TEST_CASE("rows may lack columns at their end that nothing uses, and end with separators") {
  // Excel leaves out empty cells at the end of a row (after the 16th row); some programs write a separator after each.
  RecordReport report;
  CHECK(read("text,label,note\na,0,x\nb,1\nc\nd,0\n", "d.csv", usual, &report) == Rows{"a=0", "b=1", "d=0"});
  REQUIRE(report.skipped.size() == 1);
  CHECK(report.skipped[0].line == 4);
  CHECK(report.skipped[0].reason == "it has 1 column, and the header has 3");
  CHECK(read("text,label\na,0,,\nb,1,\nc,1,x\n", "d.csv", usual, &report) == Rows{"a=0", "b=1"});
  REQUIRE(report.skipped.size() == 1);
  CHECK(report.skipped[0].reason == "it has 3 columns, and the header has 2");
  RecordLayout all; // every named column is a field
  CHECK(read("text,note,\na,x\nb\n", "d.csv", all, &report) == Rows{"a=-1"});
  CHECK(report.skipped.size() == 1);
}

TEST_CASE("text after a closing quotation mark is read as by Python's csv, and reported") {
  // pandas: to_csv(doublequote=False, escapechar="\\") of `say "yes"!`.
  RecordReport report;
  CHECK(read("text,label\n\"say \\\"yes\\\"!\",1\nb,0\n", "d.csv", usual, &report) ==
        Rows{"say \\yes\\\"!\"=1", "b=0"});
  CHECK(report.remarks() ==
        "d.csv: 1 value has text after its closing quotation mark; if marks within the text begin "
        "with a backslash, double them.");
}

TEST_CASE("lists in columns are JSON, and lists as Python prints them are named") {
  RecordLayout layout;
  layout.words["words"] = {"tokens", 0};
  layout.label = Column{"tags", 0};
  const auto of = [&](const std::string& tokens, const std::string& tags) {
    RecordReport report;
    const auto examples = parse_examples("tokens|tags\n" + tokens + "|" + tags + "\nx y|[0, 1]\n", "d.csv",
                                         layout, sentiment, {}, report);
    return report.skipped.empty() ? examples[0].words.at("words") : Rows{"!" + report.skipped[0].reason};
  };
  CHECK(of("\"[\"\"New York\"\", \"\"is\"\"]\"", "[0, 1]") == Rows{"New York", "is"});
  CHECK(of("[sic] film", "[0, 1]") == Rows{"[sic]", "film"});
  CHECK(of("['New York', 'is']", "[0, 1]")[0] ==
        "!column \"tokens\" holds a list as Python prints it; write it as JSON, with json.dumps");
}
