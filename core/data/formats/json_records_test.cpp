// Expected values are those of Python: json.loads of each line, pandas.read_json(lines=True) and json.load.
#include <doctest/doctest.h>

#include <algorithm>

#include <cuecard/error.hpp>

#include "data/formats/readers.hpp"

using namespace cuecard;

namespace {

struct Result {
  std::vector<std::string> texts;
  std::vector<int64_t> lines;
  RecordReport report;
};

Result read(const std::string& bytes) {
  RecordLayout layout;
  layout.fields["text"] = {"text", 0};
  Result result;
  for (const Example& example : parse_examples(bytes, "d.json", layout, {}, {}, result.report)) {
    result.texts.push_back(example.fields.at("text"));
    result.lines.push_back(example.line);
  }
  return result;
}

using Texts = std::vector<std::string>;
using Lines = std::vector<int64_t>;

} // namespace

TEST_CASE("a list of objects is rows, on one line or on several") {
  // json.dumps(rows), json.dumps(rows, indent=2), one object a line between brackets, and commas first.
  CHECK(read(R"([{"text": "a"}, {"text": "b"}])").texts == Texts{"a", "b"});
  const Result indented =
      read("[\n  {\n    \"text\": \"a [1] {\\\"}\"\n  },\n  {\n    \"text\": \"b\"\n  }\n]\n");
  CHECK(indented.texts == Texts{"a [1] {\"}", "b"});
  CHECK(indented.lines == Lines{2, 5});
  CHECK(read("[\n{\"text\": \"a\"},\n{\"text\": \"b\"}\n]").lines == Lines{2, 3});
  CHECK(read("[{\"text\": \"a\"}\n,{\"text\": \"b\"}\n]").texts == Texts{"a", "b"});
  CHECK(read("\n\n[{\"text\": \"a\"}]\n").texts == Texts{"a"});
}

TEST_CASE("objects over several lines, and the rows under \"data\"") {
  const Result result = read("{\n  \"text\": \"a\"\n}\n{\n  \"text\": \"b\"\n}\n{\"text\": \"c\"}\n");
  CHECK(result.texts == Texts{"a", "b", "c"});
  CHECK(result.lines == Lines{1, 4, 7});
  CHECK(read(R"({"version": "1", "data": [{"text": "a"}, {"text": "b"}]})").texts == Texts{"a", "b"});
  // pandas.DataFrame.to_json(orient="table", indent=1)
  CHECK(
      read(
          "{\n \"schema\":{\"fields\":[{\"name\":\"text\"}]},\n \"data\":[\n  {\"index\":0,\"text\":\"a\"}\n ]\n}")
          .texts == Texts{"a"});
  CHECK(read(R"({"text": "a", "data": [{"text": "b"}]})").texts == Texts{"a"}); // a row with a list of its own
}

TEST_CASE("elements that are not rows are named one by one") {
  const Result result = read("[\n{\"text\": \"a\"},\n5,\n{\"text\": oops},\n[1],\n{\"text\": \"b\"}\n]");
  CHECK(result.texts == Texts{"a", "b"});
  CHECK(result.report.records == 5);
  REQUIRE(result.report.skipped.size() == 3);
  CHECK(result.report.skipped[0].line == 3);
  CHECK(result.report.skipped[0].reason == "it is not a JSON object");
  CHECK(
      result.report.skipped[1].reason ==
      "it is not valid JSON: \"oops\" is not a JSON value; a text needs double quotation marks (character 10)");
  CHECK(result.report.skipped[2].line == 5);
}

TEST_CASE("a truncated line does not affect other lines") {
  const Result result =
      read("{\"text\": \"a\",\n{\"text\": \"b\"}\n{\"text\":\n{\"text\": \"c\"}}\n[\n{\"text\": \"d\"}\n");
  CHECK(result.texts == Texts{"b", "d"});
  CHECK(result.report.skipped.size() == 3);
  std::string brackets = "{\"text\": \"a\"}\n";
  for (int i = 0; i < 100000; ++i)
    brackets += "{\n";
  CHECK(read(brackets).report.skipped.size() == 100000);
  brackets = "[\n" + std::string(100000, ',') + "\n{\"text\": \"a\"}]";
  CHECK(read(brackets).texts == Texts{"a"});
}

TEST_CASE("what Python's json writes beyond the standard is read") {
  // json.dumps("\ud83d film"), json.dumps("\ude00"), a whole pair, and the text \ud83d itself.
  const Result halves = read("{\"text\": \"\\ud83d film\"}\n{\"text\": \"\\uDE00\\ud83d\\ude00\"}\n"
                             "{\"text\": \"\\\\ud83d\"}\n");
  CHECK(halves.texts == Texts{"\xEF\xBF\xBD film", "\xEF\xBF\xBD\xF0\x9F\x98\x80", "\\ud83d"});
  CHECK(halves.report.invalid_bytes == 0);
  CHECK(halves.report.remarks() ==
        "d.json: 2 escapes of half a character, such as \\ud83d, were read as U+FFFD.");
  // json.dumps({"text": "NaN", "score": float("nan"), "low": -math.inf, "scores": [math.inf]})
  const Result not_numbers = read(
      "{\"text\": \"NaN Infinity\", \"score\": NaN, \"low\": -Infinity, \"scores\": [Infinity]}\n{\"text\": NaN}\n");
  CHECK(not_numbers.texts == Texts{"NaN Infinity"});
  REQUIRE(not_numbers.report.skipped.size() == 1);
  CHECK(not_numbers.report.skipped[0].reason == "it has no column \"text\"");
  // json.dumps({1: "a", "1": "b"}) writes a key twice; json.loads takes the last.
  const Result twice = read("{\"text\": \"a\", \"x\": {\"k\": 1, \"k\": 2}, \"text\": \"b\"}");
  CHECK(twice.texts == Texts{"b"});
  CHECK(twice.report.remarks() ==
        "d.json: 2 keys appeared twice in their objects, and their last values were used.");
}

TEST_CASE("numbers beyond float64 are infinite, as in Python, and count as absent") {
  // json.loads("1e999") == math.inf; digits without an exponent are an int there.
  const Result huge = read("{\"text\": \"a 1e999\", \"v\": 1e999, \"w\": [-1E+400, 2], \"x\": 1e-999}\n"
                           "{\"text\": 1e999}\n{\"text\": \"b\", \"v\": 123456789012345678901234567890}\n");
  CHECK(huge.texts == Texts{"a 1e999", "b"});
  REQUIRE(huge.report.skipped.size() == 1);
  CHECK(huge.report.skipped[0].reason == "it has no column \"text\"");
}

TEST_CASE("what is wrong with JSON is said, with its place") {
  const auto reason = [](const std::string& line) {
    const Result result = read("{\"text\": \"a\"}\n" + line + "\n");
    return result.report.skipped.empty() ? "" : result.report.skipped[0].reason;
  };
  const std::string begin = "it is not valid JSON: ";
  CHECK(reason("{\"text\":\"\xC3\xA9\tb\"}") ==
        begin + "a tab, a line break or another control character in a string is not escaped (character 11)");
  CHECK(reason("{\"text\":\"a\"}{\"text\":\"b\"}") ==
        begin + "there is more after its end; write one value on each line (character 13)");
  CHECK(reason("{\"text\":\"a\"},") == begin + "there is a comma after its end (character 13)");
  CHECK(reason("{\"text\":\"a\",}") == begin + "there is a comma before a closing bracket (character 13)");
  CHECK(reason("{\"text\":\"a}") == begin + "a string has no closing quotation mark");
  CHECK(reason("{\"text\" \"a\"}") == begin + "':' is missing (character 11)");
  CHECK(reason("{\"text\":\"a\", \"ok\":True}") ==
        begin + "\"True\" is not a JSON value; a text needs double quotation marks (character 19)");
}

TEST_CASE("blank lines are not records") {
  const Result result = read("{\"text\": \"a\"}\n\n  \n{\"text\": \"b\"}\n\n");
  CHECK(result.texts == Texts{"a", "b"});
  CHECK(result.lines == Lines{1, 4});
  CHECK(result.report.records == 2);
  CHECK(result.report.skipped.empty());
}

TEST_CASE("a key with a dot is the column of that name, whatever is nested") {
  RecordLayout layout;
  layout.fields["text"] = {"a.b", 0};
  RecordReport report;
  const std::string nested = R"({"a":{"b":"nested"},"a.b":"flat"})",
                    after = R"({"a.b":"flat","a":{"b":"nested"}})";
  for (const Example& example : parse_examples(nested + "\n" + after + "\n", "d.jsonl", layout, {}, {}, report))
    CHECK(example.fields.at("text") == "flat");
  RecordLayout all;
  CHECK(parse_examples(nested, "d.jsonl", all, {}, {}, report).at(0).fields.at("a.b") == "flat");
}

TEST_CASE("numbers keep their digits") {
  RecordLayout layout;
  layout.fields["text"] = {"text", 0};
  layout.id = Column{"id", 0};
  RecordReport report;
  const auto examples = parse_examples("{\"text\": \"a\", \"id\": 12345678901234567890123}\n"
                                       "{\"text\": \"a\", \"id\": 1.10}\n",
                                       "d.jsonl", layout, {}, {}, report);
  CHECK(examples[0].id == "12345678901234567890123");
  CHECK(examples[1].id == "1.10");
}

TEST_CASE("the keys of the first objects determine how all are read") {
  RecordLayout by_task, by_name;
  by_task.fields["text"] = {"sentence", 0};
  by_name.fields["text"] = {"text", 0};
  std::vector<std::string> found;
  const auto texts_of = [&](const std::string& bytes) {
    const LayoutOfKeys layout_of = [&](const std::vector<std::string>& keys) -> const RecordLayout& {
      found = keys;
      return std::ranges::find(keys, "sentence") == keys.end() ? by_name : by_task;
    };
    RecordReport report;
    Texts texts;
    for (const Example& example : parse_objects(bytes, "input", layout_of, report))
      texts.push_back(example.fields.at("text"));
    CHECK(report.records == std::ssize(texts));
    return texts;
  };
  CHECK(texts_of(R"([{"sentence": "a", "id": 1}, {"id": 2, "sentence": "b", "text": "c"}])") ==
        Texts{"a", "b"});
  CHECK(found == Texts{"sentence", "id", "text"});
  CHECK(texts_of(R"({"text": "a"})") == Texts{"a"});
  std::string many; // more objects than are looked at
  for (int i = 0; i < 150; ++i)
    many += "{\"sentence\": \"" + std::to_string(i) + "\"}\n";
  CHECK(texts_of(many).size() == 150);
  CHECK(texts_of(many)[149] == "149");
}

TEST_CASE("an example needs a text beside its numbers") {
  RecordLayout layout;
  const auto reason = [&](const std::string& line) {
    RecordReport report;
    parse_examples(line + "\n{\"text\": \"a\"}\n", "d.jsonl", layout, {}, {}, report);
    return report.skipped.empty() ? "" : report.skipped[0].reason;
  };
  CHECK(reason("{\"text\": 5}") == "its only text, \"text\", is 5; expected a string");
  CHECK(reason("{\"text\": \"x\", \"year\": 1999}") == "");
  layout.fields["text"] = {"text", 0};
  CHECK(reason("{\"text\": true}") == "its only text, \"text\", is true; expected a string");
  CHECK(reason("{\"text\": \"5\"}") == "");
}

TEST_CASE("a dictionary as Python prints it is named as such") {
  const Result result = read("{\"text\": \"a\"}\n{'text': 'b'}\n");
  REQUIRE(result.report.skipped.size() == 1);
  CHECK(result.report.skipped[0].reason.find("json.dumps") != std::string::npos);
}

TEST_CASE("a table laid out in another way than by rows is named, with what to do") {
  const auto refusal = [](const std::string& bytes) {
    RecordLayout layout;
    layout.fields["text"] = {"text", 0};
    RecordReport report;
    try {
      parse_examples(bytes, "d.json", layout, {}, {}, report);
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  // pandas: to_json, orient="columns" being the default, then "index" and "split".
  CHECK(refusal(R"({"text":{"0":"a","1":"b"},"label":{"0":1,"1":0}})")
            .ends_with(
                "did you mean \"text.0\"?); the file looks like a table of orient=\"columns\" or \"index\" in "
                "pandas; write it with orient=\"records\"."));
  CHECK(refusal(R"({"0":{"text":"a","label":1},"1":{"text":"b","label":0}})")
            .ends_with("write it with orient=\"records\"."));
  CHECK(refusal(R"({"columns":["text","label"],"index":[0,1],"data":[["a",1],["b",0]]})")
            .ends_with("a table of orient=\"split\" in pandas; write it with orient=\"records\"."));
  CHECK(refusal(R"({"train":[{"text":"a"}],"n":1})")
            .ends_with("the rows may be those of its list \"train\"; save that list alone."));
  CHECK(refusal(R"({"premise":"a","nested":{"k":1}})").ends_with("it has no column \"text\"."));
}
