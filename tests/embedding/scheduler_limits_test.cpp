// The scheduler's limits, counters and refusals, and cards that are loaded and dropped while texts are
// generated.
#include <ATen/ATen.h>

#include <atomic>
#include <numeric>
#include <thread>

#include <cuecard/error.hpp>

#include "scheduled.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::embedding;
using namespace cuecard::test;

namespace {

int64_t tokens_of(const std::vector<Example>& examples, const Model& model) {
  int64_t tokens = 0;
  for (const Example& example : examples)
    for (const auto& [name, text] : example.fields)
      tokens += std::ssize(model.vocabulary().encode(text));
  return tokens;
}

Example text(const std::string& words) {
  Example example;
  example.fields["text"] = words;
  return example;
}

GenerateSettings texts_of(int64_t most) {
  GenerateSettings settings;
  settings.max_length = most;
  return settings;
}

} // namespace

TEST_CASE("tokens of waiting rows are bounded and counted") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(6, 4);
  const int64_t tokens = tokens_of(examples, model);
  Scheduler scheduler(model, {.threads = 1, .max_waiting_tokens = tokens + 1});
  scheduler.set_card(card(model, "plain"));
  const auto first = request(examples, "plain");
  {
    const Hold hold(scheduler);
    scheduler.submit(first);
    CHECK(scheduler.counters().tokens_waiting == tokens);
    const std::string sentence = std::to_string(tokens) + " tokens are waiting and " + std::to_string(tokens) +
                                 " would be added, but at most " + std::to_string(tokens + 1) + " may wait";
    CHECK_THROWS_WITH_AS(scheduler.submit(request(examples, "plain")), doctest::Contains(sentence.c_str()),
                         QueueFull);
  }
  REQUIRE(first->wait(600));
  CHECK(scheduler.counters().tokens_waiting == 0);
  std::vector<Example> twice = examples;
  twice.insert(twice.end(), examples.begin(), examples.end());
  CHECK_THROWS_WITH_AS(scheduler.submit(request(twice, "plain")),
                       doctest::Contains("send them in several requests"), RequestTooLarge);
}

TEST_CASE("a row of blanks has no text, and harms no other") {
  const Model model = tiny_model("llama-tied");
  Scheduler scheduler(model, {.threads = 1});
  scheduler.set_card(card(model, "plain"));
  std::vector<Example> examples = word_examples(2, 4);
  examples[0] = text(" \t\n");
  const auto rows = request(examples, "plain"), texts = request(examples, "plain");
  texts->generate = texts_of(2);
  for (const auto& each : {rows, texts}) {
    scheduler.submit(each);
    REQUIRE(each->wait(600));
    CHECK(each->answers[0].failure.kind == FailureKind::wrong_data);
    CHECK(each->answers[0].failure.text == "it has no text");
    CHECK_FALSE(each->answers[1].failure);
  }
}

TEST_CASE("sizes of passes are counted in powers of two") {
  PassSizes sizes;
  for (const int64_t size : {0, 1, 2, 3, 4, 5, 1 << 15, 1 << 16, 1 << 20})
    sizes.add(size);
  CHECK(sizes.passes[0] == 2); // 0 and 1
  CHECK(sizes.passes[1] == 1);
  CHECK(sizes.passes[2] == 2); // 3 and 4
  CHECK(sizes.passes[3] == 1);
  CHECK(sizes.passes[15] == 1);
  CHECK(sizes.passes[16] == 2); // and more
  CHECK(sizes.sum == 15 + (1 << 15) + (1 << 16) + (1 << 20));

  const Model model = tiny_model("llama-tied");
  Scheduler scheduler(model, {.threads = 1, .batches = {.batch_size = 8}});
  scheduler.set_card(card(model, "plain"));
  std::vector<std::shared_ptr<Request>> all;
  {
    const Hold hold(scheduler);
    for (uint64_t i = 0; i < 11; ++i)
      scheduler.submit(all.emplace_back(request(word_examples(1, i), "plain")));
  }
  for (const auto& each : all)
    REQUIRE(each->wait(600));
  scheduler.drop_card("plain"); // after the pass, so that its counts are in
  const Counters counters = scheduler.counters().model;
  CHECK(counters.rows.sum == 11);
  CHECK(counters.rows.passes[3] == 1); // 8 rows
  CHECK(counters.rows.passes[2] == 1); // 3 rows
  CHECK(counters.tokens.sum == counters.tokens_forwarded);
  CHECK(std::accumulate(counters.tokens.passes.begin(), counters.tokens.passes.end(), int64_t{0}) == 2);
}

TEST_CASE("an answer says how many tokens its text could have had") {
  const Model model = tiny_model("llama-tied"); // of 128 positions
  Scheduler scheduler(model, {.threads = 1});
  scheduler.set_card(card(model, "plain"));
  for (const int64_t most : {5, 500}) {
    const auto texts = request({text("a film")}, "plain");
    texts->generate = texts_of(most);
    scheduler.submit(texts);
    REQUIRE(texts->wait(600));
    const Answer& answer = texts->answers[0];
    REQUIRE(answer.prompt_tokens > 3);
    CHECK(answer.most_tokens ==
          std::min(most, 128 - answer.prompt_tokens + 1)); // the last one needs no position
  }
}

TEST_CASE("a prompt that is too long leaves room for the new tokens that were requested") {
  const Model model = tiny_model("llama-tied"); // of 128 positions
  Scheduler scheduler(model, {.threads = 1});
  scheduler.set_card(card(model, "plain"));
  std::string words;
  for (int i = 0; i < 300; ++i)
    words += "film ";
  const std::vector<Example> longest{text(words)};
  for (const int64_t most : {1, 20, 40}) {
    CAPTURE(most);
    const auto texts = request(longest, "plain");
    texts->generate = texts_of(most);
    texts->generate->min_length = most; // so that no text ends by itself
    scheduler.submit(texts);
    REQUIRE(texts->wait(600));
    const Answer& answer = texts->answers[0];
    REQUIRE(!answer.failure);
    CHECK(answer.most_tokens == most);
    CHECK(answer.prompt_tokens == 128 - most + 1); // the last token needs no position
    CHECK(answer.new_tokens == most);
    CHECK(answer.cut > 0);
  }
  const auto fits = request({text(words.substr(0, 100))}, "plain");
  fits->generate = texts_of(120);
  scheduler.submit(fits);
  REQUIRE(fits->wait(600));
  CHECK(fits->answers[0].cut == 0); // a prompt that fits is not cut to make room for new tokens
  CHECK(fits->answers[0].most_tokens == 129 - fits->answers[0].prompt_tokens);
}

TEST_CASE("cards come, change and go while the text of another is generated") {
  const Model model = tiny_model("llama-tied");
  const auto writing = card(model, "writing"), changing = card(model, "changing", "prompt-tuning", 3);
  GenerateSettings settings;
  settings.max_length = settings.min_length = 100;
  const std::vector<Example> prompts = {text("a film")};
  const std::string expected =
      Predictor(model, {writing.get()}).generate(pointers(prompts), settings)[0][0].text;

  Scheduler scheduler(model, {.threads = 1});
  scheduler.set_card(writing);
  scheduler.set_card(changing);
  const auto written = request(prompts, "writing");
  written->generate = settings;
  std::atomic<bool> finished = false, others_changed = false, own_changed = false;
  std::promise<void> begun;
  std::atomic<int> steps = 0;
  written->finished = [&] { finished = true; };
  written->token = [&](std::size_t, const std::string&) {
    if (++steps == 1)
      begun.set_value();
    if (!others_changed) // there are steps left for the changes
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return true;
  };
  scheduler.submit(written);
  begun.get_future().wait();
  scheduler.set_card(card(model, "new", "lora", 5));
  scheduler.set_card(card(model, "changing", "prompt-tuning", 8));
  scheduler.drop_card("changing");
  CHECK_FALSE(finished);
  others_changed = true;
  std::thread own([&] {
    scheduler.set_card(card(model, "writing", "prompt-tuning", 9));
    own_changed = finished.load();
  });
  REQUIRE(written->wait(600));
  own.join();
  CHECK(own_changed); // a card whose text is being generated is not replaced before
  REQUIRE_FALSE(written->answers[0].failure);
  CHECK(written->answers[0].texts[0].text == expected);
  CHECK(scheduler.cards() == std::vector<std::string>{"new", "writing"});
}

TEST_CASE("prefixes of many cards take bounded memory, and answers stay what they are") {
  const Model model = tiny_model("llama-tied");
  std::vector<std::shared_ptr<TaskPipeline>> pipelines;
  std::vector<const TaskPipeline*> all;
  for (uint64_t seed = 0; seed < 12; ++seed)
    all.push_back(
        pipelines.emplace_back(card(model, "card " + std::to_string(seed), "prompt-tuning", seed)).get());
  std::vector<Example> examples;
  for (std::size_t round = 0; round < 3; ++round)
    for (const auto& pipeline : pipelines) {
      examples.push_back(word_examples(1, round)[0]);
      examples.back().card = pipeline->name;
    }
  // Of a prefix: 3 layers, keys and values, 2 heads of 12 numbers, 4 bytes each.
  constexpr int64_t token = 3 * 2 * 2 * 12 * 4;
  const auto run = [&](int64_t bytes) {
    Predictor predictor(model, all, {.batch_size = 4, .prefix_bytes = bytes});
    std::vector<std::vector<double>> found;
    for (const Prediction& each : predictor.predict(pointers(examples)))
      found.push_back(each.decision.probabilities);
    return std::pair(found, predictor.counters().tokens_from_cache);
  };
  const auto [whole, kept] = run(int64_t{1} << 30);
  const auto [bounded, kept_of_some] = run(40 * token);
  CHECK(kept > 0);
  CHECK(kept_of_some < kept); // each card comes back after all others
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (std::size_t label = 0; label < whole[i].size(); ++label)
      CHECK(whole[i][label] == doctest::Approx(bounded[i][label]).epsilon(1e-4));
}
