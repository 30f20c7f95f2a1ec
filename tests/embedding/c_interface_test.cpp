// cuecard.h and cuecard.hpp: errors, answers, models that are opened and closed.
#include <ATen/ATen.h>

#include <cmath>
#include <filesystem>
#include <thread>

#include "../engine/tasks.hpp"
#include "card/card.hpp"
#include "cuecard.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

const std::string model_folder = std::string(CUECARD_SOURCE_DIR) + "/tests/golden/models/llama-tied";

/// A folder with the cards "sentiment" and "other", which differ in their soft prompts.
class CardFolder {
public:
  CardFolder() {
    std::filesystem::create_directories(folder_);
    const Model model = tiny_model("llama-tied");
    uint64_t seed = 3;
    for (const char* name : {"sentiment", "other"})
      save_card(to_card(two_label_pipeline(model, name, "Review: {text} It was{\"mask\"}", "prompt-tuning",
                                           {{"length", "5"}}, seed++),
                        model),
                folder_ / name);
  }
  ~CardFolder() { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  static std::string base() {
    return (std::filesystem::temp_directory_path() / ("cuecard-embedding-" + std::to_string(::getpid())))
        .string();
  }

private:
  std::filesystem::path folder_ = base();
};

api::ModelOptions options() {
  api::ModelOptions result;
  result.threads = 1;
  result.plugin_paths = {CUECARD_BUILT_PLUGINS};
  return result;
}

/// The error's kind and text; frees it.
std::pair<cuecard_error_kind, std::string> taken(cuecard_error* error) {
  std::pair<cuecard_error_kind, std::string> result{cuecard_error_kind_of(error), cuecard_error_text(error)};
  cuecard_error_free(error);
  return result;
}

} // namespace

TEST_CASE("predictions through the library are those of a Predictor") {
  const CardFolder cards;
  api::Model model(model_folder, options());
  model.load_card(cards.path("sentiment"));
  CHECK(model.cards() == std::vector<std::string>{"sentiment"});

  const Model own = tiny_model("llama-tied");
  const TaskPipeline pipeline = pipeline_from_card(own, plugins(), read_card(cards.path("sentiment")));
  const std::vector<Example> examples = word_examples(20, 7);
  std::vector<api::Row> rows;
  for (const Example& example : examples)
    rows.push_back({example.fields.at("text")});
  const auto expected = Predictor(own, {&pipeline}).predict(pointers(examples));
  const std::vector<api::Answer> answers = model.predict(rows);
  REQUIRE(answers.size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    REQUIRE_FALSE(answers[i].error);
    CHECK(answers[i].card == "sentiment");
    REQUIRE(answers[i].probabilities.size() == 2);
    CHECK(answers[i].probabilities[0].first == "negative");
    CHECK(answers[i].label == pipeline.labels[static_cast<std::size_t>(expected[i].label())]);
    for (std::size_t label = 0; label < 2; ++label)
      CHECK(std::abs(answers[i].probabilities[label].second - expected[i].decision.probabilities[label]) <
            1e-4);
  }

  api::GenerateOptions generate;
  generate.max_tokens = 5;
  std::string streamed;
  generate.token = [&](std::size_t, const std::string& text) {
    streamed = text;
    return true;
  };
  const std::vector<api::Answer> texts = model.generate({rows[0]}, generate);
  GenerateSettings settings;
  settings.max_length = 5;
  const auto written = Predictor(own, {&pipeline}).generate({&examples[0]}, settings);
  REQUIRE(texts[0].texts.size() == 1);
  CHECK(texts[0].texts[0].text == written[0][0].text);
  CHECK(texts[0].texts[0].log_prob == doctest::Approx(written[0][0].log_prob).epsilon(1e-4));
  CHECK(texts[0].texts[0].text.starts_with(streamed));
}

TEST_CASE("scores of continuations are log-probabilities of their tokens after the prompt") {
  const CardFolder cards;
  api::Model model(model_folder, options());
  model.load_card(cards.path("sentiment"));
  model.load_card(cards.path("other"));
  const Model own = tiny_model("llama-tied");
  const std::vector<std::string> texts{" good", " a long and good film", " x7 x7"};
  std::vector<api::Row> rows{{"the film was good"}, {"a plot"}, {"a plot"}};
  rows[0].card = rows[1].card = "sentiment";
  rows[2].card = "other";
  const std::vector<api::Answer> answers = model.score(rows, {texts, {texts[1]}, {texts[1], ""}});
  CHECK(answers[2].error->kind == CUECARD_WRONG_DATA); // no token has no probability
  const TaskPipeline pipeline = pipeline_from_card(own, plugins(), read_card(cards.path("sentiment")));
  for (std::size_t row = 0; row < 2; ++row) {
    REQUIRE_FALSE(answers[row].error);
    CHECK(answers[row].label == "");
    REQUIRE(answers[row].texts.size() == (row == 0 ? 3 : 1));
    for (const api::Text& scored : answers[row].texts) {
      // The whole text, forwarded alone: the soft prompt and then every token.
      TokenizedPrompt prompt;
      const Conditioning conditioning = pipeline.tuner->condition({});
      const auto tokens = own.vocabulary().encode("Review: " + *rows[row].text + " It was" + scored.text);
      for (int64_t slot = 0; slot < conditioning.embeddings.size(0); ++slot) {
        prompt.input.emplace_back();
        prompt.input.back().soft_slot = slot;
      }
      for (const int64_t id : own.vocabulary().sequence_prefix()) {
        prompt.input.emplace_back();
        prompt.input.back().id = id;
      }
      for (const Token& token : tokens) {
        prompt.input.emplace_back();
        prompt.input.back().id = token.id;
      }
      const int64_t length = std::ssize(prompt.input), count = std::ssize(own.vocabulary().encode(scored.text));
      prompt.answers = {length - 1};
      prompt.targets = {-1};
      const at::NoGradGuard no_grad;
      const Batch batch = pack({{&prompt}}, {});
      const at::Tensor log_probs = own.backbone()
                                       .project({own.backbone().forward({batch, conditioning, nullptr, true}),
                                                 {OutputRequest::Kind::logits}})
                                       .log_softmax(1);
      double expected = 0;
      for (int64_t i = length - count; i < length; ++i)
        expected += log_probs[i - 1][prompt.input[static_cast<std::size_t>(i)].id].item<double>();
      CHECK(scored.tokens == static_cast<std::size_t>(count));
      CHECK(scored.log_prob == doctest::Approx(expected).epsilon(1e-4));
    }
  }
  CHECK_THROWS_WITH_AS(model.score(rows, {{" good"}}),
                       doctest::Contains("1 list of continuations is given for"), api::Error);
  CHECK_THROWS_WITH_AS(api::Model(std::string(CUECARD_SOURCE_DIR) + "/tests/golden/models/bert-mlm", options())
                           .score({{"x"}}, {{" good"}}),
                       doctest::Contains("gives no probability to a continuation"), api::Error);
}

TEST_CASE("a card that gives any number of labels, and a row that is cut") {
  const std::string folder = CardFolder::base() + "-labels";
  {
    const Model own = tiny_model("llama-tied");
    PipelineChoice choice;
    choice.name = "topics";
    choice.prompt_template.set = {{"text", "Review: {text} It was{\"mask\"}"}};
    choice.labels = {"negative", "positive"};
    choice.label_words = {{"bad"}, {"good"}};
    choice.multi_label = true;
    choice.limit.max_length = 16;
    save_card(to_card(make_pipeline(own, plugins(), choice), own), folder);
  }
  api::Model model(model_folder, options());
  model.load_card(folder);
  std::string long_text;
  for (int i = 0; i < 40; ++i)
    long_text += "good ";
  const std::vector<api::Answer> answers = model.predict({{"a film"}, {long_text}});
  std::filesystem::remove_all(folder);
  for (const api::Answer& answer : answers) {
    REQUIRE_FALSE(answer.error);
    CHECK(answer.label.empty());
    REQUIRE(answer.probabilities.size() == 2);
    std::vector<std::string> above;
    for (const auto& [label, probability] : answer.probabilities)
      if (probability >= 0.5)
        above.push_back(label);
    CHECK(answer.labels == above);
  }
  CHECK(answers[0].cut == 0);
  CHECK(answers[1].cut > 20);
}

TEST_CASE("two models in one process, and cards under other names") {
  const CardFolder cards;
  api::Model first(model_folder, options()), second(model_folder, options());
  first.load_card(cards.path("sentiment"), "a");
  first.load_card(cards.path("other"), "b");
  second.load_card(cards.path("other"));
  const api::Row a{"a good film", "a"}, b{"a good film", "b"}, alone{"a good film"};
  const std::vector<api::Answer> both = first.predict({a, b});
  CHECK(both[0].probabilities[0].second != both[1].probabilities[0].second);
  CHECK(std::abs(second.predict({alone})[0].probabilities[0].second - both[1].probabilities[0].second) < 1e-5);
  const api::Answer unnamed = first.predict({alone})[0];
  REQUIRE(unnamed.error);
  CHECK(unnamed.error->kind == CUECARD_WRONG_DATA);
}

TEST_CASE("a card that can't be loaded leaves the old one") {
  const CardFolder cards;
  api::Model model(model_folder, options());
  model.load_card(cards.path("sentiment"), "card");
  const double before = model.predict({{"a good film"}})[0].probabilities[0].second;
  std::filesystem::remove(cards.path("other") + "/card.safetensors");
  CHECK_THROWS_AS(model.load_card(cards.path("other"), "card"), api::Error);
  CHECK(model.predict({{"a good film"}})[0].probabilities[0].second == doctest::Approx(before));
}

TEST_CASE("wrong use is an error with a sentence") {
  cuecard_model* model = nullptr;
  CHECK(taken(cuecard_open(nullptr, nullptr, &model)).second == "cuecard_open: the path is NULL.");
  CHECK(taken(cuecard_open(model_folder.c_str(), nullptr, nullptr)).first == CUECARD_WRONG_USE);
  CHECK(taken(cuecard_open("/nowhere/model", nullptr, &model)).first == CUECARD_WRONG_DATA);
  cuecard_model_options wrong{};
  CHECK(taken(cuecard_open(model_folder.c_str(), &wrong, &model)).second.find("size is 0") !=
        std::string::npos);
  wrong.size = sizeof(wrong);
  wrong.dtype = "float8";
  CHECK(taken(cuecard_open(model_folder.c_str(), &wrong, &model)).second.find("float8") != std::string::npos);
  wrong.dtype = nullptr;
  wrong.device = "tpu";
  CHECK(taken(cuecard_open(model_folder.c_str(), &wrong, &model)).second.find("tpu") != std::string::npos);
  CHECK(model == nullptr);
  CHECK(cuecard_c_version() == CUECARD_C_VERSION);

  api::Model opened(model_folder, options());
  CHECK_THROWS_WITH_AS(opened.load_card("/nowhere/card"), doctest::Contains("/nowhere/card"), api::Error);
  CHECK_THROWS_AS(opened.drop_card("none"), api::Error);
  CHECK_THROWS_AS(opened.predict({{"text"}}, -1), api::Error);
  api::GenerateOptions generate;
  generate.beams = 2;
  generate.temperature = 1;
  CHECK_THROWS_WITH_AS(opened.generate({{"text"}}, generate), doctest::Contains("beam search does not sample"),
                       api::Error);
  CHECK(opened.predict({}).empty());
  const auto without_card = opened.predict({{"text"}});
  REQUIRE(without_card[0].error);
  CHECK(without_card[0].error->what() ==
        std::string("no card is loaded; load the one that the example is for."));
  CHECK_THROWS_WITH_AS(opened.predict({{.text = "text", .fields = {{"other", "x"}}}}),
                       doctest::Contains("a row has a text and fields"), api::Error);
}

TEST_CASE("answers and requests outlive their model; what does not exist is NULL") {
  const CardFolder cards;
  cuecard_request* request = nullptr;
  cuecard_answers* answers = nullptr;
  {
    cuecard_model* model = nullptr;
    cuecard_model_options given{};
    const char* const folder = CUECARD_BUILT_PLUGINS;
    given.size = sizeof(given);
    given.threads = 1;
    given.plugin_paths = &folder;
    given.plugin_path_count = 1;
    REQUIRE(!cuecard_open(model_folder.c_str(), &given, &model));
    REQUIRE(!cuecard_load_card(model, cards.path("sentiment").c_str(), nullptr));
    cuecard_row rows[2]{};
    rows[0].text = cuecard_utf8("a good film");
    rows[1].card = "no such card";
    REQUIRE(!cuecard_submit(model, rows, 2, nullptr, &request));
    CHECK(cuecard_wait(request, 600));
    cuecard_counters counters{};
    counters.size = offsetof(cuecard_counters, rows_failed); // an older caller's
    counters.rows_failed = -1;
    cuecard_read_counters(model, &counters);
    CHECK(counters.rows_answered == 2);
    CHECK(counters.rows_failed == -1);
    cuecard_close(model);
  }
  REQUIRE(!cuecard_take_answers(request, &answers));
  CHECK(taken(cuecard_take_answers(request, &answers)).second.find("were taken before") != std::string::npos);
  cuecard_request_free(request);
  REQUIRE(cuecard_answer_count(answers) == 2);
  CHECK(cuecard_answer_label(answers, 0) != nullptr);
  CHECK(cuecard_answer_label_count(answers, 0) == 2);
  CHECK(cuecard_answer_label_name(answers, 0, 2) == nullptr);
  CHECK(std::isnan(cuecard_answer_probability(answers, 0, 2)));
  CHECK(cuecard_answer_has_label(answers, 0, 0) != cuecard_answer_has_label(answers, 0, 1));
  CHECK_FALSE(cuecard_answer_has_label(answers, 0, 2));
  CHECK(cuecard_answer_cut(answers, 0) == 0);
  CHECK(cuecard_answer_text_count(answers, 0) == 0);
  CHECK(cuecard_answer_error(answers, 0) == nullptr);
  CHECK(cuecard_error_kind_of(cuecard_answer_error(answers, 1)) == CUECARD_WRONG_DATA);
  CHECK(cuecard_answer_label(answers, 1) == nullptr);
  CHECK(cuecard_answer_card(answers, 1) == nullptr);
  CHECK(cuecard_answer_label(answers, 2) == nullptr);
  cuecard_answers_free(answers);
}

TEST_CASE("models are opened and closed while their threads are in use") {
  const CardFolder cards;
  for (int cycle = 0; cycle < 20; ++cycle) {
    api::Model model(model_folder, options());
    model.load_card(cards.path("sentiment"));
    auto waiting = model.submit(std::vector<api::Row>(50, {"a good film"}));
    if (cycle % 2 == 0)
      CHECK(waiting.get().size() == 50);
  }
}
