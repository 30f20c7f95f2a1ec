// Trained layers of verbalizers on a device that is not the CPU: the same losses, tensors and predictions, and
// no step that waits for the device, dropout included.
#include <cmath>

#include <ATen/ATen.h>

#include "verbalizer_run.hpp"

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

std::vector<Example> rows_of(const std::string& verbalizer) {
  std::vector<Example> rows = training_set();
  if (verbalizer == "words")
    for (Example& row : rows) {
      for (const char* word : {"a", "moving", "plot"})
        row.words["words"].push_back(word);
      row.word_labels = {0, row.label, 1};
      row.fields.clear();
    }
  if (verbalizer == "spans")
    for (Example& row : rows)
      row.spans = {{"text", 0, static_cast<int64_t>(row.fields["text"].find(' '))}};
  if (verbalizer == "choices")
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].words["ends"] = {"a moving plot", "the worst of all", "long"};
      rows[i].words["ends"].resize(2 + i % 2);
    }
  return rows;
}

VerbalizerRun head_run(const Model& model, const std::string& verbalizer, const std::string& tuner) {
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", verbalizer == "words"     ? "It was: {words}"
                                         : verbalizer == "choices" ? "{text} It was: {\"choice\": \"ends\"}"
                                                                   : "Review: {text}"}};
  choice.verbalizer = {verbalizer, {{"dropout", "0.2"}}};
  if (verbalizer == "spans")
    choice.verbalizer.set.emplace_back("field", "text");
  choice.tuner = {tuner, {}};
  choice.labels = {"good", "bad"};
  if (verbalizer == "choices")
    choice.labels.push_back("neither");
  return verbalizer_run(model, choice, rows_of(verbalizer));
}

std::vector<std::vector<int64_t>> labels_of(const VerbalizerRun& run) {
  std::vector<std::vector<int64_t>> labels;
  for (const Prediction& prediction : run.predictions)
    labels.push_back(prediction.decision.labels);
  return labels;
}

} // namespace

TEST_CASE("heads train to the same result without waiting, alone and with a soft prompt") {
  for (const char* name : {"bert-mlm", "bert-plain", "llama-tied"})
    for (const char* verbalizer : {"head", "words", "choices", "spans"})
      for (const char* tuner : {"manual", "prompt-tuning"}) {
        CAPTURE(name);
        CAPTURE(verbalizer);
        CAPTURE(tuner);
        const VerbalizerRun here = head_run(model_on(name, at::kCPU, at::kDouble), verbalizer, tuner);
        const VerbalizerRun there = head_run(model_on(name, mirror::device, at::kDouble), verbalizer, tuner);
        REQUIRE(here.losses.size() == static_cast<std::size_t>(steps));
        REQUIRE(there.losses.size() == here.losses.size());
        for (std::size_t i = 0; i < here.losses.size(); ++i)
          CHECK(std::abs(here.losses[i] - there.losses[i]) < 1e-5);
        CHECK(here.moved > 0.01); // half the learning rate: an optimizer's first step is as large as that
        for (const auto& [tensor, values] : here.state.tensors)
          CHECK(at::allclose(values, there.state.tensors.at(tensor).to(at::kCPU), 1e-4, 1e-5));
        CHECK(labels_of(here) == labels_of(there));
        for (std::size_t i = 0; i < here.predictions.size(); ++i)
          CHECK(here.predictions[i].decision.text == there.predictions[i].decision.text);
      }
}
