// A planted trigger: a model learns that one word between text and answer decides whether it answers at all;
// AutoPrompt finds that word.
#include <ATen/ATen.h>

#include <cuecard/parts/found_words.hpp>

#include "spied_tuner.hpp"
#include "taught_model.hpp"
#include "trigger_task.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

std::string template_with(const Model& model, const std::string& middle) {
  return model.backbone().shape().causal ? "{text}" + middle + "{\"mask\"}"
                                         : "{text}" + middle + " {\"mask\"} .";
}

/// Each text with each key: behind `planted` stands the text's own answer, behind every other key always "bad".
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

TEST_CASE("the word that a model was taught to answer behind is found") {
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    // Keys of one token each, so that a trigger can be one.
    const std::vector<int64_t> words = one_token_words(model.vocabulary(), model.vocabulary().size());
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < 10; ++i)
      keys.push_back(spelled_word(model.vocabulary(), words.at(i * words.size() / 10)));
    REQUIRE(words.size() >= 10);
    const std::string planted = keys[keys.size() / 2];
    const std::vector<Example> rows = lessons(keys, planted);
    Method taught = two_label_method(model, "t", template_with(model, " {key}"), "fine-tuning");
    FitSettings lesson;
    lesson.steps = 150;
    lesson.batch_size = 12;
    lesson.learning_rate = 3e-3;
    train(model, {{taught, rows, {}}}, lesson, 1);
    const TaughtModel weights(name, model, taught.tuner->replaced_weights());
    const Model knowing = weights.load();

    std::vector<Example> asked;
    for (const Example& row : rows)
      if (row.fields.at("key") == planted)
        asked.push_back(row);
    Method searching =
        two_label_method(knowing, "s", template_with(knowing, " {\"trigger\"}"), "autoprompt",
                         {{"candidates", "40"}, {"accumulation", "1"}, {"filter", "false"}, {"init", keys[0]}});
    FitSettings settings;
    settings.steps = 15;
    settings.batch_size = 16;
    train(knowing, {{searching, asked, {}}}, settings, 1);
    CAPTURE(planted);
    CAPTURE(knowing.vocabulary().piece(searching.prompt_template->triggers().at(0)));
    CHECK(searching.prompt_template->triggers().at(0) == knowing.vocabulary().encode(" " + planted)[0].id);
    CHECK(exact_loss(knowing, searching, searching.prompt_template->triggers(), pointers(asked)).correct ==
          std::ssize(asked));
    const int64_t other = knowing.vocabulary().encode(" " + keys[0])[0].id;
    CHECK(exact_loss(knowing, searching, {other}, pointers(asked)).correct < std::ssize(asked));
  }
}
