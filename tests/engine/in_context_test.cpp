// Demonstrations in front of the input: the same as a person would have written them there, forwarded once a
// card, kept in it; those most like the input are found.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include <cuecard/error.hpp>

#include "engine/likeness.hpp"
#include "engine/tokenized_example.hpp"
#include "tasks.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Set = std::vector<std::pair<std::string, std::string>>;

/// Rows of at most three words: the tiny models hold few positions.
std::vector<Example> short_examples(int64_t count, uint64_t seed) {
  std::vector<Example> examples = word_examples(count, seed);
  for (Example& example : examples) {
    std::string& text = example.fields["text"];
    std::size_t end = 0;
    for (int words = 0; words < 3 && end != std::string::npos; ++words)
      end = text.find(' ', end + 1);
    text = text.substr(0, end);
  }
  return examples;
}

std::string shown_template(const Model& model) {
  return model.backbone().shape().causal ? "{text} is{\"mask\"}" : "{text} It was {\"mask\"}.";
}

Method shown(const Model& model, const std::vector<Example>& train_rows, Set options, Set verbalizer = {}) {
  MethodChoice choice;
  choice.name = "m";
  choice.prompt_template.set = {{"text", shown_template(model)}};
  choice.tuner = {"in-context", std::move(options)};
  choice.verbalizer.set = std::move(verbalizer);
  choice.labels = {"negative", "positive"};
  choice.label_words = {{"bad"}, {"good"}};
  choice.seed = 5;
  return make_method(model, plugins(), choice, &train_rows);
}

std::vector<double> probabilities(const std::vector<Prediction>& predictions) {
  std::vector<double> all;
  for (const Prediction& prediction : predictions) {
    REQUIRE(prediction.problem.empty());
    all.insert(all.end(), prediction.decision.probabilities.begin(), prediction.decision.probabilities.end());
  }
  return all;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

/// The first row of each label, in the file's order.
std::vector<Example> firsts(const std::vector<Example>& rows) {
  std::vector<Example> first;
  for (const Example& row : rows)
    if (std::none_of(first.begin(), first.end(), [&](const Example& e) { return e.label == row.label; }))
      first.push_back(row);
  return first;
}

} // namespace

TEST_CASE("demonstrations are what a person would have written in front of the text") {
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const bool causal = model.backbone().shape().causal;
    const std::vector<Example> rows = short_examples(20, 51), asked = short_examples(6, 52);
    const Method method = shown(model, rows, {{"k", "1"}, {"choose", "first"}, {"separator", " \\n"}});
    std::string by_hand;
    for (const Example& row : firsts(rows)) {
      const std::string text = row.fields.at("text"), answer = row.label ? "good" : "bad";
      by_hand += (causal ? text + " is " + answer : text + " It was " + answer + ".") + " \n";
    }
    for (const Example& example : asked) {
      const TokenizedPrompt prompt = tokenized(method, model, example).at(0);
      std::vector<int64_t> ids;
      for (const TokenRow& row : prompt.input)
        ids.push_back(row.id);
      const std::string text = example.fields.at("text");
      std::string expected = by_hand + text + (causal ? " is" : " It was");
      const std::string decoded = model.vocabulary().decode(ids, true);
      std::vector<int64_t> plain;
      for (const Token& token : model.vocabulary().encode(expected))
        plain.push_back(token.id);
      expected = model.vocabulary().decode(plain, true);
      CHECK(decoded.substr(0, expected.size()) == expected);
      CHECK(prompt.answers.size() == 1); // demonstrations are not read
      const auto begin = model.vocabulary().sequence_prefix();
      CHECK(std::equal(begin.begin(), begin.end(), ids.begin())); // special tokens stay in front
    }
  }
}

TEST_CASE("the card keeps the demonstrations, and needs no training file") {
  for (const char* name : {"llama-tied", "bert-mlm", "t5-gated"})
    for (const char* choose : {"seed", "first", "similar"}) {
      CAPTURE(name);
      CAPTURE(choose);
      const Model model = tiny_model(name);
      const std::vector<Example> rows = short_examples(24, 53), asked = short_examples(9, 54);
      Method method = shown(model, rows, {{"k", "2"}, {"choose", choose}}, {{"calibrate", "blank"}});
      const TrainResult result = train(model, {{method, rows, asked}}, {}, 5);
      CHECK(result.report.best_dev >= 0);
      CHECK(method.parameters() == 0);
      const Card card = to_card(method, model);
      CHECK(card.tuner_learned.texts.count("000001.label") == 1);
      CHECK(card.tuner_learned.texts.count("000004.field.text") == 1);
      CHECK(card.tuner_learned.texts.size() == (std::string(choose) == "similar" ? 48 : 8));
      const Method again = method_from_card(model, plugins(), card);
      const auto first = probabilities(Predictor(model, {&method}).predict(pointers(asked)));
      CHECK(largest_difference(first, probabilities(Predictor(model, {&again}).predict(pointers(asked)))) == 0);
      Predictor alone(model, {&again}, {1});
      CHECK(largest_difference(first, probabilities(alone.predict(pointers(asked)))) < 1e-4);
      const Method plain = two_label_method(model, "p", shown_template(model), "manual");
      CHECK(largest_difference(first, probabilities(Predictor(model, {&plain}).predict(pointers(asked)))) >
            1e-4);
    }
}

TEST_CASE("on causal models demonstrations are forwarded once a card") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> rows = short_examples(24, 55), asked = short_examples(10, 56);
  const Method method = shown(model, rows, {{"k", "2"}});
  const Method plain = two_label_method(model, "p", shown_template(model), "manual");
  Predictor predictor(model, {&method}, {5}), without(model, {&plain}, {5});
  const auto of = [](const std::vector<Example>& all, std::size_t begin) {
    std::vector<const Example*> part;
    for (std::size_t i = begin; i < begin + 5; ++i)
      part.push_back(&all[i]);
    return part;
  };
  predictor.predict(of(asked, 0));
  without.predict(of(asked, 0));
  const Counters first = predictor.counters(), first_without = without.counters();
  const auto length = [&](const Method& m, const Example& e) {
    return std::ssize(tokenized(m, model, e).at(0).input);
  };
  const int64_t shown_rows = length(method, asked[0]) - length(plain, asked[0]);
  CHECK(shown_rows > 20);
  CHECK(first.rows_forwarded - first_without.rows_forwarded == shown_rows);
  predictor.predict(of(asked, 5));
  without.predict(of(asked, 5));
  CHECK(predictor.counters().rows_forwarded - first.rows_forwarded ==
        without.counters().rows_forwarded - first_without.rows_forwarded);
  CHECK(predictor.counters().rows_from_cache >= 5 * shown_rows);
  CHECK(predictor.counters().forwards == 2);
}

TEST_CASE("similar shows the rows whose mean hidden states are nearest, the nearest last") {
  for (const char* name : {"llama-tied", "bert-mlm", "t5-gated"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const bool causal = model.backbone().shape().causal;
    std::vector<Example> rows = short_examples(30, 57);
    const std::vector<Example> asked = short_examples(5, 58);
    Method method = shown(model, rows, {{"k", "1"}, {"choose", "similar"}});
    CHECK_FALSE(method.tuner->wants_likeness());
    train(model, {{method, rows, {}}}, {}, 5);
    CHECK(method.tuner->wants_likeness());

    // Directly: each text alone, all rows read, those of the field averaged.
    const Method plain = two_label_method(model, "p", shown_template(model), "manual");
    const auto mean_state = [&](const Example& example) {
      const at::NoGradGuard no_grad;
      TokenizedPrompt prompt = tokenized(plain, model, example).at(0);
      if (model.backbone().shape().encoder_decoder) {
        prompt.output.clear();
        prompt.answers = {0};
      }
      const Batch batch = pack({{&prompt, &example}}, {});
      const Conditioning none;
      const at::Tensor hidden = model.backbone().forward({batch, none, nullptr, true});
      std::vector<at::Tensor> own;
      for (std::size_t i = 0; i < prompt.input.size(); ++i)
        if (prompt.input[i].origin.field == 0)
          own.push_back(hidden[static_cast<int64_t>(i)]);
      return at::stack(own).mean(0);
    };
    Counters counters;
    const std::vector<at::Tensor> found =
        likenesses(model, method, method.backbone(model, counters), pointers(asked), 40);
    CHECK(counters.forwards > 1);
    CHECK(counters.forwards <= 5);
    for (std::size_t a = 0; a < asked.size(); ++a) {
      const at::Tensor mine = mean_state(asked[a]);
      REQUIRE(found[a].defined());
      CHECK((found[a] - mine).abs().max().item<double>() < 1e-4);
      double best[2] = {-2, -2};
      const Example* nearest[2] = {nullptr, nullptr};
      for (const Example& row : rows) {
        const double cosine = at::cosine_similarity(mine, mean_state(row), 0).item<double>();
        if (cosine > best[row.label]) {
          best[row.label] = cosine;
          nearest[row.label] = &row;
        }
      }
      const int64_t last = best[1] > best[0] ? 1 : 0;
      std::vector<Prompt> prompts = method.prompt_template->render(asked[a]);
      const std::size_t own = prompts[0].input.size();
      method.tuner->edit(prompts, {asked[a], 0, false, found[a]});
      std::string front;
      for (std::size_t i = 0; i + own < prompts[0].input.size(); ++i)
        front += prompts[0].input[i].text;
      const auto written = [&](const Example& row) {
        if (model.backbone().shape().encoder_decoder) // as T5 is taught to fill
          return row.fields.at("text") + " It was<extra_id_0>.<extra_id_0> " + (row.label ? "good" : "bad") +
                 "\n\n";
        return row.fields.at("text") + (causal ? " is" : " It was") + (row.label ? " good" : " bad") +
               (causal ? "" : ".") + "\n\n";
      };
      CHECK(front == written(*nearest[1 - last]) + written(*nearest[last]));
    }
  }
}

TEST_CASE("a row whose prompt does not fit is told by itself, and the others are predicted") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> rows = short_examples(24, 59);
  std::vector<Example> asked = short_examples(2, 60);
  asked[0].meta["note"] = "";
  MethodChoice choice;
  choice.prompt_template.set = {{"text", "{text} {\"meta\": \"note\", \"shortenable\": False} so{\"mask\"}"}};
  choice.tuner = {"in-context", {{"k", "2"}}};
  choice.labels = {"negative", "positive"};
  choice.label_words = {{"bad"}, {"good"}};
  std::vector<Example> noted = rows;
  for (Example& row : noted)
    row.meta["note"] = "x";
  Method method = make_method(model, plugins(), choice, &noted);
  asked[1].meta["note"] = "film film film film film film film film film film film film";
  method.limit.max_length = std::ssize(tokenized(method, model, asked[0]).at(0).input) + 2;
  const auto predictions = Predictor(model, {&method}).predict(pointers(asked));
  CHECK(predictions[0].problem.empty());
  CHECK(predictions[1].problem.find("the limit is") != std::string::npos);
}

TEST_CASE("damaged demonstrations in a card are refused by name") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> rows = short_examples(24, 61);
  Method method = shown(model, rows, {{"k", "2"}, {"choose", "similar"}});
  train(model, {{method, rows, {}}}, {}, 5);
  const Card card = to_card(method, model);
  const auto refused = [&](const std::function<void(Card&)>& damage, const char* part) {
    Card damaged = card;
    damage(damaged);
    CHECK_THROWS_WITH_AS(method_from_card(model, plugins(), damaged), doctest::Contains(part), DataError);
  };
  refused([](Card& c) { c.tuner_learned.texts["000001.label"] = "maybe"; }, "\"maybe\"");
  refused([](Card& c) { c.tuner_learned.texts.erase("000001.label"); }, "000001");
  refused([](Card& c) { c.tuner_learned.texts["000001.colour"] = "x"; }, "000001.colour");
  refused([](Card& c) { c.tuner_learned.texts["000001.field.text"].clear(), c.tuner_learned.tensors.clear(); },
          "\"states\"");
}
