// Demonstrations before the input: equal to writing them there by hand, forwarded once per card, stored in it;
// the examples most similar to the input are retrieved.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <cuecard/error.hpp>

#include "engine/representation.hpp"
#include "engine/tokenized_example.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Set = std::vector<std::pair<std::string, std::string>>;

/// Examples of at most three words: the tiny models have few positions.
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
  return model.shape().causal ? "{text} is{\"mask\"}" : "{text} It was {\"mask\"}.";
}

TaskPipeline shown(const Model& model, const std::vector<Example>& train_rows, Set options,
                   Set verbalizer = {}) {
  PipelineChoice choice;
  choice.name = "m";
  choice.prompt_template.set = {{"text", shown_template(model)}};
  choice.tuner = {"in-context", std::move(options)};
  choice.verbalizer.set = std::move(verbalizer);
  choice.labels = {"negative", "positive"};
  choice.label_words = {{"bad"}, {"good"}};
  choice.seed = 5 + test_seed();
  return make_pipeline(model, plugins(), choice, &train_rows);
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

/// The first example of each label, in the order of the file.
std::vector<Example> firsts(const std::vector<Example>& rows) {
  std::vector<Example> first;
  for (const Example& row : rows)
    if (std::none_of(first.begin(), first.end(), [&](const Example& e) { return e.label == row.label; }))
      first.push_back(row);
  return first;
}

/// Directly: the prompt of `plain` alone, hidden states of all tokens, averaged over those of the field. [hidden]
at::Tensor mean_field_state(const Model& model, const TaskPipeline& plain, const Example& example) {
  const at::NoGradGuard no_grad;
  TokenizedPrompt prompt = tokenized(plain, model, example).at(0);
  if (model.shape().encoder_decoder) {
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
}

/// The example of each label whose state is nearest by cosine, the nearer of the two last. `states`: one per row.
std::pair<const Example*, const Example*> nearest_rows(const at::Tensor& mine, const std::vector<Example>& rows,
                                                       const std::vector<at::Tensor>& states) {
  double best[2] = {-2, -2};
  const Example* nearest[2] = {nullptr, nullptr};
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const double cosine = at::cosine_similarity(mine, states[row], 0).item<double>();
    if (const int64_t label = rows[row].label; cosine > best[label]) {
      best[label] = cosine;
      nearest[label] = &rows[row];
    }
  }
  REQUIRE(nearest[0]);
  REQUIRE(nearest[1]);
  const int64_t last = best[1] > best[0] ? 1 : 0;
  return {nearest[1 - last], nearest[last]};
}

/// The text that the tuner puts before the prompt of `example`.
std::string demonstrations_of(const TaskPipeline& pipeline, const Example& example,
                              const at::Tensor& representation) {
  std::vector<Prompt> prompts = pipeline.prompt_template->render({example});
  const std::size_t own = prompts[0].input.size();
  pipeline.tuner->edit(prompts, {example, 0, false, representation});
  std::string text;
  for (std::size_t i = 0; i + own < prompts[0].input.size(); ++i)
    text += prompts[0].input[i].text;
  return text;
}

} // namespace

TEST_CASE("demonstrations equal the same text written before the input by hand") {
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const bool causal = model.shape().causal;
    const std::vector<Example> rows = short_examples(20, 51), inputs = short_examples(6, 52);
    const TaskPipeline pipeline = shown(model, rows, {{"k", "1"}, {"choose", "first"}, {"separator", " \\n"}});
    std::string by_hand;
    for (const Example& row : firsts(rows)) {
      const std::string text = row.fields.at("text"), answer = row.label ? "good" : "bad";
      by_hand += (causal ? text + " is " + answer : text + " It was " + answer + ".") + " \n";
    }
    for (const Example& example : inputs) {
      const TokenizedPrompt prompt = tokenized(pipeline, model, example).at(0);
      std::vector<int64_t> ids;
      for (const PromptToken& row : prompt.input)
        ids.push_back(row.id);
      const std::string text = example.fields.at("text");
      std::string expected = by_hand + text + (causal ? " is" : " It was");
      const std::string decoded = model.vocabulary().decode(ids, true);
      std::vector<int64_t> plain;
      for (const Token& token : model.vocabulary().encode(expected))
        plain.push_back(token.id);
      expected = model.vocabulary().decode(plain, true);
      CHECK(decoded.substr(0, expected.size()) == expected);
      CHECK(prompt.answers.size() == 1); // demonstrations have no answer slots
      const auto begin = model.vocabulary().sequence_prefix();
      CHECK(std::equal(begin.begin(), begin.end(), ids.begin())); // special tokens stay first
    }
  }
}

TEST_CASE("the card stores the demonstrations, and needs no training file") {
  for (const char* name : {"llama-tied", "bert-mlm", "t5-gated"})
    for (const char* choose : {"seed", "first", "similar"}) {
      CAPTURE(name);
      CAPTURE(choose);
      const Model model = tiny_model(name);
      const std::vector<Example> rows = short_examples(24, 53), inputs = short_examples(9, 54);
      TaskPipeline pipeline = shown(model, rows, {{"k", "2"}, {"choose", choose}}, {{"calibrate", "blank"}});
      const TrainResult result = train(model, {{pipeline, rows, inputs}}, {}, 5);
      CHECK(result.report.best_dev >= 0);
      CHECK(pipeline.parameters() == 0);
      const Card card = to_card(pipeline, model);
      CHECK(card.tuner_state.texts.count("000001.label") == 1);
      CHECK(card.tuner_state.texts.count("000004.field.text") == 1);
      CHECK(card.tuner_state.texts.size() == (std::string(choose) == "similar" ? 48 : 8));
      const TaskPipeline again = pipeline_from_card(model, plugins(), card);
      const auto first = probabilities(Predictor(model, {&pipeline}).predict(pointers(inputs)));
      CHECK(largest_difference(first, probabilities(Predictor(model, {&again}).predict(pointers(inputs)))) ==
            0);
      Predictor alone(model, {&again}, {1});
      CHECK(largest_difference(first, probabilities(alone.predict(pointers(inputs)))) < 1e-4);
      const TaskPipeline plain = two_label_pipeline(model, "p", shown_template(model), "manual");
      CHECK(largest_difference(first, probabilities(Predictor(model, {&plain}).predict(pointers(inputs)))) >
            1e-4);
    }
}

TEST_CASE("on causal models demonstrations are forwarded once per card") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> rows = short_examples(24, 55), inputs = short_examples(10, 56);
  const TaskPipeline pipeline = shown(model, rows, {{"k", "2"}});
  const TaskPipeline plain = two_label_pipeline(model, "p", shown_template(model), "manual");
  Predictor predictor(model, {&pipeline}, {5}), without(model, {&plain}, {5});
  const auto of = [](const std::vector<Example>& all, std::size_t begin) {
    std::vector<const Example*> part;
    for (std::size_t i = begin; i < begin + 5; ++i)
      part.push_back(&all[i]);
    return part;
  };
  predictor.predict(of(inputs, 0));
  without.predict(of(inputs, 0));
  const Counters first = predictor.counters(), first_without = without.counters();
  const auto length = [&](const TaskPipeline& m, const Example& e) {
    return std::ssize(tokenized(m, model, e).at(0).input);
  };
  const int64_t shown_tokens = length(pipeline, inputs[0]) - length(plain, inputs[0]);
  CHECK(shown_tokens > 20);
  CHECK(first.tokens_forwarded - first_without.tokens_forwarded == shown_tokens);
  predictor.predict(of(inputs, 5));
  without.predict(of(inputs, 5));
  CHECK(predictor.counters().tokens_forwarded - first.tokens_forwarded ==
        without.counters().tokens_forwarded - first_without.tokens_forwarded);
  CHECK(predictor.counters().tokens_from_cache >= 5 * shown_tokens);
  CHECK(predictor.counters().forwards == 2);
}

TEST_CASE("`similar` selects the examples whose mean hidden states are nearest, the nearest last") {
  for (const char* name : {"llama-tied", "bert-mlm", "t5-gated"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const bool causal = model.shape().causal;
    std::vector<Example> rows = short_examples(30, 57);
    const std::vector<Example> inputs = short_examples(5, 58);
    TaskPipeline pipeline = shown(model, rows, {{"k", "1"}, {"choose", "similar"}});
    CHECK_FALSE(pipeline.tuner->wants_representation());
    train(model, {{pipeline, rows, {}}}, {}, 5);
    CHECK(pipeline.tuner->wants_representation());

    const TaskPipeline plain = two_label_pipeline(model, "p", shown_template(model), "manual");
    std::vector<at::Tensor> states;
    for (const Example& row : rows)
      states.push_back(mean_field_state(model, plain, row));
    int64_t tokens = 0;
    for (const Example& example : inputs)
      tokens += std::ssize(tokenized(plain, model, example).at(0).input);
    Counters counters;
    const std::vector<at::Tensor> found =
        representations(model, pipeline, pipeline.backbone(model, counters), pointers(inputs), tokens / 2);
    CHECK(counters.forwards > 1);
    CHECK(counters.forwards <= 5);
    for (std::size_t a = 0; a < inputs.size(); ++a) {
      const at::Tensor mine = mean_field_state(model, plain, inputs[a]);
      REQUIRE(found[a].defined());
      CHECK((found[a] - mine).abs().max().item<double>() < 1e-4);
      const auto [farther, nearer] = nearest_rows(mine, rows, states);
      const auto written = [&](const Example& row) {
        if (model.shape().encoder_decoder) // in the format of T5's pretraining
          return row.fields.at("text") + " It was<extra_id_0>.<extra_id_0> " + (row.label ? "good" : "bad") +
                 "\n\n";
        return row.fields.at("text") + (causal ? " is" : " It was") + (row.label ? " good" : " bad") +
               (causal ? "" : ".") + "\n\n";
      };
      CHECK(demonstrations_of(pipeline, inputs[a], found[a]) == written(*farther) + written(*nearer));
    }
  }
}

TEST_CASE("a text that is generated continues the examples that `similar` selects") {
  const Model model = tiny_model("llama-tied");
  std::vector<Example> rows = short_examples(80, 62);
  for (Example& row : rows) // no text with both labels, which would be equally near
    row.label = row.fields["text"].find("good") != std::string::npos;
  const std::vector<Example> inputs = short_examples(6, 63);
  TaskPipeline pipeline = shown(model, rows, {{"k", "1"}, {"choose", "similar"}});
  train(model, {{pipeline, rows, {}}}, {}, 5);

  const TaskPipeline plain = two_label_pipeline(model, "p", shown_template(model), "manual");
  std::vector<at::Tensor> states;
  for (const Example& row : rows)
    states.push_back(mean_field_state(model, plain, row));
  GenerateSettings settings;
  settings.max_length = 6;
  settings.min_length = 6; // a text that ends at once would tell nothing
  const auto open_ids = [&](Predictor& predictor, const Example& input) { // as for a prompt that arrives
    std::vector<int64_t> ids;
    const auto shared = std::make_shared<const GenerateSettings>(settings);
    for (const PromptToken& token : predictor.writer().open(input, 0, shared).prompt.input)
      ids.push_back(token.id);
    return ids;
  };
  // The text that follows the demonstrations of both labels, written into the template.
  const auto after = [&](const std::string& demonstrations, const Example& input) {
    const TaskPipeline by_hand =
        two_label_pipeline(model, "p", demonstrations + shown_template(model), "manual");
    Predictor predictor(model, {&by_hand});
    return std::pair(predictor.generate({&input}, settings).at(0).at(0), open_ids(predictor, input));
  };
  const auto written = [&](const Example& row) {
    return row.fields.at("text") + " is" + (row.label ? " good" : " bad") + "\n\n";
  };

  Predictor predictor(model, {&pipeline});
  ExampleNotes notes;
  const auto texts = predictor.generate(pointers(inputs), settings, &notes);
  int64_t others = 0; // inputs whose text the first examples would change
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    REQUIRE(notes.problems[i] == "");
    const auto [farther, nearer] = nearest_rows(mean_field_state(model, plain, inputs[i]), rows, states);
    const auto [expected, ids] = after(written(*farther) + written(*nearer), inputs[i]);
    CHECK(open_ids(predictor, inputs[i]) == ids);
    CHECK(texts[i].at(0).ids == expected.ids);
    CHECK(texts[i][0].log_prob == doctest::Approx(expected.log_prob).epsilon(1e-4));

    // Without a representation the tuner shows the first of each label in its pool.
    const Generated other = after(demonstrations_of(pipeline, inputs[i], {}), inputs[i]).first;
    others += other.ids != expected.ids || std::abs(other.log_prob - expected.log_prob) > 1e-2;
  }
  CHECK(others >= 3);
}

TEST_CASE("an example whose prompt does not fit has a problem of its own, and the others are predicted") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> rows = short_examples(24, 59);
  std::vector<Example> inputs = short_examples(2, 60);
  inputs[0].meta["note"] = "";
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", "{text} {\"meta\": \"note\", \"shortenable\": False} so{\"mask\"}"}};
  choice.tuner = {"in-context", {{"k", "2"}}};
  choice.labels = {"negative", "positive"};
  choice.label_words = {{"bad"}, {"good"}};
  std::vector<Example> noted = rows;
  for (Example& row : noted)
    row.meta["note"] = "x";
  TaskPipeline pipeline = make_pipeline(model, plugins(), choice, &noted);
  inputs[1].meta["note"] = "film film film film film film film film film film film film";
  pipeline.limit.max_length = std::ssize(tokenized(pipeline, model, inputs[0]).at(0).input) + 2;
  const auto predictions = Predictor(model, {&pipeline}).predict(pointers(inputs));
  CHECK(predictions[0].problem.empty());
  CHECK(predictions[1].problem.find("the limit is") != std::string::npos);
}

TEST_CASE("damaged demonstrations in a card are refused by name") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> rows = short_examples(24, 61);
  TaskPipeline pipeline = shown(model, rows, {{"k", "2"}, {"choose", "similar"}});
  train(model, {{pipeline, rows, {}}}, {}, 5);
  const Card card = to_card(pipeline, model);
  const auto refused = [&](const std::function<void(Card&)>& damage, const char* part) {
    Card damaged = card;
    damage(damaged);
    CHECK_THROWS_WITH_AS(pipeline_from_card(model, plugins(), damaged), doctest::Contains(part), DataError);
  };
  refused([](Card& c) { c.tuner_state.texts["000001.label"] = "maybe"; }, "\"maybe\"");
  refused([](Card& c) { c.tuner_state.texts.erase("000001.label"); }, "000001");
  refused([](Card& c) { c.tuner_state.texts["000001.colour"] = "x"; }, "000001.colour");
  refused([](Card& c) { c.tuner_state.texts["000001.field.text"].clear(), c.tuner_state.tensors.clear(); },
          "\"states\"");
}
