// Soft tokens that enter at a middle layer: the layers below don't see them, the layers above compute what they
// would compute with these tokens as their input, training works, and generation equals decoding without a
// cache.
#include <ATen/ATen.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include <ATen/Parallel.h>
#include <unistd.h>

#include <cuecard/error.hpp>

#include "gradient_spy.hpp"
#include "greedy_reference.hpp"

// After LibTorch, whose logging also defines CHECK.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Set = std::vector<std::pair<std::string, std::string>>;

std::string plain_text(const Model& model) {
  return model.shape().causal ? "{text} It was{\"mask\"}" : "{text} It was {\"mask\"}";
}

std::string slotted_text(const Model& model) {
  return model.shape().causal ? "{text} {\"soft\":\"the film\"} so{\"mask\"}"
                              : "{text} {\"soft\":\"the film\"} {\"mask\"}";
}

TaskPipeline late_card(const Model& model, const std::string& text, Set options) {
  options.emplace_back("length", "3");
  return two_label_pipeline(model, "late", text, "late-prompt-tuning", std::move(options), 3);
}

/// A llama without its first `removed` layers, in a folder of its own. Removes the folder afterwards.
class UpperLayers {
public:
  UpperLayers(const std::string& name, const Model& model, int64_t removed) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
    for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
      std::filesystem::copy_file(golden / "models" / name / file, path_ / file);
    std::ifstream config(golden / "models" / name / "config.json");
    std::stringstream text;
    text << config.rdbuf();
    std::ofstream(path_ / "config.json")
        << std::regex_replace(text.str(), std::regex("\"num_hidden_layers\": *[0-9]+"),
                              "\"num_hidden_layers\": " + std::to_string(model.shape().layers - removed));
    std::map<std::string, at::Tensor> weights;
    const std::string prefix = "model.layers.";
    for (const auto& [weight, tensor] : model.backbone().weights()) {
      std::string kept = weight;
      if (weight.starts_with(prefix)) {
        const std::size_t dot = weight.find('.', prefix.size());
        const int64_t layer = std::stoll(weight.substr(prefix.size(), dot - prefix.size())) - removed;
        if (layer < 0)
          continue;
        kept = prefix + std::to_string(layer) + weight.substr(dot);
      }
      weights[kept] = tensor.detach().contiguous().clone();
    }
    write_safetensors(path_ / "model.safetensors", weights);
  }
  ~UpperLayers() { std::filesystem::remove_all(path_); }
  UpperLayers(const UpperLayers&) = delete;
  UpperLayers& operator=(const UpperLayers&) = delete;

  Model load() const { return Model::load(path_, plugins(), {at::kCPU, at::kFloat}); }

private:
  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("cuecard-upper-" + std::to_string(getpid()));
};

/// Prompts of `examples` in one batch, without sharing, and which of its tokens are not late.
struct Packed {
  std::vector<TokenizedPrompt> prompts;
  Batch batch;
  std::vector<int64_t> text;

  Packed(const Model& model, const TaskPipeline& pipeline, const std::vector<Example>& examples,
         bool share = false) {
    for (const Example& example : examples)
      prompts.push_back(tokenized(pipeline, model, example).at(0));
    std::vector<PackItem> items;
    int64_t token = 0;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      items.push_back({&prompts[i], &examples[i]});
      for (const PromptToken& each : prompts[i].input) {
        if (each.first_layer == 0)
          text.push_back(token);
        ++token;
      }
    }
    batch = pack(items, {at::kCPU, share});
  }
};

float mean_of(const std::vector<float>& losses, std::size_t begin, std::size_t count) {
  float sum = 0;
  for (std::size_t i = begin; i < begin + count; ++i)
    sum += losses[i];
  return sum / static_cast<float>(count);
}

} // namespace

TEST_CASE("layers below don't see late tokens, and layers above do") {
  const at::NoGradGuard no_grad;
  for (const auto& [name, layer] : {std::pair<const char*, int64_t>{"llama-tied", 2},
                                    {"llama-tied", 1},
                                    {"gpt2-tied", 2},
                                    {"bert-mlm", 1},
                                    {"t5-plain", 1}}) {
    CAPTURE(name);
    CAPTURE(layer);
    const Model model = tiny_model(name);
    const bool numbered = model.shape().family == "gpt2"; // its tiny vocabulary spells w1 to w60
    std::vector<Example> examples = word_examples(9, 31);
    if (numbered)
      for (std::size_t i = 0; i < examples.size(); ++i)
        examples[i].fields["text"] = "w" + std::to_string(5 * i + 1) + (i % 2 ? " w7 w9" : "");
    const auto pipeline = [&](const char* tuner, Set options) {
      PipelineChoice choice;
      choice.name = "m";
      choice.prompt_template.set = {{"text", numbered ? "{text} w3{\"mask\"}" : plain_text(model)}};
      choice.tuner = {tuner, std::move(options)};
      choice.labels = {"a", "b"};
      choice.label_words = {{numbered ? "w1" : "bad"}, {numbered ? "w2" : "good"}};
      return make_pipeline(model, plugins(), choice);
    };
    const TaskPipeline late =
                           pipeline("late-prompt-tuning", {{"layer", std::to_string(layer)}, {"length", "3"}}),
                       plain = pipeline("manual", {});
    const Packed with(model, late, examples), without(model, plain, examples);
    REQUIRE(with.batch.input.num_tokens() == without.batch.input.num_tokens() + 9 * 3);
    REQUIRE(with.text.size() == static_cast<std::size_t>(without.batch.input.num_tokens()));
    const BatchConditioning conditioning(late.tuner->condition({})), nothing;
    const auto states = [&](const Packed& packed, const BatchConditioning& of, int64_t layers) {
      return model.backbone()
          .forward({packed.batch, of, nullptr, false, layers})
          .index_select(0, at::tensor(packed.text));
    };
    for (int64_t layers = 0; layers <= layer; ++layers)
      CHECK(at::allclose(states(with, conditioning, layers), states(without, nothing, layers), 1e-5, 1e-6));
    CHECK(
        !at::allclose(states(with, conditioning, layer + 1), states(without, nothing, layer + 1), 1e-2, 1e-3));
  }
}

TEST_CASE("layers above compute what they would with the late tokens as their first inputs") {
  const at::NoGradGuard no_grad;
  for (const char* name : {"llama-tied", "llama-untied"})
    for (int64_t layer = 1; layer < tiny_model(name).shape().layers; ++layer) {
      CAPTURE(name);
      CAPTURE(layer);
      const Model model = tiny_model(name);
      const TaskPipeline late = late_card(model, slotted_text(model), {{"layer", std::to_string(layer)}});
      const UpperLayers folder(name, model, layer);
      const Model upper = folder.load();
      const std::vector<Example> examples = word_examples(6, 32);
      const Conditioning own = late.tuner->condition({});
      const BatchConditioning conditioning(own);
      const Packed all(model, late, examples), shared(model, late, examples, true);
      const at::Tensor found = model.backbone().forward({all.batch, conditioning});
      CHECK(at::allclose(model.backbone().forward({shared.batch, conditioning}), found, 1e-4, 1e-5));
      for (std::size_t i = 0; i < examples.size(); ++i) {
        const Packed single(model, late, {examples[i]});
        const at::Tensor below = model.backbone()
                                     .forward({single.batch, conditioning, nullptr, false, layer})
                                     .index_select(0, at::tensor(single.text));
        Batch batch = single.batch;
        Side& side = batch.input;
        side.late.clear();
        side.late_lengths.clear();
        side.late_layers.clear();
        side.soft_tokens = side.soft_slots = at::arange(side.num_tokens());
        CHECK(at::equal(side.positions.narrow(0, 0, 4),
                        at::zeros({4}, at::kLong))); // three late tokens and the first of the text
        Conditioning inputs;
        inputs.embeddings = at::cat({own.late_embeddings.narrow(0, own.late_embeddings.size(0) - 3, 3), below});
        const at::Tensor expected = upper.backbone().forward({batch, BatchConditioning(inputs)});
        CHECK(at::allclose(found[static_cast<int64_t>(i)], expected[0], 1e-4, 1e-5));
      }
    }
}

TEST_CASE("late prompts learn a planted rule, and the card predicts what the pipeline predicts") {
  at::set_num_threads(1);
  for (const char* name : {"llama-untied", "bert-mlm", "t5-plain"})
    for (const char* generator : {"none", "instance"}) {
      CAPTURE(name);
      CAPTURE(generator);
      const Model model = tiny_model(name);
      const std::vector<Example> examples = word_examples(48, 33);
      std::vector<std::pair<std::string, std::string>> options{{"generator", generator}};
      if (std::string(generator) == "instance")
        options.emplace_back("bottleneck", "16");
      TaskPipeline pipeline = late_card(model, slotted_text(model), options);
      const TrainResult result = train(model, {{pipeline, examples, examples}}, steps_of(50, 8, 0.02), 1);
      CHECK(mean_of(result.report.losses, 44, 6) < mean_of(result.report.losses, 0, 6) - 0.05f);
      const TaskPipeline back = pipeline_from_card(model, plugins(), to_card(pipeline, model));
      const auto before = Predictor(model, {&pipeline}).predict(pointers(examples)),
                 after = Predictor(model, {&back}).predict(pointers(examples));
      for (std::size_t i = 0; i < examples.size(); ++i)
        CHECK(before[i].decision.probabilities == after[i].decision.probabilities);
    }
}

TEST_CASE("a step that is split into several passes has the same gradients") {
  for (const char* name : {"llama-tied", "bert-mlm", "t5-plain"})
    for (const char* generator : {"none", "instance"}) {
      CAPTURE(name);
      CAPTURE(generator);
      const Model model = tiny_model(name);
      const std::vector<Example> examples = word_examples(16, 34);
      const auto gradients = [&](int64_t batch_tokens) {
        FitRequest request = steps_of(2, 8, 1e-3);
        request.batch_tokens = batch_tokens;
        return gradients_of(model,
                            late_card(model, slotted_text(model), {{"generator", generator}, {"dropout", "0"}}),
                            examples, request);
      };
      const auto whole = gradients(8192), split = gradients(40);
      REQUIRE(whole.size() == 2);
      REQUIRE(split.size() == 2);
      for (std::size_t step = 0; step < whole.size(); ++step)
        for (std::size_t i = 0; i < whole[step].size(); ++i) {
          CHECK(whole[step][i].abs().max().item<double>() > 0);
          CHECK(at::allclose(whole[step][i], split[step][i], 1e-3, 1e-6));
        }
    }
}

TEST_CASE("cards of different layers and generators share one batch and predict what they predict alone") {
  for (const char* name : {"llama-tied", "t5-plain"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const bool deep = model.shape().causal; // three layers; the encoder of the T5 has two
    std::vector<TaskPipeline> cards;
    for (const char* layer : {"1", deep ? "2" : "1"})
      for (const char* generator : {"none", "instance"}) {
        cards.push_back(late_card(model, cards.size() % 2 ? plain_text(model) : slotted_text(model),
                                  {{"layer", layer}, {"generator", generator}}));
        cards.back().name = "card" + std::to_string(cards.size());
      }
    std::vector<const TaskPipeline*> pipelines;
    for (const TaskPipeline& card : cards)
      pipelines.push_back(&card);
    std::vector<Example> examples = word_examples(32, 35);
    for (std::size_t i = 0; i < examples.size(); ++i)
      examples[i].card = cards[i % 4].name;
    for (const int64_t at_once : {5, 64}) {
      const std::vector<Prediction> found = Predictor(model, pipelines, {at_once}).predict(pointers(examples));
      for (std::size_t i = 0; i < examples.size(); ++i) {
        REQUIRE(found[i].problem == "");
        const Prediction alone = Predictor(model, {pipelines[i % 4]}).predict({&examples[i]})[0];
        for (std::size_t label = 0; label < 2; ++label)
          CHECK(std::abs(std::log(found[i].decision.probabilities[label]) -
                         std::log(alone.decision.probabilities[label])) < 1e-4);
      }
    }
  }
}

TEST_CASE("generation equals greedy decoding that recomputes every token") {
  for (const char* name : {"llama-tied", "llama-untied", "t5-plain"})
    for (const char* generator : {"none", "instance"}) {
      CAPTURE(name);
      CAPTURE(generator);
      const Model model = tiny_model(name);
      const TaskPipeline pipeline = late_card(model, plain_text(model), {{"generator", generator}});
      const std::vector<Example> examples = word_examples(7, 36);
      GenerateSettings settings;
      settings.max_length = 40; // more than a cached sequence reserves
      for (const int64_t at_once : {2, 64}) {
        Predictor predictor(model, {&pipeline}, {at_once});
        for (int run = 0; run < 2; ++run) { // the second with what the first has cached
          const auto texts = predictor.generate(pointers(examples), settings);
          for (std::size_t i = 0; i < examples.size(); ++i)
            CHECK(texts[i].at(0).ids == greedy_tokens(model, pipeline, examples[i], 40));
        }
      }
    }
}
