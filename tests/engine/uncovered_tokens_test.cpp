// Tokens that the tokenizer has but the model's embedding table lacks: a row with one can't be used, and a word or text of the
// task with one is refused when it is read.
#include <ATen/ATen.h>

#include <cuecard/error.hpp>

#include "../parity/saved_otherwise.hpp"
#include "engine/tokenized_example.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// The tiny model with a token <x> just beyond its table, and one more.
Model with_token(const std::string& name, int64_t& rows) {
  SavedOtherwise saved(name);
  rows = saved.config.at("vocab_size").get<int64_t>();
  for (const auto& [content, id] : {std::pair{"<x>", rows}, {"<y>", rows + 1}})
    saved.tokenizer["added_tokens"].push_back({{"id", id},
                                               {"content", content},
                                               {"single_word", false},
                                               {"lstrip", false},
                                               {"rstrip", false},
                                               {"normalized", false},
                                               {"special", false}});
  return saved.load();
}

Example row(const std::string& text) {
  Example example;
  example.fields["text"] = text;
  return example;
}

} // namespace

TEST_CASE("a row, a label word and an initial text with a token beyond the table say which token it is") {
  for (const auto& [name, text] :
       {std::pair{"llama-tied", "{text} it is{\"mask\"}"}, {"bert-mlm", "{text} it is {\"mask\"} ."}}) {
    CAPTURE(name);
    int64_t rows = 0;
    const Model model = with_token(name, rows);
    const std::string named = "\"<x>\" has the id " + std::to_string(rows) +
                              ", and the model's embedding table has only " + std::to_string(rows) + " rows";
    const TaskPipeline pipeline = two_label_pipeline(model, "m", text, "manual");
    CHECK(tokenized(pipeline, model, row("a film")).size() == 1);
    CHECK_THROWS_WITH_AS(tokenized(pipeline, model, row("a <x> film")), doctest::Contains(named.c_str()),
                         DataError);
    CHECK_THROWS_WITH_AS(
        tokenized(two_label_pipeline(model, "m", "a <x> " + std::string(text), "manual"), model, row("a film")),
        doctest::Contains(named.c_str()), DataError);
    CHECK_THROWS_WITH_AS(two_label_pipeline(model, "m", text, "prompt-tuning",
                                            {{"init", "text"}, {"init-text", "a <x> film"}, {"length", "4"}}),
                         doctest::Contains(named.c_str()), DataError);
    PipelineChoice choice;
    choice.prompt_template.set = {{"text", text}};
    choice.labels = {"negative", "positive"};
    choice.label_words = {{"bad"}, {"<x>"}};
    CHECK_THROWS_WITH_AS(make_pipeline(model, plugins(), choice), doctest::Contains(named.c_str()), DataError);
  }
}

TEST_CASE("a special token beyond the table, which comes in by its role, is named, too") {
  SavedOtherwise saved("bert-mlm");
  const auto rows = saved.config.at("vocab_size").get<int64_t>();
  const std::string words = "bert.embeddings.word_embeddings.weight";
  const int64_t mask = saved.tokenizer.at("model").at("vocab").at("[MASK]").get<int64_t>();
  // The mask moves beyond the table, and another token takes its id.
  saved.tokenizer["model"]["vocab"].erase("[MASK]");
  saved.tokenizer["model"]["vocab"]["taken"] = mask;
  for (auto& token : saved.tokenizer["added_tokens"])
    if (token["content"] == "[MASK]")
      token["id"] = rows;
  const Model model = saved.load();
  const TaskPipeline pipeline = two_label_pipeline(model, "m", "{text} it is {\"mask\"} .", "manual");
  CHECK_THROWS_WITH_AS(tokenized(pipeline, model, row("a film")),
                       doctest::Contains("the token \"[MASK]\" has the id"), DataError);
}
