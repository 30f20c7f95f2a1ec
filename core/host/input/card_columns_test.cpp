#include <doctest/doctest.h>

#include <string>

#include <cuecard/error.hpp>

#include "host/input/card_columns.hpp"

using namespace cuecard;
using namespace cuecard::host;

namespace {

using Given = std::map<std::string, std::vector<std::string>>;

/// A card whose task had the columns "sentence" (the template's field "text") and "gold", with a header.
CardColumns named_card(bool needs_answer) {
  CardColumns card{"sst2", RecordLayout(), {"text"}, needs_answer};
  card.columns->fields["text"] = {"sentence", 0};
  card.columns->label = {"gold", 0};
  return card;
}

/// The same with columns 1 and 2 of files without a header.
CardColumns numbered_card(bool needs_answer) {
  CardColumns card{"sst2", RecordLayout(), {"text"}, needs_answer};
  card.columns->header = false;
  card.columns->fields["text"] = {"", 1};
  card.columns->label = {"", 2};
  return card;
}

std::string column_text(const Column& column) {
  return column.name.empty() ? std::to_string(column.number) : column.name;
}

/// "text column/label column/header", or why the file is refused.
std::string read_as(const CardColumns& card, const std::string& bytes, const std::string& origin = "data.tsv",
                    const Given& given = {}) {
  const CuecardCall call{"predict", given};
  try {
    const RecordLayout layout = layout_for(Values(call), card, bytes, origin);
    const auto text = layout.fields.find("text");
    return (text == layout.fields.end() ? "any" : column_text(text->second)) + "/" +
           (layout.label ? column_text(*layout.label) : "none") + (layout.header ? "/header" : "/no header");
  } catch (const DataError& error) {
    return error.what();
  }
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("the columns of the card's task, if the file has them") {
  CHECK(read_as(named_card(true), "gold\tsentence\n1\ta\n") == "sentence/gold/header");
  CHECK(read_as(named_card(false), "id\tsentence\n1\ta\n") == "sentence/gold/header"); // predict needs no label
  CHECK(read_as(named_card(true), "{\"sentence\": \"a\", \"gold\": 1}", "data.jsonl") ==
        "sentence/gold/header");
  CHECK(read_as(numbered_card(true), "a film\t1\nanother\t0\n") == "1/2/no header");
}

TEST_CASE("a file need not have the ids that the task's files had") {
  CardColumns card = named_card(true);
  card.columns->id = {"key", 0};
  const CuecardCall call{"eval", {}};
  const RecordLayout layout = layout_for(Values(call), card, "sentence\tgold\na\t1\n", "data.tsv");
  CHECK(layout.fields.at("text").name == "sentence");
  CHECK(layout.optional_roles);
}

TEST_CASE("a file with the card's references need not have its answers") {
  CardColumns card{"e2e", RecordLayout(), {"facts"}, true};
  card.columns->fields["facts"] = {"mr", 0};
  card.columns->answers = Column{"ref", 0};
  card.columns->references = Column{"refs", 0};
  const CuecardCall call{"eval", {}};
  const RecordLayout layout = layout_for(Values(call), card, "mr\trefs\na\tb\n", "data.tsv");
  CHECK(layout.fields.at("facts").name == "mr");
  CHECK_THROWS_AS(layout_for(Values(call), card, "mr\tref\na\tb\n", "data.tsv"), DataError);
}

TEST_CASE("otherwise columns named like the template's fields") {
  CHECK(read_as(named_card(true), "text\tlabel\na\t1\n") == "any/label/header");
  CHECK(read_as(numbered_card(true), "{\"text\": \"a\", \"label\": 1}", "data.jsonl") == "any/label/header");
  CHECK(read_as(numbered_card(true), "text\tlabel\na\t1\n") ==
        "any/label/header"); // its first line is a header
  CHECK(read_as(numbered_card(true), "text\tlabel\na\t1\n", "data.tsv", {{"no-header", {"true"}}}) ==
        "1/2/no header");
}

TEST_CASE("otherwise the error names what the card expects and what the file has") {
  const std::string refused = read_as(named_card(true), "sentence\tlable\na\t1\n");
  CHECK(contains(refused,
                 "data.tsv: the card \"sst2\" expects column \"sentence\" (text) and column \"gold\" (label), "
                 "and the file has \"sentence\", \"lable\"; "));
  CHECK(contains(refused, "--column ROLE=COLUMN"));
  CHECK(contains(read_as(named_card(false), "a\tb\na\t1\n"),
                 "expects column \"sentence\" (text), and the file has \"a\", \"b\""));
  CHECK(contains(read_as(numbered_card(true), "a film\nanother\n"),
                 "expects column 1 (text) and column 2 (label), and the file has 1 column;"));
}

TEST_CASE("errors of a file without columns are reported by its reader") {
  CHECK(read_as(named_card(true), "") == "sentence/gold/header");
}

TEST_CASE("flags take precedence over the card") {
  CHECK(read_as(named_card(false), "body\tsentence\na\tb\n", "data.tsv", {{"column", {"text=body"}}}) ==
        "body/gold/header");
  CHECK(read_as(named_card(true), "sentence\ty\na\t1\n", "data.tsv", {{"column", {"label=y"}}}) ==
        "sentence/y/header");
  // All that is needed is named, so the file need not have the card's label.
  CHECK(read_as(named_card(true), "body\ty\na\t1\n", "data.tsv", {{"column", {"text=body", "label=y"}}}) ==
        "body/y/header");
}

TEST_CASE("a card that does not know the columns of its task") {
  CHECK(read_as({"old", {}, {"text"}, true}, "a\tb\n1\t2\n") == "any/label/header");
}

TEST_CASE("how the card's files were written applies to files of that format") {
  CardColumns card = named_card(true);
  card.columns->format = DataFormat::tsv;
  card.columns->separator = ';';
  CHECK(read_as(card, "sentence;gold\na;1\n") == "sentence/gold/header");
  CHECK(read_as(card, "sentence,gold\na,1\n", "data.csv") == "sentence/gold/header");
}

TEST_CASE("the columns of a file of words are not those of a table") {
  CardColumns card{"ner", RecordLayout(), {"words"}, false};
  card.columns->format = DataFormat::conll;
  card.columns->words["words"] = {"", 1};
  card.columns->label = {"", 4};
  CHECK(read_as(card, "words\nJohn lives here\n", "data.csv") == "any/label/header");
  CHECK(contains(read_as(card, "text\nJohn lives here\n", "data.csv"),
                 "expects column \"words\", and the file has \"text\";"));
  CHECK(contains(read_as(card, "{\"text\": \"John\"}", "data.jsonl"),
                 "expects column \"words\", and the file has \"text\";"));
}

TEST_CASE("objects that come one by one are read by the card's columns if they have them") {
  const CuecardCall call{"predict", {}};
  RecordLayout named;
  named.id = Column{"id", 0};
  const ObjectColumns columns(Values(call), named_card(false), named);
  CHECK(columns.of({"sentence"}).fields.at("text").name == "sentence");
  CHECK(columns.of({"text"}).fields.empty());
  CHECK(columns.of({}).fields.empty());
  CHECK(ObjectColumns(Values(call), numbered_card(false), named).of({"text"}) == named);
  CHECK(ObjectColumns(Values(call), {"old", {}, {"text"}, false}, named).of({"text"}) == named);
}
