// The classification head of every model class, as PEFT saves it, gives transformers' probabilities
// (tests/golden/peft_heads.py), and is exported as it was.
#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "engine/predict/batch_runner.hpp"
#include "engine/word_field.hpp"
#include "files/strict_json.hpp"
#include "model/test_folder.hpp"
#include "peft/export.hpp"
#include "peft/import.hpp"
#include "recorded.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;
using nlohmann::json;

namespace {

const std::filesystem::path adapters = golden / "head_adapters";
constexpr double tolerance = 1e-5;

Card imported(const peft::Adapter& adapter, const Model& model) {
  peft::ImportChoice choice;
  choice.pipeline.prompt_template.set = {
      {"text", adapter.config.task == peft::Task::token_cls ? "{words}" : "{text}"}};
  choice.pipeline.tuner.component = "";
  const TestFolder folder;
  save_card(peft::import_adapter(adapter, model, plugins(), choice).card, folder.path() / "card");
  return read_card(folder.path() / "card");
}

/// Of one text: [1, labels], or [words, labels].
at::Tensor probabilities(const Model& model, const TaskPipeline& pipeline, const std::string& text) {
  Example example;
  if (pipeline.labels_words()) {
    example.fields = {{"words", text}};
    take_words(example, pipeline);
  } else {
    example.fields["text"] = text;
  }
  BatchRunner runner(model, {&pipeline}, {});
  ExampleNotes notes(1);
  at::Tensor result;
  runner.run(runner.examples({&example}, notes), [&](const ForwardBatch& batch) {
    const at::Tensor states =
        model.backbone().project({batch.hidden, pipeline.verbalizer->output_request(), {}});
    result = pipeline.verbalizer->score({states, batch.batch}).values.detach().view({-1, 3}).softmax(1);
  });
  REQUIRE(notes.problems[0] == "");
  return result;
}

void check_probabilities(const json& expected, const Model& model, const Card& card) {
  const TaskPipeline pipeline = pipeline_from_card(model, plugins(), card);
  for (std::size_t i = 0; i < expected["texts"].size(); ++i) {
    const json& scores = expected["scores"][i];
    const json rows = scores[0].is_array() ? scores : json::array({scores});
    const at::Tensor found = probabilities(model, pipeline, expected["texts"][i]);
    REQUIRE(found.size(0) == std::ssize(rows));
    for (std::size_t row = 0; row < rows.size(); ++row)
      for (std::size_t label = 0; label < 3; ++label)
        CHECK(std::abs(found[static_cast<int64_t>(row)][static_cast<int64_t>(label)].item<double>() -
                       rows[row][label].get<double>()) < tolerance);
  }
}

} // namespace

TEST_CASE("a head of each class is imported with its probabilities, exported as it was, and imported again") {
  const json cases = read_json(adapters / "expected.json");
  REQUIRE(cases.size() == 29);
  for (const auto& [name, expected] : cases.items()) {
    if (expected["scores"].empty())
      continue;
    CAPTURE(name);
    const Model model = tiny_model(expected["model"]);
    const peft::Adapter adapter = peft::read_adapter(adapters / name);
    const Card card = imported(adapter, model);
    check_probabilities(expected, model, card);

    peft::ExportChoice choice;
    choice.base_model = adapter.config.base_model;
    const TestFolder folder;
    peft::write_adapter(
        peft::export_card(pipeline_from_card(model, plugins(), card), model, plugins(), choice).adapter,
        folder.path() / "adapter");
    const peft::Adapter exported = peft::read_adapter(folder.path() / "adapter");
    CHECK(exported.config.type == adapter.config.type);
    CHECK(exported.config.task == adapter.config.task);
    for (const auto tensors :
         {&peft::Adapter::head, &peft::Adapter::prompt_tensors, &peft::Adapter::module_tensors}) {
      REQUIRE((exported.*tensors).size() == (adapter.*tensors).size());
      for (const auto& [tensor_name, tensor] : adapter.*tensors) {
        CAPTURE(tensor_name);
        CHECK((exported.*tensors).at(tensor_name).sizes() == tensor.sizes());
        CHECK(at::allclose((exported.*tensors).at(tensor_name), tensor, 1e-6, 0));
      }
    }
    check_probabilities(expected, model, imported(exported, model));
  }
}

TEST_CASE("DeBERTa's pooler is read from the model's files where PEFT did not save it") {
  const TestFolder folder;
  const std::filesystem::path model_folder = golden / "models/deberta-v3";
  for (const char* name : {"config.json", "tokenizer.json", "tokenizer_config.json"})
    std::filesystem::copy_file(model_folder / name, folder.path() / name);
  peft::Adapter adapter = peft::read_adapter(adapters / "deberta-pooler-head");
  const SafetensorsFile file(model_folder / "model.safetensors");
  TensorMap weights;
  for (const auto& [name, entry] : file.entries())
    weights[name] = file.tensor(name);
  for (const char* name : {"pooler.dense.weight", "pooler.dense.bias"})
    weights[name] = adapter.head.extract(name).mapped();
  write_safetensors(folder.path() / "model.safetensors", weights);
  const Model model = Model::load(folder.path(), plugins(), {at::kCPU, at::kFloat});
  const Card card = imported(adapter, model);
  check_probabilities(read_json(adapters / "expected.json")["deberta-pooler-head"], model, card);
  const peft::Adapter exported =
      peft::export_card(pipeline_from_card(model, plugins(), card), model, plugins(), {}).adapter;
  CHECK(exported.head.size() == 2);
  const Model without = tiny_model("deberta-v3");
  CHECK(contains(sentence([&] { imported(adapter, without); }),
                 "this model's files have none; transformers initialized one"));
}

TEST_CASE("the classes of encoder-decoders are refused, and so is a head of another family") {
  const auto refusal = [](const std::string& adapter_name, const std::string& model_name) {
    const peft::Adapter adapter = peft::read_adapter(adapters / adapter_name);
    const Model model = tiny_model(model_name);
    return sentence([&] { imported(adapter, model); });
  };
  CHECK(contains(refusal("t5-head", "t5-plain"),
                 "\"task_type\" is SEQ_CLS, and transformers' head for t5 models reads the "
                 "decoder at the end of the text"));
  CHECK(contains(refusal("t5-words", "t5-plain"),
                 "labels words by the encoder's states, but a card reads the decoder's"));
  CHECK(contains(refusal("bart-head", "bart"), "transformers' head for bart models reads the decoder"));
  CHECK(
      contains(refusal("t5-words", "bart"), "transformers has no token classification class for bart models"));
  CHECK(contains(refusal("electra-lora-head", "distilbert-mlm"), "use the model that it was trained on"));
}

TEST_CASE("a card of ELECTRA's head says gelu, and is not exported with another function") {
  const Model model = tiny_model("electra-generator");
  Card card = imported(peft::read_adapter(adapters / "electra-prefix-head"), model);
  CHECK(card.verbalizer.options.text("activation") == "gelu");
  card.verbalizer.options.set("activation", std::string("tanh"));
  peft::ExportChoice choice;
  CHECK(contains(
      sentence(
          [&] { peft::export_card(pipeline_from_card(model, plugins(), card), model, plugins(), choice); }),
      "with gelu between (train it with --set verbalizer.dense=true --set verbalizer.activation=gelu)"));
}
