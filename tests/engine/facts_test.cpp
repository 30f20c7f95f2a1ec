// Facts as LAMA probes them: the loss is over the whole vocabulary, the accuracy is precision at 1 among the
// objects, and AutoPrompt's triggers for a relation lower that loss.
#include <ATen/ATen.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include <cuecard/parts/words/label_word_search.hpp>

#include "engine/train/dev_metric.hpp"
#include "trigger_task.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// Four words of one token, and one of several.
std::vector<std::string> objects_of(const Model& model) {
  const std::vector<int64_t> words = single_token_words(model.vocabulary(), model.vocabulary().size());
  std::vector<std::string> objects;
  for (std::size_t i = 1; i <= 4; ++i)
    objects.push_back(word_of_token(model.vocabulary(), words.at(i * words.size() / 5)));
  objects.insert(objects.begin() + 2, "unspeakable");
  return objects;
}

TaskPipeline relation(const Model& model, const std::string& tuner,
                      std::vector<std::pair<std::string, std::string>> set) {
  PipelineChoice choice;
  const std::string slots = "{\"trigger\": \"" + model.vocabulary().piece(token_of(model, " plot")) + "\"}";
  choice.prompt_template.set = {{"text", model.shape().causal
                                             ? "{sub_label}" + slots + slots + "{\"mask\"}"
                                             : "{sub_label} " + slots + slots + " {\"mask\"} ."}};
  choice.tuner = {tuner, std::move(set)};
  choice.verbalizer.component = "fact";
  choice.labels = objects_of(model);
  return make_pipeline(model, plugins(), choice);
}

std::vector<Example> facts(int64_t count) {
  Random random(91 + test_seed());
  std::vector<Example> examples(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < examples.size(); ++i) {
    examples[i].fields["sub_label"] = "of " + std::to_string(random.below(90)) + " and plot";
    examples[i].label = static_cast<int64_t>(random.below(5));
    examples[i].line = static_cast<int64_t>(i) + 1;
  }
  return examples;
}

/// log p over the whole vocabulary at the answer slot, one example at a time.
at::Tensor directly(const Model& model, const TaskPipeline& pipeline, const Example& example) {
  const at::NoGradGuard no_grad;
  const TokenizedPrompt prompt = tokenized(pipeline, model, example).at(0);
  const Batch batch = pack({{&prompt, &example}}, {});
  const at::Tensor hidden = model.backbone().forward({batch, {}});
  return model.backbone()
      .project({hidden, {OutputRequest::Kind::logits, {}}})
      .to(at::kDouble)
      .log_softmax(1)
      .view({-1});
}

/// The object's token, or -1.
int64_t token_of_object(const Model& model, int64_t label) {
  const auto tokens = model.vocabulary().encode(" " + objects_of(model)[static_cast<std::size_t>(label)]);
  return tokens.size() == 1 ? tokens[0].id : -1;
}

} // namespace

TEST_CASE("precision at 1 and loss of facts are those of a direct computation over the whole vocabulary") {
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    REQUIRE(token_of_object(model, 0) >= 0);
    REQUIRE(token_of_object(model, 2) < 0);
    const TaskPipeline pipeline = relation(model, "manual", {});
    const std::vector<Example> rows = facts(30);
    const auto predictions = Predictor(model, {&pipeline}).predict(pointers(rows));
    int64_t usable = 0, hits = 0, found_hits = 0;
    double sum = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CHECK(predictions[i].problem.empty() == (token_of_object(model, rows[i].label) >= 0));
      if (!predictions[i].problem.empty())
        continue;
      ++usable;
      const at::Tensor log_p = directly(model, pipeline, rows[i]);
      int64_t best = -1;
      for (int64_t label = 0; label < 5; ++label)
        if (const int64_t id = token_of_object(model, label); id >= 0)
          if (best < 0 || log_p[id].item<double>() > log_p[token_of_object(model, best)].item<double>())
            best = label;
      CHECK(predictions[i].label() == best);
      hits += best == rows[i].label;
      found_hits += predictions[i].label() == rows[i].label;
      sum -= log_p[token_of_object(model, rows[i].label)].item<double>();
    }
    CHECK(usable > 15);
    CHECK(usable < 30);
    CHECK(hits == found_hits);
    std::vector<const Example*> of_one_token;
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (predictions[i].problem.empty())
        of_one_token.push_back(&rows[i]);
    CHECK(std::abs(exact_loss(model, pipeline, pipeline.prompt_template->triggers(), of_one_token).sum - sum) <
          1e-4 * sum);
  }
}

TEST_CASE("triggers for a relation lower the loss of its facts, and examples of other objects are skipped") {
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> rows = facts(30);
    TaskPipeline pipeline = relation(model, "autoprompt", {{"accumulation", "1"}, {"candidates", "20"}});
    std::vector<const Example*> usable;
    for (const Example& row : rows)
      if (token_of_object(model, row.label) >= 0)
        usable.push_back(&row);
    const double before = exact_loss(model, pipeline, pipeline.prompt_template->triggers(), usable).sum;
    FitRequest request;
    request.steps = 6;
    request.batch_size = 64;
    std::size_t skipped = 0;
    train(model, {{pipeline, rows, {}}}, request, 1, {},
          [&](std::size_t, const PreparedExamples& found) { skipped = found.skipped_train.size(); });
    CHECK(skipped == rows.size() - usable.size());
    const std::vector<int64_t> found = pipeline.prompt_template->triggers();
    CHECK(exact_loss(model, pipeline, found, usable).sum < before - 0.01);
    for (int64_t label = 0; label < 5; ++label)
      for (const int64_t id : found)
        CHECK(id != token_of_object(model, label)); // the filter excludes the objects
  }
}

TEST_CASE(
    "predicting either of two objects that are one token is right for both, also in a search for triggers") {
  const Model model = tiny_model("bert-mlm");
  // Two spellings that the vocabulary lower-cases are one token.
  const std::string word = objects_of(model)[0], other = objects_of(model)[1];
  std::string upper = word;
  std::ranges::transform(upper, upper.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  REQUIRE(model.vocabulary().encode(" " + word)[0].id == model.vocabulary().encode(" " + upper)[0].id);
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", "{sub_label} {\"mask\"} ."}};
  choice.verbalizer.component = "fact";
  choice.labels = {word, other, upper};
  choice.metric = "accuracy";
  const TaskPipeline pipeline = make_pipeline(model, plugins(), choice);
  std::vector<Example> examples = facts(8);
  for (std::size_t i = 0; i < examples.size(); ++i)
    examples[i].label = i % 2 == 0 ? 0 : 2;
  const std::vector<Prediction> predictions = Predictor(model, {&pipeline}).predict(pointers(examples));
  double first = 0;
  for (const Prediction& prediction : predictions) {
    CHECK(prediction.label() != 2);
    first += prediction.label() == 0;
  }
  CHECK(dev_metric(pipeline, pointers(examples), predictions) == doctest::Approx(first / 8));
}
