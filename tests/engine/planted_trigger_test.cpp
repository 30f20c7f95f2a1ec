// A planted trigger: a model is trained so that one word between text and answer decides whether it answers by
// the text; AutoPrompt finds that word.
#include <ATen/ATen.h>

#include <cuecard/parts/words/label_word_search.hpp>

#include "conformance/spied_tuner.hpp"
#include "taught_model.hpp"
#include "trigger_task.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

std::string template_with(const Model& model, const std::string& middle) {
  return model.shape().causal ? "{text}" + middle + "{\"mask\"}" : "{text}" + middle + " {\"mask\"} .";
}

/// Each text with each key: after `planted` comes the text's own answer, after every other key always "bad".
std::vector<Example> lessons(const std::vector<std::string>& keys, const std::string& planted) {
  std::vector<Example> rows;
  for (const char* text : {"good", "film"})
    for (const std::string& key : keys)
      for (int i = 0; i < (key == planted ? 3 : 1); ++i) {
        rows.emplace_back();
        rows.back().fields["text"] = text;
        rows.back().fields["key"] = key;
        rows.back().label = key == planted && rows.back().fields["text"] == "good";
      }
  return rows;
}

} // namespace

TEST_CASE("the word that a model was trained to answer after is found") {
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    // Keys of one token each, so that a trigger can be one.
    const std::vector<int64_t> words = single_token_words(model.vocabulary(), model.vocabulary().size());
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < 10; ++i)
      keys.push_back(word_of_token(model.vocabulary(), words.at(i * words.size() / 10)));
    REQUIRE(words.size() >= 10);
    const std::string planted = keys[keys.size() / 2];
    const std::vector<Example> rows = lessons(keys, planted);
    TaskPipeline teacher = two_label_pipeline(model, "t", template_with(model, " {key}"), "fine-tuning");
    train(model, {{teacher, rows, {}}}, steps_of(150, 12, 3e-3), 1);
    const TaughtModel weights(name, model, teacher.tuner->replaced_weights());
    const Model trained = weights.load();

    std::vector<Example> with_planted;
    for (const Example& row : rows)
      if (row.fields.at("key") == planted)
        with_planted.push_back(row);
    TaskPipeline searching = two_label_pipeline(
        trained, "s", template_with(trained, " {\"trigger\"}"), "autoprompt",
        {{"candidates", "40"}, {"accumulation", "1"}, {"filter", "false"}, {"init", keys[0]}});
    FitRequest request;
    request.steps = 15;
    request.batch_size = 16;
    train(trained, {{searching, with_planted, {}}}, request, 1);
    CAPTURE(planted);
    CAPTURE(trained.vocabulary().piece(searching.prompt_template->triggers().at(0)));
    CHECK(searching.prompt_template->triggers().at(0) == trained.vocabulary().encode(" " + planted)[0].id);
    CHECK(
        exact_loss(trained, searching, searching.prompt_template->triggers(), pointers(with_planted)).correct ==
        std::ssize(with_planted));
    const int64_t other = trained.vocabulary().encode(" " + keys[0])[0].id;
    CHECK(exact_loss(trained, searching, {other}, pointers(with_planted)).correct < std::ssize(with_planted));
  }
}
