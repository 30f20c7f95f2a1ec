// The scheduler: answers equal a Predictor's in any batch and from any thread, and requests are independent of each other.
#include <ATen/ATen.h>

#include <atomic>
#include <cmath>
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

bool near(const Decision& a, const Decision& b) {
  REQUIRE(a.probabilities.size() == b.probabilities.size());
  for (std::size_t i = 0; i < a.probabilities.size(); ++i)
    if (!(std::abs(std::log(a.probabilities[i]) - std::log(b.probabilities[i])) < 1e-4))
      return false;
  return true;
}

Decision alone(const Model& model, const TaskPipeline& pipeline, const Example& example) {
  Example copy = example;
  copy.card = "";
  return Predictor(model, {&pipeline}).predict({&copy})[0].decision;
}

} // namespace

TEST_CASE("answers from many threads and cards equal those of each row alone") {
  const Model model = tiny_model("llama-tied");
  Scheduler scheduler(model, {.threads = 1, .batches = {.batch_size = 16}});
  const std::vector<std::shared_ptr<TaskPipeline>> pipelines{
      card(model, "plain"), card(model, "soft", "prompt-tuning", 3), card(model, "low rank", "lora", 4)};
  for (const auto& pipeline : pipelines)
    scheduler.set_card(pipeline);
  CHECK(scheduler.cards() == std::vector<std::string>{"low rank", "plain", "soft"});

  constexpr std::size_t threads = 8, requests = 4, rows = 5;
  std::vector<std::shared_ptr<Request>> all(threads * requests);
  std::vector<std::thread> senders;
  for (std::size_t thread = 0; thread < threads; ++thread)
    senders.emplace_back([&, thread] {
      for (std::size_t i = 0; i < requests; ++i) {
        std::vector<Example> examples = word_examples(rows, 100 * thread + i);
        for (std::size_t row = 0; row < rows; ++row)
          examples[row].card = pipelines[(thread + i + row) % pipelines.size()]->name;
        all[thread * requests + i] = request(std::move(examples));
        scheduler.submit(all[thread * requests + i]);
      }
    });
  for (std::thread& sender : senders)
    sender.join();
  for (std::size_t r = 0; r < all.size(); ++r) {
    REQUIRE(all[r]->wait(600));
    for (std::size_t row = 0; row < rows; ++row) {
      const Answer& answer = all[r]->answers[row];
      CAPTURE(answer.failure.text);
      REQUIRE(answer.pipeline);
      CHECK(answer.pipeline->name == all[r]->examples[row].card);
      CHECK(near(answer.decision, alone(model, *answer.pipeline, all[r]->examples[row])));
    }
  }
  const SchedulerCounters counters = scheduler.counters();
  CHECK(counters.rows_answered == threads * requests * rows);
  CHECK(counters.rows_failed == 0);
  CHECK(counters.rows_waiting == 0);
}

TEST_CASE("what waits is batched across requests") {
  const Model model = tiny_model("llama-tied");
  Scheduler scheduler(model, {.threads = 1, .batches = {.batch_size = 32}});
  scheduler.set_card(card(model, "plain"));
  std::vector<std::shared_ptr<Request>> all;
  {
    const Hold hold(scheduler);
    for (uint64_t i = 0; i < 24; ++i)
      scheduler.submit(all.emplace_back(request(word_examples(1, i), "plain")));
    CHECK(scheduler.counters().rows_waiting == 24);
  }
  for (const auto& each : all)
    REQUIRE(each->wait(600));
  scheduler.drop_card("plain"); // after the pass, so that its counts are in
  CHECK(scheduler.counters().model.forwards == 1);
}

TEST_CASE("a small request does not wait for all of a large one") {
  const Model model = tiny_model("llama-tied");
  Scheduler scheduler(model, {.threads = 1, .batches = {.batch_size = 8}});
  scheduler.set_card(card(model, "plain"));
  const auto large = request(word_examples(200, 1), "plain"), small = request(word_examples(1, 2), "plain");
  std::atomic<int> finished = 0;
  int large_at = 0, small_at = 0;
  large->finished = [&] { large_at = ++finished; };
  small->finished = [&] { small_at = ++finished; };
  {
    const Hold hold(scheduler);
    scheduler.submit(large);
    scheduler.submit(small);
  }
  REQUIRE(large->wait(600));
  REQUIRE(small->wait(600));
  scheduler.drop_card("plain"); // after the callbacks
  CHECK(small_at == 1);
  CHECK(large_at == 2);
}

TEST_CASE("a card is replaced between two passes, and dropped") {
  const Model model = tiny_model("llama-tied");
  Scheduler scheduler(model, {.threads = 1, .batches = {.batch_size = 4}});
  const auto old_card = card(model, "soft", "prompt-tuning", 3),
             new_card = card(model, "soft", "prompt-tuning", 8);
  scheduler.set_card(old_card);
  const std::vector<Example> examples = word_examples(60, 5);
  REQUIRE_FALSE(near(alone(model, *old_card, examples[0]), alone(model, *new_card, examples[0])));
  const auto during = request(examples, "soft");
  scheduler.submit(during);
  scheduler.set_card(new_card);
  const auto after = request(examples, "soft");
  scheduler.submit(after);
  REQUIRE(during->wait(600));
  REQUIRE(after->wait(600));
  for (std::size_t i = 0; i < examples.size(); ++i) {
    CHECK(near(during->answers[i].decision, alone(model, *during->answers[i].pipeline, examples[i])));
    CHECK(after->answers[i].pipeline == new_card);
    CHECK(near(after->answers[i].decision, alone(model, *new_card, examples[i])));
  }

  scheduler.set_card(card(model, "plain"));
  scheduler.drop_card("soft");
  std::vector<Example> both = word_examples(2, 6);
  both[0].card = "soft";
  both[1].card = "plain";
  const auto mixed = request(both);
  scheduler.submit(mixed);
  REQUIRE(mixed->wait(600));
  CHECK(mixed->answers[0].failure.kind == FailureKind::wrong_data);
  CHECK(mixed->answers[0].failure.text.find("\"soft\", which is not loaded") != std::string::npos);
  CHECK_FALSE(mixed->answers[1].failure);
  CHECK_THROWS_WITH_AS(scheduler.drop_card("plian"), doctest::Contains("Did you mean \"plain\"?"), UsageError);
}

TEST_CASE("cancelled and late rows are answered as such; a full queue refuses") {
  const Model model = tiny_model("llama-tied");
  Scheduler scheduler(model, {.threads = 1, .batches = {}, .max_waiting_rows = 10});
  scheduler.set_card(card(model, "plain"));
  const auto cancelled = request(word_examples(2, 1), "plain"), late = request(word_examples(2, 2), "plain"),
             kept = request(word_examples(2, 3), "plain");
  late->deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
  {
    const Hold hold(scheduler);
    for (const auto& each : {cancelled, late, kept})
      scheduler.submit(each);
    cancelled->cancel();
    CHECK_THROWS_WITH_AS(scheduler.submit(request(word_examples(5, 4), "plain")),
                         doctest::Contains("6 rows are waiting and 5 would be added, but at most 10 may wait"),
                         QueueFull);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  for (const auto& each : {cancelled, late, kept})
    REQUIRE(each->wait(600));
  CHECK(cancelled->answers[1].failure.kind == FailureKind::cancelled);
  CHECK(late->answers[1].failure.kind == FailureKind::too_late);
  CHECK_FALSE(kept->answers[1].failure);
}

TEST_CASE("closing answers what waits, and a silenced request is not called back") {
  const Model model = tiny_model("llama-tied");
  const auto waiting = request(word_examples(3, 1), "plain"), silent = request(word_examples(3, 1), "plain");
  silent->finished = [] { FAIL("called back"); };
  {
    Scheduler scheduler(model, {.threads = 1});
    scheduler.set_card(card(model, "plain"));
    const auto hold = std::make_unique<Hold>(scheduler);
    scheduler.submit(waiting);
    scheduler.submit(silent);
    silent->silence();
    waiting->cancel();
  }
  REQUIRE(waiting->wait(0));
  CHECK(waiting->answers[0].failure.kind == FailureKind::cancelled);
  CHECK(silent->wait(0));
}

TEST_CASE("rows are predicted between the steps of texts that are generated") {
  const Model model = tiny_model("llama-tied");
  const auto plain = card(model, "plain");
  GenerateSettings settings;
  settings.max_length = 12;
  settings.min_length = 12;
  const std::vector<Example> prompts = word_examples(3, 9);
  const auto expected = Predictor(model, {plain.get()}).generate(pointers(prompts), settings);

  Scheduler scheduler(model, {.threads = 1});
  scheduler.set_card(plain);
  const auto texts = request(prompts, "plain"), row = request(word_examples(1, 10), "plain");
  texts->generate = settings;
  std::atomic<int> finished = 0;
  int texts_at = 0, row_at = 0;
  std::vector<std::string> grown(prompts.size());
  bool sent = false;
  texts->finished = [&] { texts_at = ++finished; };
  row->finished = [&] { row_at = ++finished; };
  texts->token = [&](std::size_t prompt, const std::string& text) {
    if (!std::exchange(sent, true))
      scheduler.submit(row);
    CHECK(text.starts_with(grown[prompt]));
    grown[prompt] = text;
    return true;
  };
  scheduler.submit(texts);
  REQUIRE(texts->wait(600));
  REQUIRE(row->wait(600));
  scheduler.drop_card("plain");
  CHECK(row_at == 1);
  CHECK(texts_at == 2);
  CHECK(near(row->answers[0].decision, alone(model, *plain, row->examples[0])));
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    REQUIRE(texts->answers[i].texts.size() == 1);
    CHECK(texts->answers[i].texts[0].ids == expected[i][0].ids);
    CHECK(texts->answers[i].texts[0].text.starts_with(grown[i]));
  }
}

TEST_CASE(
    "texts of several requests, cards and settings are generated together, and are those of each request alone") {
  const Model model = tiny_model("llama-tied");
  const std::vector<std::shared_ptr<TaskPipeline>> pipelines{
      card(model, "plain"), card(model, "soft", "prompt-tuning", 3), card(model, "low rank", "lora", 4)};
  std::vector<GenerateSettings> settings(4);
  for (GenerateSettings& each : settings)
    each.max_length = each.min_length = 9;
  settings[1].temperature = 0.8;
  settings[1].returns = 2;
  settings[1].seed = 5;
  settings[2].beams = 3;
  settings[3].repetition_penalty = 1.5;

  Scheduler scheduler(model, {.threads = 1});
  for (const auto& pipeline : pipelines)
    scheduler.set_card(pipeline);
  std::vector<std::shared_ptr<Request>> all;
  const auto dropped = request(word_examples(2, 77), "plain");
  dropped->generate = settings[0];
  int tokens = 0;
  dropped->token = [&](std::size_t, const std::string&) { return ++tokens < 5; };
  {
    const Hold hold(scheduler);
    scheduler.submit(dropped);
    for (std::size_t i = 0; i < 8; ++i) {
      all.push_back(request(word_examples(2, i), pipelines[i % pipelines.size()]->name));
      all.back()->generate = settings[i % settings.size()];
      scheduler.submit(all.back());
    }
  }
  for (const auto& each : all)
    REQUIRE(each->wait(600));
  REQUIRE(dropped->wait(600));
  scheduler.drop_card("plain");                        // after the counters
  CHECK(scheduler.counters().model.forwards <= 2 * 9); // 32 texts fit; there are 2 * (1 + 2 * (1 + 2 + 3 + 1))
  for (const Answer& answer : dropped->answers)
    CHECK(answer.failure.kind == FailureKind::cancelled);
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::vector<Example> examples = all[i]->examples;
    for (Example& example : examples)
      example.card = "";
    const auto expected = Predictor(model, {pipelines[i % pipelines.size()].get()})
                              .generate(pointers(examples), settings[i % settings.size()]);
    for (std::size_t row = 0; row < examples.size(); ++row) {
      CAPTURE(i);
      const std::vector<Generated>& texts = all[i]->answers[row].texts;
      REQUIRE(texts.size() == expected[row].size());
      for (std::size_t text = 0; text < texts.size(); ++text)
        CHECK(texts[text].ids == expected[row][text].ids);
    }
  }
}

TEST_CASE("a card whose verbalizer has the model generate answers with a text") {
  const Model model = tiny_model("llama-tied");
  PipelineChoice choice;
  choice.name = "writes";
  choice.prompt_template.set = {{"text", "{text} It was{\"mask\"}"}};
  choice.verbalizer = {"text", {{"max-new-tokens", "6"}}};
  const auto pipeline = std::make_shared<TaskPipeline>(make_pipeline(model, plugins(), choice));
  Scheduler scheduler(model, {.threads = 1});
  scheduler.set_card(pipeline);
  scheduler.set_card(card(model, "plain"));
  std::vector<Example> examples = word_examples(4, 3);
  for (std::size_t i = 0; i < examples.size(); ++i)
    examples[i].card = i % 2 ? "plain" : "writes";
  const auto mixed = request(examples);
  scheduler.submit(mixed);
  REQUIRE(mixed->wait(600));
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const Answer& answer = mixed->answers[i];
    CAPTURE(answer.failure.text);
    REQUIRE(answer.pipeline);
    const Decision expected = alone(model, *answer.pipeline, examples[i]);
    CHECK(answer.decision.text == expected.text);
    CHECK(answer.decision.labels == expected.labels);
    CHECK((i % 2 == 1) == answer.decision.text.empty());
  }
}

TEST_CASE("a token callback that returns false cancels the request") {
  const Model model = tiny_model("llama-tied");
  Scheduler scheduler(model, {.threads = 1});
  scheduler.set_card(card(model, "plain"));
  const auto texts = request(word_examples(40, 9), "plain"); // more than run at once
  texts->generate = GenerateSettings{};
  texts->token = [](std::size_t, const std::string&) { return false; };
  scheduler.submit(texts);
  REQUIRE(texts->wait(600));
  for (const Answer& answer : texts->answers)
    CHECK(answer.failure.kind == FailureKind::cancelled);
}

TEST_CASE("a text without a field needs a template with one field") {
  const Model model = tiny_model("llama-tied");
  Scheduler scheduler(model, {.threads = 1});
  scheduler.set_card(card(model, "one"));
  scheduler.set_card(std::make_shared<TaskPipeline>(
      two_label_pipeline(model, "two", "{question} {text} {\"mask\"}", "manual")));
  std::vector<Example> examples(2);
  for (Example& example : examples)
    example.fields[""] = "a good film";
  examples[0].card = "one";
  examples[1].card = "two";
  const auto asked = request(examples);
  scheduler.submit(asked);
  REQUIRE(asked->wait(600));
  CHECK_FALSE(asked->answers[0].failure);
  CHECK(asked->answers[1].failure.kind == FailureKind::wrong_data);
  CHECK(asked->answers[1].failure.text.find("has 2 fields") != std::string::npos);
}
