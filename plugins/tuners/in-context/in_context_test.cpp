// How examples become demonstrations, and their state in a card. Their effect on a model is tested in
// tests/engine.
#include "in_context.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/named_labels.hpp>
#include <cuecard/testing/slotted_template.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

/// The field `text`, then the answer; two prompts, of which the second has the field twice.
class PlainTemplate final : public testing::SlottedTemplate {
public:
  PlainTemplate() : SlottedTemplate({}) {}

  std::vector<std::string> fields() const override { return {"text", "tokens"}; }
  std::vector<Prompt> render(const RenderArgs& args) const override {
    if (!args.example.fields.count("text"))
      throw DataError("no text");
    Piece text = Piece::field_of("text", args.example.fields.at("text"));
    text.shortenable = true;
    const Piece answer = Piece::answer_slot(0, args.answers ? args.answers->at(0) : "");
    Prompt first, second;
    first.input = {text, answer};
    second.input = {text, text, answer};
    second.choice = 1;
    return {first, second};
  }
};

Example example_of(const std::string& text, int64_t label) {
  Example example;
  example.fields["text"] = text;
  example.label = label;
  return example;
}

} // namespace

TEST_CASE("a demonstration is plain text: no answer slot, no field name, not shortenable, the choice given by "
          "its label") {
  PlainTemplate prompt_template;
  testing::NamedLabels verbalizer{{" no", " yes"}};
  const Task task{"t", prompt_template, verbalizer, {"no", "yes"}, nullptr, nullptr};
  for (const int64_t label : {0, 1}) {
    const Demonstration demonstration = make_demonstration(task, example_of("fine", label));
    REQUIRE(demonstration.pieces.size() == static_cast<std::size_t>(2 + label));
    for (const Piece& piece : demonstration.pieces) {
      CHECK(piece.kind != Piece::Kind::answer);
      CHECK(piece.field.empty());
      CHECK_FALSE(piece.shortenable);
    }
    CHECK(demonstration.pieces.front().kind == Piece::Kind::field); // so it never becomes special tokens
    CHECK(demonstration.pieces.back().kind == Piece::Kind::text);
    CHECK(demonstration.pieces.back().text == (label ? " yes" : " no"));
  }
}

TEST_CASE("a card restores demonstrations with their words, side data and order") {
  PlainTemplate prompt_template;
  testing::NamedLabels verbalizer{{" no", " yes"}};
  const Task task{"t", prompt_template, verbalizer, {"no", "yes"}, nullptr, nullptr};
  std::vector<Demonstration> demonstrations;
  for (int i = 0; i < 12; ++i)
    demonstrations.push_back(make_demonstration(task, example_of("example " + std::to_string(i), i % 3 == 0)));
  demonstrations[3].example.words["tokens"] = {"a", "", "b c"};
  demonstrations[3].example.meta["source.of"] = "x\ny";
  const std::vector<Demonstration> restored = from_texts(task, to_texts(demonstrations, task.labels));
  REQUIRE(restored.size() == demonstrations.size());
  for (std::size_t i = 0; i < demonstrations.size(); ++i) {
    CHECK(restored[i].example.fields == demonstrations[i].example.fields);
    CHECK(restored[i].example.words == demonstrations[i].example.words);
    CHECK(restored[i].example.meta == demonstrations[i].example.meta);
    CHECK(restored[i].example.label == demonstrations[i].example.label);
    CHECK(restored[i].pieces.size() == demonstrations[i].pieces.size());
  }
}
