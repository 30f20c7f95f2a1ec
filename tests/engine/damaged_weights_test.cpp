// A model with NaN or infinite weights predicts nothing: every call fails with a message that names the tensor.
#include <cmath>
#include <limits>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

#include "model/safetensors/safetensors.hpp"
#include "model/test_folder.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// A copy of a golden model with one number of one tensor replaced: number `index`, from the end when negative.
Model damaged_model(const TestFolder& folder, const std::string& tensor, float number, int64_t index) {
  const std::filesystem::path sound = golden / "models" / "llama-tied";
  std::filesystem::copy(sound / "config.json", folder.path());
  std::filesystem::copy(sound / "tokenizer.json", folder.path());
  const SafetensorsFile file(sound / "model.safetensors");
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, entry] : file.entries())
    tensors[name] = file.tensor(name).clone();
  tensors.at(tensor).view({-1})[index] = number;
  write_safetensors(folder.path() / "model.safetensors", tensors);
  return Model::load(folder.path(), plugins(), {});
}

} // namespace

TEST_CASE("NaN and infinite weights are named in prediction, filling, generation and training") {
  for (const float number : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    TestFolder folder;
    const std::string tensor = "model.layers.1.mlp.down_proj.weight";
    const Model model = damaged_model(folder, tensor, number, 3);
    const std::string expected = "\"" + tensor + "\" holds NaN or infinite values";
    const TaskPipeline pipeline =
        two_label_pipeline(model, "plain", "Review: {text} It was{\"mask\"}", "manual");
    Predictor predictor(model, {&pipeline});
    const std::vector<Example> examples = word_examples(4, 1);
    const auto check_error = [&](const auto& action) {
      const std::string text = sentence(action);
      CHECK_MESSAGE(contains(text, expected), text);
      CHECK(contains(text, folder.path().string()));
    };
    check_error([&] { predictor.predict(pointers(examples)); });
    check_error([&] { predictor.fill(pointers(examples), 2); });
    for (const int64_t beams : {1, 2}) {
      GenerateSettings settings;
      settings.max_length = 2;
      settings.beams = beams;
      check_error([&] { predictor.generate(pointers(examples), settings); });
    }

    TaskPipeline trained = two_label_pipeline(model, "soft", "{text} It was{\"mask\"}", "prompt-tuning");
    FitRequest request;
    request.steps = 2;
    const std::string text = sentence([&] { train(model, {{trained, examples, {}}}, request, 1); });
    CHECK_MESSAGE(contains(text, "at the first step, before anything was trained"), text);
  }
}

TEST_CASE("NaN and infinite weights are named in the predictions of an ensemble, whatever its vote") {
  for (const float number : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    TestFolder folder;
    const std::string tensor = "model.layers.1.mlp.down_proj.weight";
    const Model model = damaged_model(folder, tensor, number, 3);
    const TaskPipeline pipeline = two_label_pipeline(
        model, "variants",
        R"(Review: {text} It was{"mask"}{"variant"}So: {text} is{"mask"}{"variant"}{text} was{"mask"})",
        "manual");
    const std::vector<Example> examples = word_examples(4, 1);
    for (const Vote vote : {Vote::mean, Vote::majority}) {
      CAPTURE(vote);
      Predictor predictor(model, {&pipeline}, {.vote = vote});
      const std::string text = sentence([&] { predictor.predict(pointers(examples)); });
      CHECK_MESSAGE(contains(text, "\"" + tensor + "\" holds NaN or infinite values"), text);
      CHECK(contains(text, folder.path().string()));
    }
  }
}

TEST_CASE("a damaged weight that no prediction depends on has no effect") {
  TestFolder folder;
  const Model model =
      damaged_model(folder, "model.embed_tokens.weight", std::nanf(""), -1); // only of the last token
  const TaskPipeline pipeline = two_label_pipeline(model, "plain", "Review: {text} It was{\"mask\"}", "manual");
  const std::vector<Example> examples = word_examples(4, 1);
  Predictor predictor(model, {&pipeline});
  for (const Prediction& prediction : predictor.predict(pointers(examples)))
    CHECK(std::isfinite(prediction.decision.probabilities.at(0)));
  CHECK(contains(sentence([&] { predictor.fill(pointers(examples), 2); }), "model.embed_tokens.weight"));
}
