// Prompt tuning against PEFT: loss, gradient, and three steps of AdamW, the shared front laid once; and the
// same steps as the plugin and the engine take them.
#include <ATen/ATen.h>

#include <cmath>
#include <fstream>

#include <unistd.h>

#include <cuecard/parts/optimizer.hpp>

#include "batch/pack.hpp"
#include "engine/predictor.hpp"
#include "engine/train.hpp"
#include "recorded.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// Each sequence of the recording with the learned rows in front, read at its last row.
std::vector<TokenizedPrompt> prompts(const Recording& recording, int64_t length) {
  const std::vector<int64_t> ids = recording.list("ids"), offsets = recording.list("offsets");
  std::vector<TokenizedPrompt> result;
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    TokenizedPrompt& prompt = result.emplace_back();
    for (int64_t slot = 0; slot < length; ++slot) {
      prompt.input.emplace_back();
      prompt.input.back().soft_slot = slot;
    }
    for (int64_t i = offsets[s]; i < offsets[s + 1]; ++i) {
      prompt.input.emplace_back();
      prompt.input.back().id = ids[static_cast<std::size_t>(i)];
    }
    prompt.answers = {static_cast<int64_t>(prompt.input.size()) - 1};
    prompt.targets = {-1};
  }
  return result;
}

/// A tiny model whose tokenizer knows the words w0, w1, ... by their ids, so that recorded ids can be written
/// as text.
class NumberedModel {
public:
  explicit NumberedModel(const std::string& name, int64_t vocabulary) {
    std::filesystem::create_directories(folder_);
    for (const char* file : {"config.json", "model.safetensors"})
      std::filesystem::create_symlink(golden / "models" / name / file, folder_ / file);
    std::ofstream tokenizer(folder_ / "tokenizer.json");
    tokenizer
        << R"({"version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "BertPreTokenizer"},
      "post_processor": null, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
      "model": {"type": "WordPiece", "unk_token": "w0", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                "vocab": {)";
    for (int64_t id = 0; id < vocabulary; ++id)
      tokenizer << (id ? ", " : "") << '"' << word(id) << "\": " << id;
    tokenizer << "}}}";
  }
  ~NumberedModel() { std::filesystem::remove_all(folder_); }
  NumberedModel(const NumberedModel&) = delete;
  NumberedModel& operator=(const NumberedModel&) = delete;

  static std::string word(int64_t id) { return "w" + std::to_string(id); }
  Model load(at::ScalarType dtype) const { return Model::load(folder_, plugins(), {at::kCPU, dtype}); }

private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("cuecard-peft-test-" + std::to_string(getpid()));
};

/// The recorded sequences as texts with their labels.
std::vector<Example> examples(const Recording& recording) {
  const std::vector<int64_t> ids = recording.list("ids"), offsets = recording.list("offsets"),
                             labels = recording.list("labels");
  std::vector<Example> result(labels.size());
  for (std::size_t s = 0; s < labels.size(); ++s) {
    for (int64_t i = offsets[s]; i < offsets[s + 1]; ++i)
      result[s].fields["text"] += NumberedModel::word(ids[static_cast<std::size_t>(i)]) + " ";
    result[s].label = labels[s];
  }
  return result;
}

/// Prompt tuning with the recording's label words, before the first step.
Method recorded_method(const Model& model, const Recording& recording, const std::vector<Example>& rows) {
  MethodChoice choice;
  choice.prompt_template.set = {{"text", "{text}{\"mask\"}"}};
  choice.tuner = {"prompt-tuning",
                  {{"length", std::to_string(recording["prompt"].size(0))}, {"weight-decay", "0.01"}}};
  for (const int64_t id : recording.list("label_words")) {
    choice.labels.push_back(NumberedModel::word(id));
    choice.label_words.push_back({NumberedModel::word(id)});
  }
  Method method = make_method(model, plugins(), choice, &rows);
  method.tuner->import_learned({{{"prompt", recording["prompt"]}}, {}});
  return method;
}

} // namespace

TEST_CASE("loss, gradient and three AdamW steps equal PEFT's") {
  for (const char* name : {"llama-tied", "llama-untied"})
    for (const std::string form : {"label_words", "full"})
      for (const bool share_front : {true, false}) {
        CAPTURE(name);
        CAPTURE(form);
        CAPTURE(share_front);
        const Model model = tiny_model(name, at::kDouble);
        const Recording recording(golden / "models" / name / "prompt_tuning.safetensors");
        const at::Tensor prompt = recording["prompt"].set_requires_grad(true);
        const std::vector<TokenizedPrompt> tokenized = prompts(recording, prompt.size(0));
        std::vector<PackItem> items;
        for (const TokenizedPrompt& each : tokenized)
          items.push_back({&each});
        const Batch batch = pack(items, {at::kCPU, share_front});
        CHECK((batch.input.rows() < static_cast<int64_t>(tokenized.size()) * prompt.size(0) +
                                        recording["ids"].size(0)) == share_front);

        const bool label_words = form == "label_words";
        const at::Tensor labels =
            label_words ? recording["labels"] : recording["label_words"].index_select(0, recording["labels"]);
        const std::vector<ParameterGroup> groups{{{prompt}, 1.0, 0.01}};
        const auto optimizer = make_optimizer("adamw", groups);
        for (int64_t step = 0; step <= 3; ++step) {
          Conditioning conditioning;
          conditioning.embeddings = prompt;
          const at::Tensor hidden = model.backbone().forward({batch, conditioning});
          const Readout readout{Readout::Kind::scores, label_words ? recording["label_words"] : at::Tensor()};
          const at::Tensor loss = at::cross_entropy_loss(model.backbone().read({hidden, readout}), labels);
          CHECK(std::abs(loss.item<double>() - recording[form + ".losses"][step].item<double>()) < 1e-8);
          if (step == 3)
            break;
          clear_gradients(groups);
          loss.backward();
          CHECK((prompt.grad() - recording[form + ".gradients"][step]).abs().max().item<double>() < 1e-8);
          optimizer->step(0.02);
          CHECK((prompt.detach() - recording[form + ".prompts"][step]).abs().max().item<double>() < 1e-8);
        }
      }
}

TEST_CASE("the plugin and the engine take PEFT's steps") {
  for (const char* name : {"llama-tied", "llama-untied"})
    for (const at::ScalarType dtype : {at::kDouble, at::kFloat}) {
      CAPTURE(name);
      CAPTURE(at::toString(dtype));
      const Recording recording(golden / "models" / name / "prompt_tuning.safetensors");
      const NumberedModel folder(name, tiny_model(name).backbone().shape().vocabulary);
      const Model model = folder.load(dtype);
      const std::vector<Example> rows = examples(recording);
      Method method = recorded_method(model, recording, rows);

      FitSettings settings;
      settings.steps = 3;
      settings.batch_size = static_cast<int64_t>(rows.size());
      settings.learning_rate = 0.02;
      settings.clip = 0;
      settings.schedule = "constant";
      const FitReport report = train(model, {{method, rows, {}}}, settings, 1).report;

      // What the plugin learns, and the losses that are reported, are float32 on a float64 model too.
      const double tolerance = dtype == at::kDouble ? 1e-6 : 1e-4;
      REQUIRE(report.losses.size() == 3);
      for (int64_t step = 0; step < 3; ++step)
        CHECK(std::abs(report.losses[static_cast<std::size_t>(step)] -
                       recording["label_words.losses"][step].item<double>()) < tolerance);
      const at::Tensor learned = method.tuner->export_learned(0).tensors.at("prompt").to(at::kDouble);
      if (dtype == at::kDouble) // in float32 Adam makes a whole step of a gradient's last digit
        CHECK((learned - recording["label_words.prompts"][2]).abs().max().item<double>() < tolerance);

      std::vector<const Example*> asked;
      for (const Example& row : rows)
        asked.push_back(&row);
      Predictor predictor(model, {&method});
      const std::vector<Prediction> predictions = predictor.predict(asked);
      double loss = 0;
      for (std::size_t i = 0; i < rows.size(); ++i)
        loss -= std::log(predictions[i].decision.probabilities.at(static_cast<std::size_t>(rows[i].label)));
      CHECK(std::abs(loss / static_cast<double>(rows.size()) -
                     recording["label_words.losses"][3].item<double>()) < tolerance);
    }
}
