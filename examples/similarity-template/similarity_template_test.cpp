#include "similarity_template.hpp"

#include <algorithm>

#include <cuecard/error.hpp>
#include <cuecard/testing/word_vocabulary.hpp>

#include <doctest/doctest.h>

using namespace cuecard;
using similarity::SimilarityTemplate;

namespace {

const char* const table = "text\tlabel\n"
                          "the soup was cold\tbad\n"
                          "the cake was sweet\tgood\n"
                          "a cold soup\tbad\n";

SimilarityTemplate made(int64_t k, const std::string& order) {
  Options options;
  options.set("text", std::string("{text} so{\"mask\"}"));
  options.set("predict-eos", false);
  options.set("encoder-decoder", std::string("auto"));
  options.set("chat-format", std::string("auto"));
  options.set("k", k);
  options.set("order", order);
  return SimilarityTemplate(options);
}

void prepare(SimilarityTemplate& prompt_template, const std::string& demonstrations) {
  static const testing::WordVocabulary vocabulary(
      {{"the", {0}}, {"soup", {1}}, {"was", {2}}, {"cold", {3}}, {"cake", {4}}, {"sweet", {5}}, {"a", {6}}}, 9);
  PromptLayout layout;
  layout.causal = true;
  prompt_template.prepare({vocabulary, layout, {{"demonstrations", demonstrations}}});
}

std::string text_of(const Prompt& prompt) {
  std::string text;
  for (const Piece& piece : prompt.input)
    text += piece.kind == Piece::Kind::answer ? "[answer]" : piece.text;
  return text;
}

std::string rendered(int64_t k, const std::string& order, const std::string& text) {
  SimilarityTemplate prompt_template = made(k, order);
  prepare(prompt_template, table);
  Example example;
  example.fields["text"] = text;
  return text_of(prompt_template.render({example}).at(0));
}

} // namespace

// Inverse frequencies of three demonstrations: 1 + ln(4/3) = 1.288 for a word in two of them (the, soup, was, cold), 1 + ln 2 =
// 1.693 for a word in one (cake, sweet, a). "cold soup" has the cosines 0.707 with the first (four equal weights, two in common), 0
// with the second, and 1.288 sqrt(2) / sqrt(2 * 1.288^2 + 1.693^2) = 0.733 with the third.
TEST_CASE("the most similar demonstrations come before the input") {
  CHECK(rendered(1, "nearest-last", "cold soup") == "a cold soup so bad\n\ncold soup so[answer]");
  CHECK(rendered(2, "nearest-last", "cold soup") ==
        "the soup was cold so bad\n\na cold soup so bad\n\ncold soup so[answer]");
  CHECK(rendered(2, "nearest-first", "cold soup") ==
        "a cold soup so bad\n\nthe soup was cold so bad\n\ncold soup so[answer]");
  CHECK(rendered(1, "nearest-last", "sweet") == "the cake was sweet so good\n\nsweet so[answer]");
  CHECK(rendered(9, "nearest-first", "sweet")
            .starts_with("the cake was sweet so good\n\nthe soup was cold so bad\n\na cold"));
}

TEST_CASE("a training example does not show itself, and the content-free prompt shows the first ones") {
  CHECK(rendered(1, "nearest-last", "a cold soup") == "the soup was cold so bad\n\na cold soup so[answer]");
  SimilarityTemplate prompt_template = made(1, "nearest-last");
  prepare(prompt_template, table);
  CHECK(text_of(prompt_template.blank()) == "the soup was cold so bad\n\n so[answer]");
}

TEST_CASE("demonstrations are text of the example, never special tokens, and are not truncated") {
  SimilarityTemplate prompt_template = made(1, "nearest-last");
  prepare(prompt_template, table);
  Example example;
  example.fields["text"] = "sweet";
  const Prompt prompt = prompt_template.render({example}).at(0);
  CHECK(prompt.input.front().kind == Piece::Kind::field);
  CHECK(prompt.input.front().field.empty());
  CHECK(std::ranges::count_if(prompt.input, [](const Piece& piece) { return piece.shortenable; }) == 1);
}

TEST_CASE("another text of the template is that of the demonstrations, too") {
  SimilarityTemplate prompt_template = made(1, "nearest-last");
  prepare(prompt_template, table);
  prompt_template.set_source("Meal: {text} is{\"mask\"}");
  Example example;
  example.fields["text"] = "sweet";
  CHECK(text_of(prompt_template.render({example}).at(0)) ==
        "Meal: the cake was sweet is good\n\nMeal: sweet is[answer]");
}

TEST_CASE("what is saved brings the demonstrations without their file") {
  SimilarityTemplate saved = made(1, "nearest-last"), loaded = made(1, "nearest-last");
  prepare(saved, table);
  prepare(loaded, "");
  CHECK(loaded.state().empty());
  loaded.load_state(saved.state());
  Example example;
  example.fields["text"] = "sweet";
  CHECK(text_of(loaded.render({example}).at(0)) == text_of(saved.render({example}).at(0)));
  CHECK(loaded.state().texts == saved.state().texts);
  loaded.set_source("Meal: {text} is{\"mask\"}");
  CHECK(text_of(loaded.render({example}).at(0)) ==
        "Meal: the cake was sweet is good\n\nMeal: sweet is[answer]");
}

TEST_CASE("a table that can't be read is refused by line") {
  const auto refused = [](const std::string& text, const std::string& why) {
    SimilarityTemplate prompt_template = made(1, "nearest-last");
    CHECK_THROWS_WITH_AS(prepare(prompt_template, text), doctest::Contains(why.c_str()), DataError);
  };
  refused("text\tlabbel\na\tb\n",
          "line 2: it has no label; expected the answer's words in the column \"label\"");
  refused("text\tlabel\na\tb\nc\n", "line 3: it has 1 columns; expected 2");
  refused("words\tlabel\na\tb\n", "line 2: the example has no field \"text\"");
  refused("text\tlabel\na\tb\nc\t\n", "line 3: it has no label");
  SimilarityTemplate soft = made(1, "nearest-last");
  soft.set_source("{\"soft\"} {text} so{\"mask\"}");
  CHECK_THROWS_AS(prepare(soft, table), UsageError);
}
