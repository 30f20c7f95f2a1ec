// Adapters that PEFT wrote become cards with PEFT's results (tests/golden/peft_adapters.py), and adapters
// again.
#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "engine/predict/predictor.hpp"
#include "engine/word_field.hpp"
#include "files/strict_json.hpp"
#include "model/test_folder.hpp"
#include "peft/adapter_tensors.hpp"
#include "peft/export.hpp"
#include "peft/head.hpp"
#include "peft/import.hpp"
#include "recorded.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;
using nlohmann::json;

namespace {

const std::filesystem::path adapters = golden / "adapters";
constexpr double tolerance = 1e-4;

/// A case of `expected.json` with its adapter and its model.
struct Case {
  std::string name;
  json expected;
  peft::Adapter adapter;
  Model model;
};

void for_each_case(const std::function<void(const Case&)>& look) {
  const json cases = read_json(adapters / "expected.json");
  REQUIRE(cases.size() == 26);
  for (const auto& [name, expected] : cases.items()) {
    CAPTURE(name);
    look({name, expected, peft::read_adapter(adapters / name), tiny_model(expected["model"])});
  }
}

peft::ImportChoice default_choice(const peft::Adapter& adapter, int64_t task = 0) {
  peft::ImportChoice choice;
  choice.pipeline.prompt_template.set = {
      {"text", adapter.config.task == peft::Task::token_cls ? "{words}" : "{text}"}};
  choice.pipeline.tuner.component = "";
  choice.task = task;
  return choice;
}

/// The card, written and read again.
Card imported(const Case& each, int64_t task = 0) {
  const TestFolder folder;
  save_card(peft::import_adapter(each.adapter, each.model, plugins(), default_choice(each.adapter, task)).card,
            folder.path() / "card");
  return read_card(folder.path() / "card");
}

std::vector<Example> examples_of(const Case& each, const TaskPipeline& pipeline) {
  std::vector<Example> examples;
  for (const std::string text : each.expected["texts"]) {
    examples.emplace_back().fields["text"] = text;
    if (pipeline.labels_words()) {
      examples.back().fields = {{"words", text}};
      take_words(examples.back(), pipeline);
    }
  }
  return examples;
}

void check_written(const json& expected, const std::vector<std::vector<Generated>>& written) {
  REQUIRE(written.size() == expected.size());
  for (std::size_t i = 0; i < written.size(); ++i) {
    CHECK(written[i].at(0).text == expected[i]["text"].get<std::string>());
    CHECK(std::abs(written[i].at(0).log_prob - expected[i]["log_prob"].get<double>()) < tolerance);
  }
}

} // namespace

TEST_CASE("an imported adapter gives PEFT's scores, labels and texts") {
  for_each_case([](const Case& each) {
    const int64_t tasks = each.adapter.config.tasks;
    for (int64_t task = 0; task < tasks; ++task) {
      const TaskPipeline pipeline = pipeline_from_card(each.model, plugins(), imported(each, task));
      const std::vector<Example> examples = examples_of(each, pipeline);
      std::vector<const Example*> rows;
      for (const Example& example : examples)
        rows.push_back(&example);
      Predictor predictor(each.model, {&pipeline});
      if (each.expected.contains("written")) {
        GenerateSettings settings;
        settings.max_length = 6;
        check_written(each.expected["written"][static_cast<std::size_t>(task)],
                      predictor.generate(rows, settings));
        continue;
      }
      const std::vector<Prediction> predictions = predictor.predict(rows);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        REQUIRE(predictions[i].problem.empty());
        if (each.expected.contains("labels")) {
          CHECK(json(predictions[i].decision.labels) == each.expected["labels"][i]);
          continue;
        }
        for (std::size_t label = 0; label < 3; ++label)
          CHECK(std::abs(predictions[i].decision.probabilities.at(label) -
                         each.expected["scores"][i][label].get<double>()) < tolerance);
      }
    }
  });
}

TEST_CASE("an imported adapter is exported unchanged") {
  for_each_case([](const Case& each) {
    const TaskPipeline pipeline = pipeline_from_card(each.model, plugins(), imported(each));
    peft::ExportChoice choice;
    choice.base_model = each.adapter.config.base_model;
    if (each.adapter.config.type == peft::Type::multitask_prompt_tuning)
      choice.type = each.adapter.config.type;
    const TestFolder folder;
    peft::write_adapter(peft::export_card(pipeline, each.model, plugins(), choice).adapter,
                        folder.path() / "adapter");
    const peft::Adapter exported = peft::read_adapter(folder.path() / "adapter");
    const peft::AdapterConfig &there = each.adapter.config, &here = exported.config;
    CHECK(here.type == there.type);
    CHECK(here.task == there.task);
    CHECK(here.base_model == there.base_model);
    CHECK(here.virtual_tokens == there.virtual_tokens);
    const BackboneShape& shape = each.model.shape();
    if (!shape.encoder_decoder) // otherwise several numbers of layers give the same prefixes
      CHECK(here.layers == there.layers);
    if (there.has_prefix() ||
        !shape.encoder_decoder) // otherwise PEFT writes the encoder's value and ignores it
      CHECK(here.heads == there.heads);
    CHECK(here.width == there.width);
    CHECK(here.modules_to_save == there.modules_to_save);
    CHECK(exported.head.size() == each.adapter.head.size());
    for (const auto& [name, tensor] : each.adapter.head)
      CHECK(at::equal(exported.head.at(name), tensor));
    // Keys and values that PEFT never uses, and the second half of an encoder-decoder's prompt, are not
    // exported.
    const Conditioning before = peft::conditioning_of(each.adapter, shape, 0),
                       after = peft::conditioning_of(exported, shape, 0);
    REQUIRE(after.prefixes.size() == before.prefixes.size());
    if (!before.prefixes.empty()) {
      CHECK(at::equal(after.prefixes[0].key, before.prefixes[0].key));
      CHECK(at::equal(after.prefixes[0].value, before.prefixes[0].value));
      CHECK(after.prefixes[0].positions == before.prefixes[0].positions);
    } else {
      CHECK(at::allclose(after.embeddings, before.embeddings, 1e-6, 0)); // scaled on the way in BART alone
    }
  });
}

TEST_CASE("embeddings of a resized vocabulary are left out and compared with the model's") {
  const Model model = tiny_model("gpt2-tied");
  peft::Adapter adapter = peft::read_adapter(adapters / "gpt2-prompt");
  REQUIRE(adapter.embeddings.size() == 2);
  auto notes = peft::import_adapter(adapter, model, plugins(), default_choice(adapter)).notes;
  REQUIRE(notes.size() == 2);
  CHECK(contains(notes[1], "\"transformer.wte.weight\" (64 tokens) equals the model's"));
  at::Tensor changed = adapter.embeddings.at("transformer.wte.weight").clone();
  changed[3][1] += 1;
  changed[5][0] += 1;
  adapter.embeddings["transformer.wte.weight"] = changed;
  notes = peft::import_adapter(adapter, model, plugins(), default_choice(adapter)).notes;
  CHECK(contains(notes[1], "differs from the model's in 2 of 61 tokens"));
}

TEST_CASE("which tuner adopts an adapter, and what the card records of its origin") {
  const Model model = tiny_model("llama-tied");
  const peft::Adapter prefix = peft::read_adapter(adapters / "llama-prefix");
  const Card card = peft::import_adapter(prefix, model, plugins(), default_choice(prefix)).card;
  CHECK(card.tuner.component == "prefix-tuning");
  CHECK(card.verbalizer.component == "text");
  CHECK(card.positions == "soft prompts and prefixes count as positions");
  CHECK(card.training.settings.text("imported-from") == "PEFT PREFIX_TUNING, CAUSAL_LM");
  CHECK(card.training.settings.text("base-model") == "llama-tied");
  CHECK(card.training.settings.text("dtype") == "bfloat16");
  CHECK(card.training.settings.text("peft-version") == "0.21.2");
  const auto with = [&](const std::string& tuner) {
    peft::ImportChoice choice = default_choice(prefix);
    choice.pipeline.tuner.component = tuner;
    return peft::import_adapter(prefix, model, plugins(), choice).card.tuner.component;
  };
  CHECK(with("p-tuning-v2") == "p-tuning-v2");
  CHECK(contains(sentence([&] { with("prompt-tuning"); }), "does not support PREFIX_TUNING adapters"));
}

TEST_CASE("a trainable verbalizer is refused where the adapter has no head") {
  const Model model = tiny_model("llama-tied");
  const peft::Adapter prefix = peft::read_adapter(adapters / "llama-prefix");
  peft::ImportChoice choice = default_choice(prefix);
  choice.pipeline.labels = {"a", "b"};
  choice.pipeline.verbalizer.component = "head";
  CHECK(contains(sentence([&] { peft::import_adapter(prefix, model, plugins(), choice); }),
                 "the verbalizer \"head\" has trained parameters, and a CAUSAL_LM adapter has none for it"));
}

TEST_CASE("an adapter of another model or for another kind of model is refused") {
  const auto refusal = [](const std::string& adapter_name, const std::string& model_name) {
    const peft::Adapter adapter = peft::read_adapter(adapters / adapter_name);
    const Model model = tiny_model(model_name);
    return sentence([&] { peft::import_adapter(adapter, model, plugins(), default_choice(adapter)); });
  };
  CHECK(contains(refusal("llama-prompt", "llama-untied"),
                 "the adapter's embedding width is 48, but the llama model's is 36"));
  CHECK(contains(refusal("llama-prefix", "llama-untied"), "num_layers is 3, but the llama model's is 2"));
  CHECK(contains(refusal("gpt2-prefix", "llama-untied"), "num_layers is 3, but the llama model's is 2"));
  CHECK(contains(refusal("llama-prompt", "t5-plain"), "is CAUSAL_LM, but the t5 model is an encoder-decoder"));
  CHECK(contains(refusal("t5-prompt", "bert-plain"), "is SEQ_2_SEQ_LM, but the bert model is an encoder"));
  CHECK(contains(refusal("bert-words", "bert-mlm"), "num_attention_heads is 4, but the bert model's is 5"));
}

TEST_CASE("labels are the requested ones, else the model's, else numbers") {
  const Model model = tiny_model("bert-plain");
  peft::Adapter adapter = peft::read_adapter(adapters / "bert-prefix-head");
  const auto labels = [&](const std::vector<std::string>& named) {
    peft::ImportChoice choice = default_choice(adapter);
    choice.pipeline.labels = named;
    return peft::import_adapter(adapter, model, plugins(), choice).card.labels;
  };
  CHECK(labels({}) == std::vector<std::string>{"0", "1", "2"});
  CHECK(labels({"a", "b", "c"}) == std::vector<std::string>{"a", "b", "c"});
  CHECK(contains(sentence([&] { labels({"a", "b"}); }), "head has 3 labels, but 2 label names are given"));
  adapter.config.labels = {"no", "maybe", "yes"};
  CHECK(labels({}) == std::vector<std::string>{"no", "maybe", "yes"});
}
