// A half-precision folder whose matrices stay as the file has them against the same folder converted to float32 when it is loaded: the same
// predictions, training and texts, in every family; and refused cases. Quantised types: tests/installed/cli-stored.sh.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/stored/stored_matrix.hpp>

#include "model/convert.hpp"
#include "model/test_folder.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

constexpr double tolerance = 1e-4;

/// Both forms of one folder in half precision.
struct Twins {
  TestFolder folder;
  Model converted, stored;

  Twins(const std::string& name, at::ScalarType dtype)
      : converted(load(name, dtype)),
        stored(Model::load(folder.path() / "half", plugins(), {.matrices = MatrixForm::stored})) {}

private:
  Model load(const std::string& name, at::ScalarType dtype) const {
    convert_model(golden / "models" / name, folder.path() / "half", {dtype});
    return Model::load(folder.path() / "half", plugins(), {});
  }
};

/// Words of the vocabularies. The tiny GPT-2 of the golden files only has the words w1 to w60.
struct Words {
  bool numbered;
  explicit Words(const Model& model) : numbered(model.shape().family == "gpt2") {}

  std::string operator()(std::size_t number) const {
    static const std::vector<std::string> texts{"bad", "good", "film", "the", "so"};
    return numbered ? "w" + std::to_string(number + 1) : texts.at(number);
  }
  std::vector<Example> examples(std::size_t count) const {
    std::vector<Example> rows(count);
    for (std::size_t i = 0; i < count; ++i) {
      rows[i].fields["text"] =
          (*this)(2 + i % 3) + " " + (*this)(i % 2) + (i % 4 ? " " + (*this)(4 - i % 3) : "");
      rows[i].label = static_cast<int64_t>(i % 2);
      rows[i].line = static_cast<int64_t>(i) + 1;
    }
    return rows;
  }
};

/// Losses of a short training, probabilities before and after it.
using Outcome = std::vector<double>;

Outcome outcome_of(const Model& model, const std::string& tuner,
                   const std::vector<std::pair<std::string, std::string>>& options, double learning_rate) {
  const Words words(model);
  PipelineChoice choice;
  choice.name = "task";
  choice.prompt_template.set = {
      {"text", "{text} " + words(3) + (model.shape().causal ? "{\"mask\"}" : " {\"mask\"}")}};
  choice.tuner = {tuner, options};
  choice.labels = {"negative", "positive"};
  choice.label_words = {{words(0)}, {words(1)}};
  TaskPipeline pipeline = make_pipeline(model, plugins(), choice);
  const std::vector<Example> train_rows = words.examples(12), rows = words.examples(7);
  Outcome outcome;
  const auto predict = [&] {
    Predictor predictor(model, {&pipeline}, {4});
    for (const Prediction& each : predictor.predict(pointers(rows)))
      for (const double probability : each.decision.probabilities)
        outcome.push_back(probability);
  };
  predict();
  if (tuner != "manual") {
    const TrainResult result = train(model, {{pipeline, train_rows, {}}}, steps_of(4, 4, learning_rate), 1);
    outcome.insert(outcome.end(), result.report.losses.begin(), result.report.losses.end());
    predict();
  }
  return outcome;
}

double largest_difference(const Outcome& a, const Outcome& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

int64_t stored_matrices(const Model& model) {
  return std::ranges::count_if(model.backbone().weights(),
                               [](const auto& each) { return is_stored(each.second); });
}

} // namespace

TEST_CASE("every family predicts and trains with stored matrices as with converted ones") {
  for (const char* name : {"llama-tied", "llama-untied", "gpt2-tied", "bert-mlm", "distilbert-mlm",
                           "electra-generator", "roberta-mlm", "t5-gated", "bart"}) {
    CAPTURE(std::string(name));
    const Twins twins(
        name, std::string(name) == "gpt2-tied" || std::string(name) == "bert-mlm" ? at::kHalf : at::kBFloat16);
    CHECK(stored_matrices(twins.converted) == 0);
    // All linear layers, and at least a table.
    CHECK(stored_matrices(twins.stored) > std::ssize(twins.stored.backbone().linear_layers()));
    for (const LinearLayer& layer : twins.stored.backbone().linear_layers()) {
      const at::Tensor& weight = twins.stored.backbone().weights().at(layer.weight);
      CHECK(is_stored(weight));
      CHECK(at::equal(dense(weight), twins.converted.backbone().weights().at(layer.weight)));
    }
    CHECK(twins.stored.identity() == twins.converted.identity());
    const Outcome found = outcome_of(twins.stored, "prompt-tuning", {{"length", "3"}}, 0.05);
    CHECK(largest_difference(found, outcome_of(twins.converted, "prompt-tuning", {{"length", "3"}}, 0.05)) <
          tolerance);
  }
}

TEST_CASE("GPT-2's transposed matrices in bfloat16") {
  const Twins twins("gpt2-untied", at::kBFloat16);
  CHECK(largest_difference(outcome_of(twins.stored, "manual", {}, 0),
                           outcome_of(twins.converted, "manual", {}, 0)) < tolerance);
}

TEST_CASE("weights that a tuner trains become float32, all others stay as they are") {
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(std::string(name));
    const Twins twins(name, at::kBFloat16);
    for (const char* what : {"all", "bias"}) {
      if (std::string(what) == "bias" && std::string(name) == "llama-tied")
        continue; // it has none
      CAPTURE(std::string(what));
      const std::vector<std::pair<std::string, std::string>> options{{"what", what}};
      CHECK(largest_difference(outcome_of(twins.stored, "fine-tuning", options, 1e-3),
                               outcome_of(twins.converted, "fine-tuning", options, 1e-3)) < tolerance);
    }
  }
}

TEST_CASE("low-rank updates of stored matrices") {
  for (const char* name : {"llama-tied", "gpt2-tied", "t5-gated"}) {
    CAPTURE(std::string(name));
    const Twins twins(name, at::kBFloat16);
    const std::vector<std::pair<std::string, std::string>> options{{"targets", "all-linear"}};
    CHECK(largest_difference(outcome_of(twins.stored, "lora", options, 0.01),
                             outcome_of(twins.converted, "lora", options, 0.01)) < tolerance);
  }
}

TEST_CASE("a float32 folder is used as it is, and int8 refuses rows that aren't whole blocks") {
  const Model model =
      Model::load(golden / "models" / "llama-tied", plugins(), {.matrices = MatrixForm::stored});
  CHECK(stored_matrices(model) == 0);
  const std::string message = sentence(
      [] { Model::load(golden / "models" / "llama-tied", plugins(), {.matrices = MatrixForm::int8}); });
  CHECK_MESSAGE(contains(message, "rows of 48 elements, but --dtype int8 needs a multiple of 32"), message);
}
