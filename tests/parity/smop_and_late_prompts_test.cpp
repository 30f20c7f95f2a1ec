// The tuners smop and late-prompt-tuning against the published methods in plain torch (tests/golden/smop_and_late_prompts.py): loss,
// gradients and three steps of AdamW in float64, with the plugins' own objects; then the same steps by plugin and engine.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <memory>

#include <cuecard/parts/training/optimizer.hpp>
#include <cuecard/testing/named_labels.hpp>
#include <cuecard/testing/slotted_template.hpp>

#include "batch/pack.hpp"
#include "engine/predict/predictor.hpp"
#include "engine/task_pipeline.hpp"
#include "engine/train/train.hpp"
#include "numbered_model.hpp"
#include "registry/options.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

constexpr double tolerance = 1e-8;
constexpr int64_t length = 2; ///< virtual tokens of every case
constexpr const char* models[] = {"llama-tied", "gpt2-tied", "t5-plain"};

using Set = std::vector<std::pair<std::string, std::string>>;

/// A recorded case, with the tuner and the options for the same training.
struct Recorded {
  std::string name, tuner;
  Set options;
};

std::vector<Recorded> recorded_cases(const std::string& model) {
  // The last layer of the stack that reads the text; `late.fixed` enters in the middle, the default.
  const std::string last = model == "t5-plain" ? "1" : "2";
  std::vector<Recorded> cases{
      {"smop", "smop", {{"prompts", "3"}, {"noise", "none"}}},
      {"late.fixed", "late-prompt-tuning", {}},
      {"late.generated",
       "late-prompt-tuning",
       {{"generator", "instance"}, {"bottleneck", "5"}, {"dropout", "0"}, {"layer", last}}},
  };
  for (Recorded& each : cases) {
    each.options.emplace_back("length", std::to_string(length));
    each.options.emplace_back("weight-decay", "0.01");
  }
  return cases;
}

/// The initial value of the k-th tensor of a case (tests/golden/trainable_prefixes.py).
at::Tensor chirp(int64_t k, at::IntArrayRef shape) {
  const at::Tensor i = at::arange(c10::multiply_integers(shape), at::kDouble);
  return (0.3 * at::sin(0.1 * i * i + static_cast<double>(k))).reshape(shape);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return (a - b).abs().max().item<double>();
}

std::vector<at::Tensor> tensors_of(const std::vector<ParameterGroup>& groups) {
  std::vector<at::Tensor> tensors;
  for (const ParameterGroup& group : groups)
    tensors.insert(tensors.end(), group.tensors.begin(), group.tensors.end());
  return tensors;
}

/// All elements in the recorded order, float64.
at::Tensor flat(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& tensor : tensors)
    parts.push_back(tensor.detach().flatten().to(at::kDouble));
  return at::cat(parts);
}

/// The plugin's object without the engine's guard, which only accepts float32, and prepared for `model`.
struct Tuned {
  testing::SlottedTemplate prompt_template{{}};
  testing::NamedLabels verbalizer;
  std::shared_ptr<Tuner> tuner;

  Tuned(const Model& model, const Recorded& recorded) {
    const registry::Entry entry = plugins().find(CUECARD_TUNER, recorded.tuner);
    tuner = registry::make<Tuner>(entry, registry::complete(entry.component(), recorded.options));
    Problem problem{model.backbone(), model.vocabulary(), {}, 0, {}, {}};
    problem.tasks.push_back({"t", prompt_template, verbalizer, {}, nullptr, nullptr});
    tuner->prepare(problem);
    int64_t k = 0;
    for (at::Tensor tensor : tensors_of(tuner->parameters()))
      tensor.set_data(chirp(k++, tensor.sizes())); // float64, in the tuner's own tensors
  }
};

/// Each recorded text as one packed batch, after the soft slots that `tuner` adds.
Batch batch_of(const Model& model, const Recording& recording, const Tuner& tuner) {
  const Example example;
  std::vector<Prompt> edited(1);
  tuner.edit(edited, {example});
  const std::vector<Piece>& added = edited[0].prepended;
  REQUIRE(std::ssize(added) == length);
  std::vector<TokenizedPrompt> prompts = numbered_prompts(recording, length);
  std::vector<PackItem> items;
  const InputFeatures features = tuner.input_features();
  for (TokenizedPrompt& prompt : prompts) {
    for (std::size_t i = 0; i < added.size(); ++i) {
      prompt.input[i].soft_slot = added[i].slot;
      prompt.input[i].first_layer = added[i].first_layer;
    }
    PackItem& item = items.emplace_back();
    const int64_t before = (std::ssize(items) - 1) * features.soft_slots;
    item.prompt = &prompt;
    item.soft_offset = item.late_offset = before;
    if (features)
      item.input = std::ssize(items) - 1;
  }
  return pack(items, {at::kCPU, model.shape().causal});
}

/// The features that `tuner` asks for, of each recorded text, in float64; undefined if it asks for none.
at::Tensor inputs_of(const Model& model, const Recording& recording, const Tuner& tuner) {
  const at::NoGradGuard no_grad;
  const InputFeatures features = tuner.input_features();
  const Batch batch = packed(recording, {}, false);
  const BatchConditioning nothing;
  at::Tensor vectors;
  if (features.kind == InputFeatures::Kind::mean_embedding)
    vectors = model.backbone().token_vectors(TokenTable::input, batch.input.ids).to(at::kDouble);
  else if (features.kind == InputFeatures::Kind::hidden_state)
    vectors = model.backbone().forward(
        {.batch = batch, .conditioning = nothing, .all_tokens = true, .layers = features.layers});
  else
    return {};
  std::vector<at::Tensor> means;
  for (std::size_t s = 0; s + 1 < batch.input.offsets.size(); ++s)
    means.push_back(vectors.slice(0, batch.input.offsets[s], batch.input.offsets[s + 1]).mean(0));
  return at::stack(means);
}

TaskPipeline make_recorded(const Model& model, const Recorded& recorded, const Recording& recording,
                           const std::vector<Example>& examples) {
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", "{text}{\"mask\"}"}};
  choice.tuner = {recorded.tuner, recorded.options};
  for (const int64_t id : recording.list("label_words")) {
    choice.labels.push_back(NumberedModel::word(id));
    choice.label_words.push_back({NumberedModel::word(id)});
  }
  return make_pipeline(model, plugins(), choice, &examples);
}

/// Mean negative log-probability of the labels.
double loss_of(const Model& model, const TaskPipeline& pipeline, const std::vector<Example>& examples) {
  std::vector<const Example*> pointers;
  for (const Example& example : examples)
    pointers.push_back(&example);
  const std::vector<Prediction> predictions = Predictor(model, {&pipeline}).predict(pointers);
  double loss = 0;
  for (std::size_t i = 0; i < examples.size(); ++i)
    loss -= std::log(predictions[i].decision.probabilities.at(static_cast<std::size_t>(examples[i].label))) /
            static_cast<double>(examples.size());
  return loss;
}

} // namespace

TEST_CASE("loss, gradients and three AdamW steps equal those of the published methods") {
  for (const std::string name : models) {
    CAPTURE(name);
    const Model model = tiny_model(name, at::kDouble);
    const Recording recording(golden / "models" / name / "smop_and_late_prompts.safetensors");
    for (const Recorded& each : recorded_cases(name)) {
      CAPTURE(each.name);
      const auto recorded = [&](const char* part) { return recording[each.name + "." + part]; };
      const Tuned tuned(model, each);
      const Batch batch = batch_of(model, recording, *tuned.tuner);
      const at::Tensor inputs = inputs_of(model, recording, *tuned.tuner);
      const std::vector<ParameterGroup> groups = tuned.tuner->parameters();
      const std::vector<at::Tensor> trained = tensors_of(groups);
      const auto optimizer = make_optimizer("adamw", groups);
      for (int64_t step = 0; step <= 3; ++step) {
        CAPTURE(step);
        if (step == 0 || step == 3)
          CHECK(largest_difference(flat(trained), recorded("parameters")[step / 3]) < tolerance);
        const at::Tensor hidden =
            model.backbone().forward({batch, tuned.tuner->condition({0, {true, 1}, inputs})});
        const at::Tensor logits =
            model.backbone().project({hidden, {OutputRequest::Kind::logits, recording["label_words"]}, {}});
        const at::Tensor loss = at::cross_entropy_loss(logits, recording["labels"]);
        REQUIRE((loss.scalar_type() == at::kDouble));
        CHECK(std::abs(loss.item<double>() - recorded("losses")[step].item<double>()) < tolerance);
        if (step == 3)
          break;
        clear_gradients(groups);
        loss.backward();
        std::vector<at::Tensor> gradients;
        for (const at::Tensor& tensor : trained)
          gradients.push_back(tensor.grad());
        CHECK(largest_difference(flat(gradients), recorded("gradients")[step]) < tolerance);
        optimizer->step(0.02);
      }
    }
  }
}

TEST_CASE("plugins and engine take the same steps") {
  for (const std::string name : models) {
    const Recording recording(golden / "models" / name / "smop_and_late_prompts.safetensors");
    const NumberedModel folder(name, tiny_model(name).shape().vocabulary);
    const Model model = folder.load(at::kDouble);
    const std::vector<Example> examples = numbered_examples(recording);
    for (const Recorded& each : recorded_cases(name)) {
      CAPTURE(name);
      CAPTURE(each.name);
      const auto recorded = [&](const char* part) { return recording[each.name + "." + part]; };
      TaskPipeline pipeline = make_recorded(model, each, recording, examples);
      const std::vector<at::Tensor> trained = tensors_of(pipeline.tuner->parameters());
      for (std::size_t k = 0; k < trained.size(); ++k)
        trained[k].detach().copy_(chirp(static_cast<int64_t>(k), trained[k].sizes()));
      const FitReport report = train(model, {{pipeline, examples, {}}}, recorded_steps(examples), 1).report;
      REQUIRE(report.losses.size() == 3);
      // Trained tensors and reported losses are float32 on a float64 model, too.
      for (int64_t step = 0; step < 3; ++step)
        CHECK(std::abs(report.losses[static_cast<std::size_t>(step)] -
                       recorded("losses")[step].item<double>()) < 1e-6);
      CHECK(largest_difference(flat(tensors_of(pipeline.tuner->parameters())), recorded("parameters")[1]) <
            1e-5);
      CHECK(std::abs(loss_of(model, pipeline, examples) - recorded("losses")[3].item<double>()) < 1e-6);
    }
  }
}
