// How rows become demonstrations and come back from a card. What they do to a model is tested in tests/engine.
#include "in_context.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/named_labels.hpp>

// Behind LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

/// `text` and the words of `tokens`, then the answer; two prompts, of which the second is longer.
class PlainTemplate final : public Template {
public:
  void prepare(const Vocabulary&, const PromptTarget&) override {}
  std::vector<std::string> fields() const override { return {"text", "tokens"}; }
  std::vector<Prompt> render(const Example& example, const std::vector<std::string>* answers) const override {
    if (!example.fields.count("text"))
      throw DataError("no text");
    Piece text, answer;
    text.kind = Piece::Kind::field;
    text.field = "text";
    text.text = example.fields.at("text");
    text.shortenable = true;
    answer.kind = Piece::Kind::answer;
    answer.text = answers ? answers->at(0) : "";
    Prompt first, second;
    first.input = {text, answer};
    second.input = {text, text, answer};
    second.choice = 1;
    return {first, second};
  }
  Prompt blank() const override { return {}; }
  const std::vector<SoftSlot>& soft_slots() const override { return slots_; }
  int64_t answer_slots() const override { return 1; }
  const std::vector<int64_t>& triggers() const override { return triggers_; }
  void set_triggers(const std::vector<int64_t>&) override {}
  std::string source() const override { return {}; }
  void set_source(const std::string&) override {}

private:
  std::vector<SoftSlot> slots_;
  std::vector<int64_t> triggers_;
};

Example example_of(const std::string& text, int64_t label) {
  Example example;
  example.fields["text"] = text;
  example.label = label;
  return example;
}

} // namespace

TEST_CASE("a demonstration is text of nobody: not read, not cut, the choice that its label names") {
  PlainTemplate prompt_template;
  testing::NamedLabels verbalizer{{" no", " yes"}};
  const Task task{"t", prompt_template, verbalizer, {"no", "yes"}, nullptr, nullptr};
  for (const int64_t label : {0, 1}) {
    const Demonstration shown = demonstrated(task, example_of("fine", label));
    REQUIRE(shown.pieces.size() == static_cast<std::size_t>(2 + label));
    for (const Piece& piece : shown.pieces) {
      CHECK(piece.kind != Piece::Kind::answer);
      CHECK(piece.field.empty());
      CHECK_FALSE(piece.shortenable);
    }
    CHECK(shown.pieces.front().kind == Piece::Kind::field); // never special tokens, whatever it spells
    CHECK(shown.pieces.back().kind == Piece::Kind::text);
    CHECK(shown.pieces.back().text == (label ? " yes" : " no"));
  }
}

TEST_CASE("rows come back from a card with their words, side data and order") {
  PlainTemplate prompt_template;
  testing::NamedLabels verbalizer{{" no", " yes"}};
  const Task task{"t", prompt_template, verbalizer, {"no", "yes"}, nullptr, nullptr};
  std::vector<Demonstration> rows;
  for (int i = 0; i < 12; ++i)
    rows.push_back(demonstrated(task, example_of("row " + std::to_string(i), i % 3 == 0)));
  rows[3].example.words["tokens"] = {"a", "", "b c"};
  rows[3].example.meta["source.of"] = "x\ny";
  const std::vector<Demonstration> back = read_demonstrations(task, written(rows, task.labels));
  REQUIRE(back.size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(back[i].example.fields == rows[i].example.fields);
    CHECK(back[i].example.words == rows[i].example.words);
    CHECK(back[i].example.meta == rows[i].example.meta);
    CHECK(back[i].example.label == rows[i].example.label);
    CHECK(back[i].pieces.size() == rows[i].pieces.size());
  }
}
