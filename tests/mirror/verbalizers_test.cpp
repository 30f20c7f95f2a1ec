// Verbalizers that search, train or combine label words, on a device that is not the CPU: the same losses,
// tensors and predictions, and no step that waits for the device.
#include <cmath>

#include <ATen/ATen.h>

#include "verbalizer_run.hpp"

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

VerbalizerRun words_run(const Model& model, const std::string& verbalizer,
                        const std::vector<std::pair<std::string, std::string>>& set) {
  PipelineChoice choice;
  const bool rules = verbalizer == "rules";
  choice.prompt_template.set = {
      {"text", rules ? R"({text} a {"mask"} is {"mask"})" : R"({text} it was {"mask"})"}};
  choice.verbalizer = {verbalizer, set};
  choice.tuner = {"prompt-tuning", {{"length", "3"}}};
  choice.labels = {"good", "bad"};
  choice.label_words = {{"great", rules ? "drama" : "moving"}, {"tedious", rules ? "actor" : "bad"}};
  return verbalizer_run(model, choice, training_set());
}

std::vector<double> probabilities_of(const VerbalizerRun& run) {
  std::vector<double> probabilities;
  for (const Prediction& prediction : run.predictions)
    probabilities.insert(probabilities.end(), prediction.decision.probabilities.begin(),
                         prediction.decision.probabilities.end());
  return probabilities;
}

} // namespace

TEST_CASE("verbalizers train and decide the same without waiting") {
  const std::vector<std::pair<std::string, std::vector<std::pair<std::string, std::string>>>> all{
      {"automatic", {{"words-per-label", "3"}, {"calibrate", "train"}}},
      {"soft", {}},
      {"knowledgeable", {{"frequency", "0.1"}, {"relevance", "0.5"}}},
      {"rules", {{"calibrate", "blank"}}},
      {"prototypical", {{"calibrate", "blank"}}},
  };
  for (const auto& [verbalizer, set] : all) {
    CAPTURE(verbalizer);
    const VerbalizerRun here = words_run(model_on("bert-mlm", at::kCPU, at::kDouble), verbalizer, set);
    const VerbalizerRun there = words_run(model_on("bert-mlm", mirror::device, at::kDouble), verbalizer, set);
    REQUIRE(here.losses.size() == static_cast<std::size_t>(steps));
    REQUIRE(there.losses.size() == here.losses.size());
    for (std::size_t i = 0; i < here.losses.size(); ++i)
      CHECK(std::abs(here.losses[i] - there.losses[i]) < 1e-5);
    CHECK(here.state.texts == there.state.texts);
    for (const auto& [tensor, values] : here.state.tensors)
      CHECK(at::allclose(values, there.state.tensors.at(tensor).to(at::kCPU), 1e-3, 1e-4));
    const std::vector<double> wanted = probabilities_of(here), found = probabilities_of(there);
    REQUIRE(wanted.size() == found.size());
    for (std::size_t i = 0; i < wanted.size(); ++i)
      CHECK(std::abs(wanted[i] - found[i]) < 1e-4);
  }
}
