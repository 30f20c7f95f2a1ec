#include <doctest/doctest.h>

#include <filesystem>

#include <cuecard/error.hpp>

#include "data/formats/readers.hpp"
#include "data/text.hpp"

using namespace cuecard;

namespace {

RecordLayout layout(std::map<std::string, Column> fields, std::optional<Column> label, bool header = true) {
  RecordLayout result;
  result.fields = std::move(fields);
  result.label = std::move(label);
  result.header = header;
  return result;
}

const LabelIndex sentiment({{"negative", {}, {"0"}}, {"positive", {}, {"1"}}});

struct Result {
  std::vector<Example> examples;
  RecordReport report;
};

Result read(const std::string& bytes, const std::string& name, const RecordLayout& layout,
            const LabelIndex& labels = sentiment, ReadSettings settings = {}) {
  Result result;
  result.examples = parse_examples(bytes, name, layout, labels, settings, result.report);
  return result;
}

std::string error_of(const std::string& bytes, const std::string& name, const RecordLayout& layout,
                     ReadSettings settings = {}) {
  try {
    read(bytes, name, layout, sentiment, settings);
  } catch (const DataError& error) {
    return error.what();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

} // namespace

TEST_CASE("an archive is named before its extension is looked at") {
  RecordReport report;
  CHECK_THROWS_WITH(parse_examples("\x1F\x8B\x08....", "d.csv.gz", {}, {}, {}, report),
                    "d.csv.gz: is a gzip archive; expected text, so unpack it.");
}

TEST_CASE("TSV: columns by number, literal quotes, CR LF line endings") {
  const auto [examples, report] =
      read("a \"fine\" film\t1\r\ndull\t0\r\n\r\n", "d.tsv", layout({{"text", {"", 1}}}, Column{"", 2}, false));
  REQUIRE(examples.size() == 2);
  CHECK(examples[0].fields.at("text") == "a \"fine\" film");
  CHECK(examples[0].label == 1);
  CHECK(examples[1].label == 0);
  CHECK(examples[1].line == 2);
  CHECK(report.records == 2);
  CHECK(report.messages().empty());
  // printf 'a "fine" film\t1\r\ndull\t0\r\n\r\n' | sha256sum
  CHECK(report.sha256 == "c1acaf9cc29f398a67afb8457cd5dfadae72cc60da421078e84c2da8bf7b597a");
}

TEST_CASE("CSV: RFC 4180 quoting, doubled quotes, embedded commas and line breaks, byte-order mark") {
  const std::string bytes = "\xEF\xBB\xBFlabel,title,description\r\n"
                            "1,\"A \"\"big\"\" day\",\"first, then\nsecond\r\nthird\"\r\n"
                            "0,,\"\"\n"
                            "0,plain,text\"with\"quotes\n";
  const auto [examples, report] =
      read(bytes, "d.csv", layout({{"a", {"title", 0}}, {"b", {"description", 0}}}, Column{"label", 0}));
  REQUIRE(examples.size() == 2);
  CHECK(examples[0].fields.at("a") == "A \"big\" day");
  CHECK(examples[0].fields.at("b") == "first, then\nsecond\r\nthird");
  CHECK(examples[1].fields.at("b") == "text\"with\"quotes");
  CHECK(examples[1].line == 6);
  REQUIRE(report.skipped.size() == 1);
  CHECK(report.skipped[0].line == 5);
  CHECK(report.skipped[0].reason == "it has no text");
}

TEST_CASE("CSV: an unclosed quote is an error with its line") {
  CHECK(contains(error_of("label,text\n1,ok\n0,\"never\nends\n", "d.csv",
                          layout({{"text", {"text", 0}}}, Column{"label", 0})),
                 "d.csv, line 3: an opening quote"));
}

TEST_CASE("unusable records are skipped and reported by line and reason") {
  const std::string bytes = "text\tlabel\ngood\t1\n\nbad\t7\nonly one column\nno label\t\n  \t1\nfine\t 0 \n";
  const RecordLayout columns = layout({{"text", {"text", 0}}}, Column{"label", 0});
  const auto [examples, report] = read(bytes, "d.tsv", columns);
  CHECK(examples.size() == 2);
  CHECK(report.records == 6); // a blank line is no record
  REQUIRE(report.skipped.size() == 4);
  const std::vector<int64_t> lines{4, 5, 6, 7};
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(report.skipped[i].line == lines[i]);
  CHECK(report.skipped[0].reason == "its label \"7\" is not one of \"0\", \"negative\", \"1\", \"positive\"");
  CHECK(contains(report.messages()[0], "4 of 6 examples skipped (67%); 1 row: its label \"7\" is not one of"));
  CHECK(contains(error_of(bytes, "d.tsv", columns, {.strict = true}),
                 "d.tsv, line 4: the example can't be used"));
  // Prediction does not need labels.
  CHECK(read(bytes, "d.tsv", columns, sentiment, {.labels_required = false}).examples.size() == 4);
}

TEST_CASE("JSON Lines: nested keys, lists, numbers, malformed lines") {
  const std::string bytes = "{\"a\": {\"b\": \"text\"}, \"label\": 1, \"idx\": 12, \"words\": [\"x\", \"y\"]}\n"
                            "{\"a\": {\"b\": \"broken\"\n"
                            "[1]\n"
                            "{\"a\": {\"b\": null}, \"label\": 0}\n"
                            "{\"a\": {\"b\": \"\\u00e9\"}, \"label\": false}\n";
  RecordLayout columns = layout({{"text", {"a.b", 0}}}, Column{"label", 0});
  columns.id = Column{"idx", 0};
  columns.answers = Column{"words", 0};
  columns.references = Column{"words", 0};
  const LabelIndex labels({{"no", {}, {"0", "false"}}, {"yes", {}, {"1"}}});
  const auto [examples, report] = read(bytes, "d.jsonl", columns, labels);
  REQUIRE(examples.size() == 2);
  CHECK(examples[0].id == "12");
  CHECK(examples[0].answers == std::vector<std::string>{"x", "y"});
  CHECK(examples[0].references == std::vector<std::string>{"x", "y"});
  CHECK(examples[1].fields.at("text") == "\xC3\xA9");
  CHECK(examples[1].label == 0);
  REQUIRE(report.skipped.size() == 3);
  CHECK(report.skipped[0].reason == "it is not valid JSON: it ends before its last bracket is closed");
  CHECK(report.skipped[1].reason == "it is not a JSON object");
  CHECK(report.skipped[2].reason == "it has no column \"a.b\"");
}

TEST_CASE("extractive answers with start offsets in characters") {
  const std::string bytes =
      "{\"c\": \"\\u00e9t\\u00e9 in Rome\", \"answers\": {\"text\": [\"Rome\", \"in\"], \"answer_start\": [7, "
      "4]}}\n"
      "{\"c\": \"it rains\", \"answers\": {\"text\": [\"rains\"], \"answer_start\": [4]}}\n"
      "{\"c\": \"it rains\", \"answers\": {\"text\": [\"rains\"], \"answer_start\": [40]}}\n"
      "{\"c\": \"it rains\", \"answers\": {\"text\": [\"rains\"], \"answer_start\": [3, 4]}}\n"
      "{\"c\": \"it rains\", \"answers\": {\"text\": [], \"answer_start\": []}}\n"
      "{\"c\": \"it rains\"}\n";
  RecordLayout columns = layout({{"context", {"c", 0}}}, std::nullopt);
  columns.spans = SpanColumns{"context", {"answers.text", 0}, {"answers.answer_start", 0}};
  const auto [examples, report] = read(bytes, "d.jsonl", columns);
  REQUIRE(examples.size() == 3);
  REQUIRE(examples[0].spans.size() == 2);
  CHECK(examples[0].spans[0].field == "context");
  CHECK(examples[0].spans[0].begin == 9); // two two-byte characters precede it
  CHECK(examples[0].spans[0].end == 13);
  CHECK(examples[0].spans[1].begin == 6);
  CHECK(examples[1].spans.empty());
  CHECK(examples[2].spans.empty());
  REQUIRE(report.skipped.size() == 3);
  CHECK(report.skipped[0].reason == "its answer \"rains\" is not at character 4 of \"context\"");
  CHECK(report.skipped[1].reason == "its answer \"rains\" is not at character 40 of \"context\"");
  CHECK(contains(report.skipped[2].reason, "it has 1 answer in column \"answers.text\" but 2 start offsets"));
  // Without a field mapping, the span columns still do not become fields.
  columns.fields.clear();
  columns.spans->field = "c";
  const auto [by_name, other] = read(bytes.substr(0, bytes.find('\n') + 1), "d.jsonl", columns);
  REQUIRE(by_name.size() == 1);
  CHECK(by_name[0].fields.size() == 1);
  CHECK(by_name[0].spans.size() == 2);
}

TEST_CASE("start offsets are whole numbers, also as pandas writes them in a column with gaps") {
  RecordLayout squad = layout({{"context", {"c", 0}}}, std::nullopt);
  squad.spans = SpanColumns{"context", {"text", 0}, {"start", 0}};
  // pandas: pd.DataFrame({"c": [...], "text": [...], "start": [3, None]}).to_csv(index=False)
  CHECK(read("c,text,start\nin Rome,Rome,3.0\nin Bonn,,\n", "d.csv", squad).examples.at(0).spans.at(0).begin ==
        3);
  const auto reason = [&](const std::string& start) {
    const std::string good = "{\"c\": \"in Rome\", \"text\": [\"Rome\"], \"start\": [3]}\n";
    const Result result =
        read(good + "{\"c\": \"in Rome\", \"text\": \"Rome\", \"start\": " + start + "}\n", "d.jsonl", squad);
    return result.report.skipped.empty() ? "" : result.report.skipped[0].reason;
  };
  CHECK(reason("3.0") == "");
  CHECK(reason("4.00") == "its answer \"Rome\" is not at character 4 of \"context\"");
  for (const char* wrong : {"3.5", "-3", "\"3.\"", "\"three\""})
    CHECK(contains(reason(wrong), "in column \"start\" is not a whole number from 0"));
}

TEST_CASE("lines end with a carriage return if a file has no line feed") {
  const RecordLayout columns = layout({{"text", {"text", 0}}}, Column{"label", 0});
  CHECK(read("{\"text\": \"a\", \"label\": 0}\r{\"text\": \"b\", \"label\": 1}\r", "d.jsonl", columns)
            .examples.size() == 2);
  RecordLayout words = layout({}, Column{"", 2});
  words.words["words"] = {"", 1};
  const LabelIndex tags(std::vector<TaskLabel>{{"O", {}, {}}});
  CHECK(read("a O\rb O\r\rc O\r", "d.conll", words, tags).examples.size() == 2);
}

TEST_CASE("alternatives: one list column, or one column per alternative") {
  RecordLayout columns = layout({{"text", {"q", 0}}}, Column{"label", 0});
  columns.choices["ends"] = {{"ends", 0}};
  const LabelIndex labels({{"A", {}, {}}, {"B", {}, {}}, {"C", {}, {}}});
  const std::string lists = "{\"q\": \"x\", \"ends\": [\"a b\", \"c\", 3], \"label\": \"C\"}\n"
                            "{\"q\": \"x\", \"ends\": \"a b\", \"label\": \"A\"}\n"
                            "{\"q\": \"x\", \"label\": \"A\"}\n";
  const auto [examples, report] = read(lists, "d.jsonl", columns, labels);
  REQUIRE(examples.size() == 1);
  CHECK(examples[0].words.at("ends") == std::vector<std::string>{"a b", "c", "3"});
  CHECK(examples[0].label == 2);
  CHECK(!examples[0].fields.contains("ends"));
  REQUIRE(report.skipped.size() == 2);
  CHECK(report.skipped[0].reason == "column \"ends\" is not a list of alternatives");
  CHECK(report.skipped[1].reason == "it has no column \"ends\"");

  columns.choices["ends"] = {{"e1", 0}, {"e2", 0}};
  const auto table = read("q,e1,e2,label\nx,a b,c,B\n", "d.csv", columns, labels);
  CHECK(table.examples.at(0).words.at("ends") == std::vector<std::string>{"a b", "c"});
  CHECK(contains(error_of("q,e1,label\nx,a,B\n", "d.csv", columns, {}), "the header has no column \"e2\""));
}

TEST_CASE("CoNLL: one example per sentence, one label per word") {
  const std::string bytes =
      "-DOCSTART- -X- O O\n\nEU NNP B-ORG\nrejects VBZ O\n\n\nPeter NNP B-PER\nbroken NNP\n\nEnd . O\n";
  RecordLayout columns = layout({}, Column{"", 3});
  columns.words["words"] = {"", 1};
  const LabelIndex labels({{"O", {}, {}}, {"ORG", {}, {"B-ORG", "I-ORG"}}, {"PER", {}, {"B-PER"}}});
  const auto [examples, report] = read(bytes, "d.conll", columns, labels);
  REQUIRE(examples.size() == 2);
  CHECK(examples[0].words.at("words") == std::vector<std::string>{"EU", "rejects"});
  CHECK(examples[0].word_labels == std::vector<int64_t>{1, 0});
  CHECK(examples[0].line == 3);
  CHECK(examples[1].line == 10);
  REQUIRE(report.skipped.size() == 1);
  CHECK(report.skipped[0].line == 7);
}

TEST_CASE("without a field mapping, every column without a role is a field") {
  RecordLayout columns = layout({}, Column{"label", 0});
  const auto [examples, report] = read("premise,hypothesis,label\nx,y,1\n", "d.csv", columns);
  REQUIRE(examples.size() == 1);
  CHECK(examples[0].fields.size() == 2);
  CHECK(examples[0].fields.at("hypothesis") == "y");
}

TEST_CASE("problems of a whole file are a single error") {
  const RecordLayout named = layout({{"text", {"sentense", 0}}}, Column{"label", 0});
  CHECK(contains(error_of("sentence,label\nx,1\n", "d.csv", named), "Did you mean \"sentence\"?"));
  CHECK(contains(error_of("", "d.csv", named), "the data file is empty"));
  CHECK(contains(error_of(" \n\n", "d.csv", named), "the data file is empty"));
  CHECK(contains(error_of("sentense,label\n", "d.csv", named), "has a header but no rows"));
  CHECK(contains(error_of("sentense,label\nx,9\n", "d.csv", named),
                 "none of its examples can be used (1 read); line 2"));
  CHECK(contains(error_of("x,1\n", "d.dat", named),
                 "the file extension does not give the format; set --format,"));
  CHECK(contains(error_of("x\t1\n", "d.tsv", layout({{"text", {"text", 0}}}, {}, false)), "by number"));
  RecordReport report;
  CHECK_THROWS_AS(read_examples("/nonexistent/d.csv", named, sentiment, {}, report), DataError);
  CHECK_THROWS_AS(read_examples(std::filesystem::temp_directory_path(), named, sentiment, {}, report),
                  DataError);
}

TEST_CASE("values in error messages are short, on one line, and cut between characters") {
  CHECK(shown("a\nb\x01") == "a b ");
  CHECK(shown(std::string(59, 'x') + "\xC3\xA9") == std::string(59, 'x') + "...");
  CHECK(shown(std::string(58, 'x') + "\xC3\xA9") == std::string(58, 'x') + "\xC3\xA9");
}

TEST_CASE("each maximal ill-formed UTF-8 subpart is replaced by U+FFFD") {
  // The example of section 3.9 of the Unicode standard: 61 F1 80 80 E1 80 C2 62 80 63 80 BF 64.
  std::string text = "a\xF1\x80\x80\xE1\x80\xC2"
                     "b\x80"
                     "c\x80\xBF"
                     "d";
  const std::string r = "\xEF\xBF\xBD";
  CHECK(replace_invalid_utf8(text) == 6);
  CHECK(text == "a" + r + r + r + "b" + r + "c" + r + r + "d");
  text = "\xED\xA0\x80"; // a surrogate
  CHECK(replace_invalid_utf8(text) == 3);
  text = "caf\xC3\xA9 \xF0\x9F\x98\x80";
  CHECK(replace_invalid_utf8(text) == 0);
  const auto [examples, report] = read("caf\xE9\t1\n", "d.tsv", layout({{"t", {"", 1}}}, Column{"", 2}, false));
  CHECK(examples[0].fields.at("t") == "caf" + r);
  CHECK(report.invalid_bytes == 1);
}

TEST_CASE("several labels per example: lists, and texts with a separator") {
  const LabelIndex topics({{"war", {}, {}}, {"oil", {}, {"crude"}}, {"a, b", {}, {}}});
  RecordLayout several = layout({{"text", {"text", 0}}}, Column{"topics", 0});
  several.multi_label = true;
  const auto sets = [&](const std::string& bytes, const std::string& name, const RecordLayout& with) {
    std::vector<std::optional<std::vector<int64_t>>> found;
    for (const Example& example : read(bytes, name, with, topics, {false, true, true}).examples) {
      CHECK(example.label == -1);
      CHECK(example.word_labels.empty());
      found.push_back(example.label_set);
    }
    return found;
  };
  using Sets = std::vector<std::optional<std::vector<int64_t>>>;
  const std::vector<int64_t> none;
  CHECK(sets("text\ttopics\na\toil, war\nb\t\nc\tcrude,oil\nd\t[\"a, b\"]\n", "d.tsv", several) ==
        Sets{{{0, 1}}, none, {{1}}, {{2}}});
  CHECK(sets("{\"text\": \"a\", \"topics\": [\"war\", \"a, b\"]}\n{\"text\": \"b\", \"topics\": []}\n"
             "{\"text\": \"c\", \"topics\": \"war\"}\n",
             "d.jsonl", several) == Sets{{{0, 2}}, none, {{0}}});
  several.label_separator = " | ";
  CHECK(sets("text,topics\nx,war | oil\n", "d.csv", several) == Sets{{{0, 1}}});

  const Result unknown =
      read("text\ttopics\na\twar | peace\nb\twar\n", "d.tsv", several, topics, {false, true, true});
  CHECK(unknown.examples.size() == 1);
  CHECK(contains(unknown.report.skipped.at(0).reason, "its label \"peace\" is not one of"));
  const Result absent = read("{\"text\": \"a\"}\n{\"text\": \"b\", \"topics\": []}\n", "d.jsonl", several,
                             topics, {false, true, true});
  CHECK(contains(absent.report.skipped.at(0).reason, "it has no label"));
  // Where labels are not required, a set of which one is unknown is unknown.
  CHECK(!read("text\ttopics\na\twar | peace\n", "d.tsv", several, topics, {false, false, true})
             .examples.at(0)
             .label_set);
}

TEST_CASE(
    "a question without an answer has empty lists of answers, and is told from one whose answers are unknown") {
  RecordLayout squad = layout({{"context", {"context", 0}}}, {});
  squad.spans = SpanColumns{"context", {"text", 0}, {"start", 0}};
  squad.optional_roles = true;
  const Result found = read("{\"context\": \"in Rome\", \"text\": [\"Rome\"], \"start\": [3]}\n"
                            "{\"context\": \"in Rome\", \"text\": [], \"start\": []}\n"
                            "{\"context\": \"in Rome\"}\n",
                            "d.jsonl", squad);
  REQUIRE(found.examples.size() == 3);
  CHECK(found.examples[0].spans.size() == 1);
  CHECK(!found.examples[0].unanswerable);
  CHECK(found.examples[1].spans.empty());
  CHECK(found.examples[1].unanswerable);
  CHECK(!found.examples[2].unanswerable);
  CHECK(read("context\ttext\tstart\nin Rome\t\t\n", "d.tsv", squad).examples.at(0).unanswerable);
}
