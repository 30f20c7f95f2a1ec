#include "my_plugin.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/character_vocabulary.hpp>

#include <doctest/doctest.h>

using namespace cuecard;
using my_plugin::MyPlugin;

namespace {

MyPlugin prepared(const std::string& text) {
  static const testing::CharacterVocabulary vocabulary;
  Options options;
  options.set("text", text);
  options.set("predict-eos", false);
  options.set("encoder-decoder", std::string("auto"));
  options.set("chat-format", std::string("auto"));
  options.set("line", std::string("Answer briefly."));
  MyPlugin result(options);
  PromptLayout layout;
  layout.causal = true;
  result.prepare({vocabulary, layout, {}});
  return result;
}

std::string text_of(const Prompt& prompt) {
  std::string text;
  for (const Piece& piece : prompt.input)
    text += piece.text;
  return text;
}

} // namespace

TEST_CASE("the line comes before the prompt, and before the content-free one") {
  const MyPlugin prompt_template = prepared("Review: {text}{\"mask\"}");
  CHECK(prompt_template.fields() == std::vector<std::string>{"text"});
  Example example;
  example.fields["text"] = "A fine film.";
  const std::vector<Prompt> prompts = prompt_template.render({example});
  REQUIRE(prompts.size() == 1);
  CHECK(text_of(prompts[0]) == "Answer briefly.\nReview: A fine film.");
  CHECK(text_of(prompt_template.blank()).starts_with("Answer briefly.\n"));
}

TEST_CASE("what a row says never becomes part of the template") {
  const MyPlugin prompt_template = prepared("{text}{\"mask\"}");
  Example example;
  example.fields["text"] = "{\"soft\"} {text}";
  const std::vector<Prompt> prompts = prompt_template.render({example});
  CHECK(text_of(prompts[0]) == "Answer briefly.\n{\"soft\"} {text}");
  CHECK(prompt_template.soft_slots().empty());
}

TEST_CASE("a field that the row lacks is named") {
  const MyPlugin prompt_template = prepared("{text}{\"mask\"}");
  CHECK_THROWS_WITH_AS(static_cast<void>(prompt_template.render({Example{}})), doctest::Contains("text"),
                       DataError);
}
