// Files of one JSON object that holds all rows: expected values are the rows of pandas.DataFrame(json.load(file)) or
// datasets.load_dataset("json", field="data").
#include <doctest/doctest.h>

#include <algorithm>

#include <cuecard/error.hpp>

#include "data/formats/readers.hpp"

using namespace cuecard;

namespace {

using Texts = std::vector<std::string>;

const LabelIndex sentiment({{"negative", {}, {"0"}}, {"positive", {}, {"1"}}});

RecordLayout usual() {
  RecordLayout layout;
  layout.fields["text"] = {"text", 0};
  layout.label = Column{"label", 0};
  return layout;
}

/// "TEXT=LABEL" for each example, or "!ERROR".
Texts read(const std::string& bytes, const RecordLayout& layout = usual()) {
  RecordReport report;
  Texts rows;
  try {
    for (const Example& example : parse_examples(bytes, "d.json", layout, sentiment, {}, report))
      rows.push_back(example.fields.at("text") + "=" + std::to_string(example.label));
  } catch (const DataError& error) {
    return {"!" + std::string(error.what())};
  }
  return rows;
}

bool refuses(const Texts& rows, const std::string& part) {
  return rows.size() == 1 && rows[0].starts_with("!") && rows[0].find(part) != std::string::npos;
}

} // namespace

TEST_CASE("an object with a list for each column is a table where a row can't be meant") {
  // json.dumps(dataset.to_dict()) and json.dumps(frame.to_dict("list"), indent=1)
  CHECK(read(R"({"text":["a fine film","a bad film"],"label":[1,0]})") ==
        Texts{"a fine film=1", "a bad film=0"});
  CHECK(read("{\n \"text\": [\n  \"a\",\n  \"b\"\n ],\n \"label\": [\n  1,\n  0\n ]\n}\n") ==
        Texts{"a=1", "b=0"});
  CHECK(read(R"({"text":["a"],"label":[1]})") == Texts{"a=1"});
  // What no column is may be anything, and a gap is one of its row alone.
  CHECK(read(R"({"text":["a",null,"c"],"label":[1,0,0],"note":"x","sizes":[1,2]})") == Texts{"a=1", "c=0"});
  RecordLayout nested;
  nested.fields["text"] = {"pair.first", 0};
  nested.label = Column{"label", 0};
  CHECK(read(R"({"pair":[{"first":"a"},{"first":"b"}],"label":[1,0]})", nested) == Texts{"a=1", "b=0"});
  nested.fields["text"] = {"pair.0.first", 0};
  nested.label = std::nullopt;
  CHECK(read(R"({"pair":[{"first":"a"},{"first":"b"}]})", nested) == Texts{"a=-1"});
}

TEST_CASE("lists of words, alternatives and labels are one example's, and lists of lists a table's") {
  RecordLayout layout;
  layout.words["words"] = {"tokens", 0};
  layout.label = Column{"tags", 0};
  const auto sentences = [&](const std::string& bytes) {
    RecordReport report;
    std::vector<Texts> result;
    for (const Example& example : parse_examples(bytes, "d.json", layout, sentiment, {}, report)) {
      CHECK(example.word_labels.size() == example.words.at("words").size());
      result.push_back(example.words.at("words"));
    }
    return result;
  };
  CHECK(sentences(R"({"tokens":["New York","is"],"tags":[1,0]})") == std::vector<Texts>{{"New York", "is"}});
  CHECK(sentences(R"({"tokens":[["a","b"],["c"]],"tags":[[1,0],[0]]})") ==
        std::vector<Texts>{{"a", "b"}, {"c"}});
  RecordLayout choices = usual();
  choices.choices["ends"] = {{"ends", 0}};
  RecordReport report;
  const auto rows = parse_examples(R"({"text":["a","b"],"ends":[["c","d"],["e","f"]],"label":[1,0]})", "d.json",
                                   choices, sentiment, {}, report);
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].words.at("ends") == Texts{"e", "f"});
  CHECK(rows[1].label == 0);
}

TEST_CASE("a list is never joined to one text") {
  const std::string sentence =
      "column \"text\" is a list of 2; expected a text (lists of words belong to \"words\", alternatives to "
      "\"choices\")";
  CHECK(refuses(read("{\"text\":[\"a\",\"b\"],\"label\":1}"), sentence));
  CHECK(refuses(read(R"({"text":["a","b"],"label":[1,0,0]})"), "and the lists differ in length."));
  CHECK(read("{\"text\":\"a\",\"label\":1}\n{\"text\":[\"a\",\"b\"],\"label\":[1,0]}\n") == Texts{"a=1"});
  RecordLayout pair = usual();
  pair.choices["ends"] = {{"e1", 0}, {"e2", 0}};
  CHECK(refuses(read(R"([{"text":"x","e1":["a","b"],"e2":"c","label":1}])", pair),
                "column \"e1\" is a list of 2"));
  // A sentence of a column file is a text when its words are joined.
  RecordLayout columns;
  columns.fields["text"] = {"", 1};
  RecordReport report;
  CHECK(parse_examples("a O\nfilm O\n", "d.conll", columns, {}, {}, report).at(0).fields.at("text") ==
        "a film");
}

TEST_CASE(
    "where nothing says what the columns are, lists of texts are refused, and lists of words are one example") {
  const RecordLayout unknown;
  CHECK(refuses(read(R"({"text":["a fine film","a bad film"],"label":[0,1]})", unknown),
                "has a list of 2 for each key, so it may be a table or one example"));
  CHECK(read(R"({"text":["fine","film"]})", unknown) == Texts{"fine film=-1"});
}

TEST_CASE("objects that come one by one may hold tables, too") {
  RecordLayout task = usual(), by_name;
  task.fields["text"] = {"sentence", 0};
  by_name.id = Column{"id", 0};
  const auto texts_of = [&](const std::string& bytes) {
    const LayoutOfKeys layout_of = [&](const std::vector<std::string>& keys) -> const RecordLayout& {
      return std::ranges::find(keys, "sentence") == keys.end() ? by_name : task;
    };
    RecordReport report;
    Texts texts;
    for (const Example& example : parse_objects(bytes, "input", layout_of, report))
      texts.push_back(example.fields.begin()->second);
    return texts;
  };
  CHECK(texts_of(R"({"sentence":["a b",null,"c"],"label":[0,1,1]})") == Texts{"a b", "c"});
  CHECK(texts_of(R"({"words":["a","b"]})") == Texts{"a b"});
  CHECK_THROWS_AS(texts_of(R"({"text":["a b","c"]})"), DataError);
  CHECK(texts_of(R"({"n":2,"data":[{"sentence":"a"},{"sentence":"b"}]})") == Texts{"a", "b"});
}

TEST_CASE("the rows under \"data\" may have values beside them that no column is") {
  CHECK(read(R"({"version":"1.1","data":[{"text":"a","label":0},{"text":"b","label":1}],"n":2})") ==
        Texts{"a=0", "b=1"});
  CHECK(read(R"({"license":"x","data":[{"text":"a","label":0}]})") == Texts{"a=0"});
  CHECK(read(R"({"text":"a","label":1,"data":[{"text":"b","label":0}]})") == Texts{"a=1"});
  CHECK(read("{\"text\":\"a\",\"label\":1,\"n\":1,\"data\":[{\"k\":1}]}\n{\"text\":\"b\",\"label\":0}\n") ==
        Texts{"a=1", "b=0"});
  CHECK(column_names(R"({"n":2,"data":[{"text":"a"}]})", "d.json", {}) == Texts{"text"});
  RecordLayout unknown;
  CHECK(read(R"({"text":"a","data":[{"text":"b"}]})", unknown) == Texts{"a=-1"});
}

TEST_CASE("SQuAD's own nesting is named, with what to do") {
  RecordLayout squad;
  squad.fields["text"] = {"context", 0};
  const std::string file =
      R"({"version":"1.1","data":[{"title":"t","paragraphs":[{"context":"c","qas":[{"id":"1","question":"q"}]}]}]})";
  CHECK(refuses(read(file, squad), "the file is nested as SQuAD's own are; write an object for each question, "
                                   "data[].paragraphs[].qas[], with the context of its paragraph."));
}
