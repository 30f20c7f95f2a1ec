// Generated texts against transformers, token for token, in batches of any size; where generation ends; the
// streaming callback.
#include <algorithm>
#include <cmath>
#include <map>

#include <cuecard/error.hpp>

#include "written.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// tests/golden/generation.py, SETTINGS.
std::map<std::string, GenerateSettings> recorded_settings(int64_t new_tokens) {
  std::map<std::string, GenerateSettings> all;
  for (const char* name : {"greedy", "greedy.penalty", "greedy.ngram", "greedy.min", "greedy.banned", "beams",
                           "beams.long", "beams.short", "beams.early", "beams.penalty", "beams.several"}) {
    all[name].max_length = new_tokens;
    all[name].beams = std::string(name).starts_with("beams") ? 3 : 1;
  }
  all["greedy.penalty"].repetition_penalty = 1.4;
  all["greedy.ngram"].no_repeat_ngram = 2;
  all["greedy.min"].min_length = 8;
  all["greedy.banned"].banned = {{7}, {11, 12}};
  all["greedy.banned"].repetition_penalty = 1.2;
  all["greedy.banned"].no_repeat_ngram = 3;
  all["beams.long"].length_penalty = 2;
  all["beams.long"].min_length = 4;
  all["beams.short"].length_penalty = -0.5;
  all["beams.early"].early_stop = true;
  all["beams.early"].no_repeat_ngram = 2;
  all["beams.penalty"].repetition_penalty = 1.3;
  all["beams.several"].beams = 4;
  all["beams.several"].returns = 3;
  return all;
}

/// Compares with everything recorded for one setting, and returns how many texts end with an end-of-sequence
/// token.
int64_t check_setting(const Model& model, const Recording& recording, const std::string& setting,
                      const GenerateSettings& settings, int64_t at_once) {
  const TextBounds bounds =
      text_bounds(model.files().configuration, model.vocabulary().special(), model.shape().vocabulary);
  const bool plain_scores = setting == "beams" || setting == "beams.short" || setting == "beams.several";
  const auto prompts = prompts_of(model, lists(recording, "prompts", "prompt_offsets"));
  const auto expected = lists(recording, setting + ".ids", setting + ".offsets");
  const auto texts = written(model, prompts, settings, {}, at_once).texts;
  REQUIRE(texts.size() * static_cast<std::size_t>(settings.returns) == expected.size());
  int64_t ended = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    std::vector<int64_t> ids = expected[i];
    if (bounds.end(ids.back())) {
      ids.pop_back();
      ++ended;
    }
    const auto returns = static_cast<std::size_t>(settings.returns);
    REQUIRE(texts[i / returns].size() == returns);
    const Generated& ours = texts[i / returns][i % returns];
    CHECK(ours.ids == ids);
    CHECK(ours.text == model.vocabulary().decode(ids));
    if (plain_scores && !bounds.first) { // these scores contain neither penalties nor forced tokens
      const double length = std::pow(static_cast<double>(expected[i].size()), settings.length_penalty);
      CHECK(std::abs(ours.log_prob / length -
                     recording[setting + ".scores"][static_cast<int64_t>(i)].item<double>()) < 1e-3);
    }
  }
  return ended;
}

} // namespace

TEST_CASE("greedy and beam search generate what transformers generates, in batches of any size") {
  int64_t ended = 0;
  const std::vector<const char*> whole{"llama-tied", "llama-untied", "llama3",   "mistral",  "qwen2", "qwen3",
                                       "gpt2-tied",  "gpt2-untied",  "t5-plain", "t5-gated", "bart",  "umt5"},
      few{"mistral-window", "qwen2-window",    "qwen3-window", "llama-yarn",   "llama-dynamic",
          "gemma",          "gemma2",          "gemma3",       "phi3",         "olmo2",
          "gpt-neox",       "gpt-neox-serial", "opt",          "opt-projected"};
  std::vector<std::pair<const char*, int64_t>> models; // and how many settings are recorded at least
  for (const char* name : whole)
    models.emplace_back(name, 7);
  for (const char* name : few)
    models.emplace_back(name, 2);
  for (const auto& [name, settings_recorded] : models) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const Recording recording(golden / "models" / name / "generation.safetensors");
    int64_t compared = 0;
    for (const auto& [setting, settings] : recorded_settings(recording.list("new_tokens").at(0))) {
      if (!recording.has(setting + ".ids"))
        continue;
      CAPTURE(setting);
      for (const int64_t at_once : {3, 64})
        ended += check_setting(model, recording, setting, settings, at_once);
      ++compared;
    }
    CHECK(compared >= settings_recorded);
  }
  CHECK(ended > 200); // so the end-of-sequence token is compared, too
}

TEST_CASE("generation ends before a stop text, and where the model has no position left") {
  const Model model = tiny_model("llama-tied");
  GenerateSettings settings;
  settings.max_length = 12;
  const Generated whole = written(model, {prompt_of(model, some_prompts[0])}, settings).texts[0][0];
  REQUIRE(whole.ids.size() >= 6);
  const std::string stop = model.vocabulary().decode(std::span(whole.ids).subspan(3, 2));
  REQUIRE(!stop.empty());
  settings.stop = {"never this", stop};
  const Generated stopped = written(model, {prompt_of(model, some_prompts[0])}, settings).texts[0][0];
  CHECK(stopped.text == whole.text.substr(0, whole.text.find(stop)));
  CHECK(stopped.ids.size() <= 5);
  CHECK(std::equal(stopped.ids.begin(), stopped.ids.end(), whole.ids.begin()));

  settings.stop.clear();
  settings.max_length = 50;
  settings.min_length = 50;
  const std::vector<int64_t> longest(126, 40); // of 128 positions: two are left, so three tokens
  CHECK(written(model, {prompt_of(model, longest)}, settings).texts[0][0].ids.size() == 3);
}

TEST_CASE("a text's most tokens leave out an end token that the model forces") {
  const Model model = tiny_model("bart");
  REQUIRE(
      text_bounds(model.files().configuration, model.vocabulary().special(), model.shape().vocabulary).last);
  struct One final : PromptSource {
    explicit One(PendingPrompt prompt) : open(std::move(prompt)) {}
    std::optional<PendingPrompt> next() override { return std::exchange(open, std::nullopt); }
    bool token(int64_t, std::span<const int64_t>) override { return true; }
    void finished(int64_t, std::vector<Generated> all, int64_t its_most) override {
      texts = std::move(all);
      most = its_most;
    }
    std::optional<PendingPrompt> open;
    std::vector<Generated> texts;
    int64_t most = 0;
  };
  auto settings = std::make_shared<GenerateSettings>();
  settings->max_length = settings->min_length = 6;
  One source({0, 0, prompt_of(model, some_prompts[0]), nullptr, 0, settings});
  Counters counters;
  Generator generator(model, {model.backbone(), counters}, {32, 4096});
  generator.run(source, [](std::vector<PackItem>&) { return std::make_shared<const BatchConditioning>(); });
  REQUIRE(source.texts.size() == 1);
  CHECK(source.texts[0].ids.size() == 5); // the sixth is the end that is forced
  CHECK(source.most == 5);                // so the text was cut off, and did not end by itself
}

TEST_CASE("the callback sees each token and can stop generation; later calls are unaffected") {
  const Model model = tiny_model("llama-tied");
  Counters counters;
  Generator generator(model, {model.backbone(), counters}, {});
  const std::vector<TokenizedPrompt> prompts = prompts_of(model, some_prompts);
  GenerateSettings settings;
  settings.max_length = 6;
  settings.min_length = 6;
  int64_t calls = 0;
  CHECK_THROWS_AS(generator.write(items_of(prompts), {}, settings,
                                  [&](int64_t, std::span<const int64_t>) { return ++calls < 8; }),
                  Cancelled);
  CHECK(calls == 8);
  std::vector<int64_t> longest(prompts.size(), 0);
  const int64_t before = counters.forwards;
  const auto texts =
      generator.write(items_of(prompts), {}, settings, [&](int64_t prompt, std::span<const int64_t> ids) {
        longest[static_cast<std::size_t>(prompt)] = static_cast<int64_t>(ids.size());
        return true;
      });
  CHECK(longest == std::vector<int64_t>(prompts.size(), 6));
  CHECK(counters.forwards - before ==
        6); // all prompts fit into one batch, whose first pass gives the first token
  for (std::size_t i = 0; i < prompts.size(); ++i)
    CHECK(texts[i][0].ids == written(model, {prompts[i]}, settings).texts[0][0].ids);
}

TEST_CASE("settings that contradict each other, and models that can't generate, are refused") {
  const Model model = tiny_model("llama-tied");
  const std::vector<TokenizedPrompt> prompts{prompt_of(model, {20, 30})};
  GenerateSettings settings;
  settings.returns = 2;
  CHECK_THROWS_WITH_AS(written(model, prompts, settings),
                       doctest::Contains("sequences to return, 2, exceeds the number of beams, 1"), UsageError);
  settings.beams = 2;
  settings.temperature = 1;
  CHECK_THROWS_WITH_AS(written(model, prompts, settings), doctest::Contains("beam search does not sample"),
                       UsageError);
  settings = {};
  settings.min_length = 100;
  CHECK_THROWS_WITH_AS(written(model, prompts, settings), doctest::Contains("minimum of 100"), UsageError);
  settings = {};
  settings.banned = {{1 << 20}};
  CHECK_THROWS_WITH_AS(written(model, prompts, settings), doctest::Contains("banned token"), UsageError);
  CHECK_THROWS_WITH_AS(written(tiny_model("bert-mlm"), prompts, {}), doctest::Contains("can't generate text"),
                       UsageError);
}
