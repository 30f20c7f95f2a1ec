// LoRA and (IA)^3 against PEFT on every kind of model (tests/golden/lora.py): loss, gradients and three steps of AdamW; the
// same steps by plugin and engine; and adapters that PEFT wrote, which become cards with PEFT's results and adapters again.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include <cuecard/parts/training/optimizer.hpp>

#include "engine/predict/predictor.hpp"
#include "engine/task_pipeline.hpp"
#include "engine/train/train.hpp"
#include "engine/word_field.hpp"
#include "files/strict_json.hpp"
#include "model/test_folder.hpp"
#include "numbered_model.hpp"
#include "peft/export.hpp"
#include "peft/import.hpp"
#include "peft/module_tensors.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;
using nlohmann::json;

namespace {

constexpr double tolerance = 1e-8;
constexpr int64_t mask = 4; ///< of bert-mlm
constexpr const char* models[] = {"llama-tied", "gpt2-tied", "bert-mlm", "t5-plain"};

/// A recorded case, with the tuner and the options for the same training.
struct Recorded {
  std::string name, tuner;
  std::vector<std::pair<std::string, std::string>> options;
};

const std::vector<Recorded> cases{
    {"lora", "lora", {{"rank", "2"}, {"alpha", "3"}}},
    {"lora.all", "lora", {{"rank", "3"}, {"alpha", "5"}, {"rs-lora", "true"}, {"targets", "all-linear"}}},
    {"ia3", "ia3", {}},
};

/// The initial values of the k-th tensor of a case (tests/golden/trainable_prefixes.py).
at::Tensor chirp(int64_t k, at::IntArrayRef shape) {
  const at::Tensor i = at::arange(c10::multiply_integers(shape), at::kDouble);
  return (0.3 * at::sin(0.1 * i * i + static_cast<double>(k))).reshape(shape);
}

at::Tensor probe(const at::Tensor& values) {
  return (values.flatten() * at::arange(values.numel(), at::kDouble).cos()).sum();
}

TaskPipeline make_recorded(const Model& model, const Recorded& recorded, const Recording& recording,
                           const std::vector<Example>* examples = nullptr) {
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", "{text}{\"mask\"}"}};
  choice.tuner = {recorded.tuner, recorded.options};
  choice.tuner.set.emplace_back("weight-decay", "0.01");
  for (const int64_t id : recording.list("label_words")) {
    choice.labels.push_back(NumberedModel::word(id));
    choice.label_words.push_back({NumberedModel::word(id)});
  }
  return make_pipeline(model, plugins(), choice, examples);
}

/// The trained tensors of a conditioning in the order of the recording: by name, A before B.
std::vector<at::Tensor*> tensors_of(Conditioning& conditioning) {
  std::ranges::sort(conditioning.low_rank, {}, &LowRankUpdate::weight);
  std::ranges::sort(conditioning.rescalings, {}, &Rescaling::weight);
  std::vector<at::Tensor*> tensors;
  for (LowRankUpdate& update : conditioning.low_rank) {
    tensors.push_back(&update.a);
    tensors.push_back(&update.b);
  }
  for (Rescaling& rescaling : conditioning.rescalings)
    tensors.push_back(&rescaling.factors);
  return tensors;
}

at::Tensor probes_of(const std::vector<at::Tensor*>& tensors) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> probes;
  for (const at::Tensor* tensor : tensors)
    probes.push_back(probe(tensor->detach().to(at::kDouble)));
  return at::stack(probes);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return (a - b).abs().max().item<double>();
}

Batch recorded_batch(const Recording& recording) {
  std::vector<int64_t> last = recording.list(recording.has("output_ids") ? "output_offsets" : "offsets");
  last.erase(last.begin());
  for (int64_t& token : last)
    --token;
  return packed(recording, last, false);
}

/// An adapter of `expected.json` with its model.
struct Adapted {
  std::string name;
  json expected;
  peft::Adapter adapter;
  Model model;
};

void for_each_adapter(const std::function<void(const Adapted&)>& look) {
  const std::filesystem::path folder = golden / "lora_adapters";
  const json expected = read_json(folder / "expected.json");
  REQUIRE(expected.size() == 15);
  for (const auto& [name, each] : expected.items()) {
    CAPTURE(name);
    look({name, each, peft::read_adapter(folder / name), tiny_model(each["model"])});
  }
}

peft::ImportChoice choice_for(const Adapted& each) {
  peft::ImportChoice choice;
  choice.pipeline.tuner.component = "";
  std::string text = each.expected.contains("labels") ? "{words}" : "{text}";
  if (each.expected.contains("words")) {
    text = "{text} {\"mask\"}";
    for (const std::string word : each.expected["words"]) {
      choice.pipeline.labels.push_back(word);
      choice.pipeline.label_words.push_back({word});
    }
  }
  choice.pipeline.prompt_template.set = {{"text", text}};
  return choice;
}

/// The card, written and read again.
TaskPipeline imported(const Adapted& each) {
  const TestFolder folder;
  save_card(peft::import_adapter(each.adapter, each.model, plugins(), choice_for(each)).card,
            folder.path() / "card");
  return pipeline_from_card(each.model, plugins(), read_card(folder.path() / "card"));
}

} // namespace

TEST_CASE("loss, gradients and three AdamW steps equal PEFT's on every kind of model") {
  for (const std::string name : models) {
    CAPTURE(name);
    const Model model = tiny_model(name, at::kDouble);
    const Recording recording(golden / "models" / name / "lora.safetensors");
    const Batch batch = recorded_batch(recording);
    const NumberedModel numbered(name, model.shape().vocabulary,
                                 name == std::string("bert-mlm") ? std::optional(mask) : std::nullopt);
    const Model with_words = numbered.load(at::kDouble);
    for (const Recorded& each : cases) {
      CAPTURE(each.name);
      const auto recorded = [&](const char* field) { return recording[each.name + "." + field]; };
      // The plugin chooses layers, rank and scale; its tensors become float64 here.
      Conditioning conditioning = make_recorded(with_words, each, recording).tuner->condition({});
      for (LowRankUpdate& update : conditioning.low_rank)
        update.dropout = 0;
      const std::vector<at::Tensor*> places = tensors_of(conditioning);
      std::vector<at::Tensor> trained;
      for (std::size_t k = 0; k < places.size(); ++k) {
        *places[k] = chirp(static_cast<int64_t>(k), places[k]->sizes()).set_requires_grad(true);
        trained.push_back(*places[k]);
      }
      REQUIRE(recorded("probes").size(1) == std::ssize(trained));
      const std::vector<ParameterGroup> groups{{trained, 1.0, 0.01}};
      const auto optimizer = make_optimizer("adamw", groups);
      for (int64_t step = 0; step <= 3; ++step) {
        CAPTURE(step);
        if (step == 0 || step == 3)
          CHECK(largest_difference(probes_of(places), recorded("outputs")[step / 3]) < tolerance);
        const at::Tensor hidden = model.backbone().forward({batch, conditioning});
        const at::Tensor logits =
            model.backbone().project({hidden, {OutputRequest::Kind::logits, recording["label_words"]}, {}});
        const at::Tensor loss = at::cross_entropy_loss(logits, recording["labels"]);
        CHECK(std::abs(loss.item<double>() - recorded("losses")[step].item<double>()) < tolerance);
        if (step == 3)
          break;
        clear_gradients(groups);
        loss.backward();
        for (std::size_t k = 0; k < trained.size(); ++k) {
          CAPTURE(k);
          CHECK(std::abs((probe(trained[k].grad()) - recorded("probes")[step][static_cast<int64_t>(k)])
                             .item<double>()) < tolerance);
        }
        optimizer->step(0.02);
      }
    }
  }
}

TEST_CASE("plugin and engine take PEFT's steps") {
  for (const std::string name : {"llama-tied", "gpt2-tied", "bert-mlm"})
    for (const Recorded& each : cases) {
      CAPTURE(name);
      CAPTURE(each.name);
      const bool masked = name == std::string("bert-mlm");
      const Recording recording(golden / "models" / name / "lora.safetensors");
      const NumberedModel folder(name, tiny_model(name).shape().vocabulary,
                                 masked ? std::optional(mask) : std::nullopt);
      const Model model = folder.load(at::kDouble);
      const std::vector<Example> examples = numbered_examples(recording, masked);
      TaskPipeline pipeline = make_recorded(model, each, recording, &examples);
      Conditioning conditioning = pipeline.tuner->condition({});
      const std::vector<at::Tensor*> trained = tensors_of(conditioning);
      for (std::size_t k = 0; k < trained.size(); ++k)
        trained[k]->detach().copy_(chirp(static_cast<int64_t>(k), trained[k]->sizes()));
      const auto recorded = [&](const char* field) { return recording[each.name + "." + field]; };
      const FitReport report = train(model, {{pipeline, examples, {}}}, recorded_steps(examples), 1).report;
      REQUIRE(report.losses.size() == 3);
      // Trained tensors and reported losses are float32 on a float64 model too.
      for (int64_t step = 0; step < 3; ++step)
        CHECK(std::abs(report.losses[static_cast<std::size_t>(step)] -
                       recorded("losses")[step].item<double>()) < 1e-5);
      Conditioning after = pipeline.tuner->condition({});
      CHECK(largest_difference(probes_of(tensors_of(after)), recorded("outputs")[1]) < 1e-3);
    }
}

TEST_CASE("imported adapters give PEFT's scores, labels and texts") {
  for_each_adapter([](const Adapted& each) {
    const TaskPipeline pipeline = imported(each);
    std::vector<Example> examples;
    for (const std::string text : each.expected["texts"]) {
      examples.emplace_back().fields["text"] = text;
      if (pipeline.labels_words()) {
        examples.back().fields = {{"words", text}};
        take_words(examples.back(), pipeline);
      }
    }
    std::vector<const Example*> pointers;
    for (const Example& example : examples)
      pointers.push_back(&example);
    Predictor predictor(each.model, {&pipeline});
    if (each.expected.contains("written")) {
      GenerateSettings settings;
      settings.max_length = 6;
      const std::vector<std::vector<Generated>> written = predictor.generate(pointers, settings);
      for (std::size_t i = 0; i < written.size(); ++i) {
        CHECK(written[i].at(0).text == each.expected["written"][i]["text"].get<std::string>());
        CHECK(std::abs(written[i].at(0).log_prob - each.expected["written"][i]["log_prob"].get<double>()) <
              1e-4);
      }
      return;
    }
    const std::vector<Prediction> predictions = predictor.predict(pointers);
    for (std::size_t i = 0; i < pointers.size(); ++i) {
      REQUIRE(predictions[i].problem.empty());
      if (each.expected.contains("labels")) {
        CHECK(json(predictions[i].decision.labels) == each.expected["labels"][i]);
        continue;
      }
      const json& scores = each.expected["scores"][i];
      for (std::size_t label = 0; label < scores.size(); ++label)
        CHECK(std::abs(predictions[i].decision.probabilities.at(label) - scores[label].get<double>()) < 1e-4);
    }
  });
}

TEST_CASE("imported adapters are exported as they were") {
  for_each_adapter([](const Adapted& each) {
    const TaskPipeline pipeline = imported(each);
    peft::ExportChoice choice;
    choice.base_model = each.adapter.config.base_model;
    choice.drop_template = each.expected.contains("words");
    const TestFolder folder;
    peft::write_adapter(peft::export_card(pipeline, each.model, plugins(), choice).adapter,
                        folder.path() / "adapter");
    const peft::Adapter exported = peft::read_adapter(folder.path() / "adapter");
    const peft::AdapterConfig &there = each.adapter.config, &here = exported.config;
    CHECK(here.type == there.type);
    CHECK(here.task == there.task);
    CHECK(here.rank == there.rank);
    CHECK(here.modules_to_save == there.modules_to_save);
    for (const std::string& module : here.feedforward_modules) // in full, where the original may have suffixes
      CHECK(std::ranges::any_of(there.feedforward_modules,
                                [&](const std::string& suffix) { return module.ends_with(suffix); }));
    REQUIRE(exported.module_tensors.size() == each.adapter.module_tensors.size());
    for (const auto& [name, tensor] : each.adapter.module_tensors)
      CHECK(exported.module_tensors.at(name).sizes() == tensor.sizes());
    for (const auto& [name, tensor] : each.adapter.head)
      CHECK(at::equal(exported.head.at(name), tensor));
    const Conditioning before = peft::updates_of(each.adapter, each.model.backbone()),
                       after = peft::updates_of(exported, each.model.backbone());
    for (std::size_t i = 0; i < before.low_rank.size(); ++i) {
      const LowRankUpdate &x = before.low_rank[i], &y = after.low_rank.at(i);
      CHECK(x.weight == y.weight);
      CHECK(at::equal(x.a, y.a));
      CHECK(at::allclose(x.b * x.scale, y.b * y.scale, 1e-6, 0));
    }
    for (std::size_t i = 0; i < before.rescalings.size(); ++i)
      CHECK(at::equal(before.rescalings[i].factors, after.rescalings.at(i).factors));
  });
}

TEST_CASE("adapters of other models, and masked models without labels, are refused") {
  const auto refusal = [](const std::string& adapter, const std::string& model_name) {
    const Adapted each{adapter, json::object(), peft::read_adapter(golden / "lora_adapters" / adapter),
                       tiny_model(model_name)};
    return sentence([&] { peft::import_adapter(each.adapter, each.model, plugins(), choice_for(each)); });
  };
  CHECK(contains(refusal("llama-patterns", "llama-untied"),
                 "\"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight\" is "
                 "2 x 48; expected 2 x 36"));
  CHECK(contains(refusal("gpt2", "llama-tied"), "is not a linear layer in the llama model's blocks"));
  CHECK(contains(refusal("bert-masked", "bert-mlm"), "give a task file or label names"));
  CHECK(contains(refusal("bert-masked", "bert-plain"), "without a language modeling head"));
}

TEST_CASE("modules that an adapter's configuration does not name are left out with a note") {
  const Model model = tiny_model("llama-tied");
  const Adapted each{"", json::object(), peft::read_adapter(golden / "lora_adapters/llama-fewer"), model};
  const peft::Imported imported = peft::import_adapter(each.adapter, model, plugins(), choice_for(each));
  REQUIRE(imported.notes.size() == 1);
  CHECK(contains(imported.notes[0], "modules that its \"target_modules\" do not name, such as "
                                    "\"model.layers.0.self_attn.v_proj\"; they are not imported"));
  CHECK(!contains(imported.card.tuner.options.text("targets"), "v_proj"));
}

TEST_CASE("a card of an imported adapter names the tuner, the layers, rank and scale") {
  const Model model = tiny_model("llama-tied");
  const Adapted each{"", json::object(), peft::read_adapter(golden / "lora_adapters/llama-patterns"), model};
  const Card card = peft::import_adapter(each.adapter, model, plugins(), choice_for(each)).card;
  CHECK(card.tuner.component == "lora");
  CHECK(card.tuner.options.integer("rank") == 4);
  CHECK(card.tuner.options.number("alpha") == 6);
  CHECK(card.tuner.options.text("targets").starts_with(
      "model.layers.0.self_attn.q_proj.weight,model.layers.0.self_attn.v_proj.weight"));
  CHECK(card.training.settings.text("imported-from") == "PEFT LORA, CAUSAL_LM");
}
