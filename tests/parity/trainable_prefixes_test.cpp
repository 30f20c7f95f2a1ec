// Prompt tuning, prefix tuning and P-tuning against PEFT on every kind of model, and prefixes of encoders and
// of cross-attention against tokens before the text: loss, gradients, and three steps of AdamW. Then the same
// steps by plugin and engine.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <functional>

#include <cuecard/parts/training/optimizer.hpp>
#include <cuecard/parts/training/trainable_prefix.hpp>

#include "batch/pack.hpp"
#include "engine/task_pipeline.hpp"
#include "engine/train/train.hpp"
#include "numbered_model.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

constexpr int64_t length = 4, middle = 8;
constexpr double tolerance = 1e-8;
constexpr int64_t mask = 4; ///< of bert-mlm

constexpr const char* models[] = {"llama-tied", "llama-untied", "gpt2-tied", "bert-mlm",
                                  "t5-plain",   "t5-gated",     "bart"};

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return (a - b).abs().max().item<double>();
}

/// The initial value of the k-th tensor of a case (tests/golden/trainable_prefixes.py).
at::Tensor chirp(int64_t k, at::IntArrayRef shape) {
  const at::Tensor i = at::arange(c10::multiply_integers(shape), at::kDouble);
  return (0.3 * at::sin(0.1 * i * i + static_cast<double>(k))).reshape(shape);
}

at::Tensor probe(const at::Tensor& gradient) {
  return (gradient.flatten() * at::arange(gradient.numel(), at::kDouble).cos()).sum();
}

/// One recorded case: the trained tensors in the recorded order, and what is computed from them.
struct Case {
  std::vector<at::Tensor> tensors;
  std::function<at::Tensor()> output;
  std::function<Conditioning()> condition;
  Batch batch;

  at::Tensor next(at::IntArrayRef shape) {
    return tensors.emplace_back(chirp(static_cast<int64_t>(tensors.size()), shape).set_requires_grad(true));
  }
  Linear next_linear(int64_t out, int64_t in) {
    const at::Tensor weight = next({out, in});
    return {weight, next({out})};
  }
};

Batch recorded_batch(const Recording& recording) {
  std::vector<int64_t> last = recording.list(recording.has("output_ids") ? "output_offsets" : "offsets");
  last.erase(last.begin());
  for (int64_t& row : last)
    --row;
  return packed(recording, last, false);
}

/// `rows_width`: the input width of the network; 0 without one.
Case prefix_case(const Recording& recording, const std::vector<BackboneShape::Site>& sites,
                 int64_t rows_width) {
  Case result;
  std::vector<TrainablePrefix> prefixes;
  for (const BackboneShape::Site& site : sites) {
    const int64_t out = TrainablePrefix::width(site);
    const at::Tensor rows = result.next({length, rows_width ? rows_width : out});
    if (rows_width) {
      const Linear first = result.next_linear(middle, rows_width), second = result.next_linear(out, middle);
      prefixes.emplace_back(site, rows, Mlp{first, second});
    } else {
      prefixes.emplace_back(site, rows);
    }
  }
  result.output = [prefixes]() {
    std::vector<at::Tensor> values;
    for (const TrainablePrefix& prefix : prefixes)
      values.push_back(prefix.values());
    return at::cat(values, 1);
  };
  result.condition = [prefixes]() {
    Conditioning conditioning;
    for (const TrainablePrefix& prefix : prefixes) // no dropout: the pass is not for training
      conditioning.prefixes.push_back(
          prefix.prefix(prefix.site().site == PrefixSite::cross ? 0 : length, 0.5, {}));
    return conditioning;
  };
  result.batch = recorded_batch(recording);
  return result;
}

enum class Encoder { none, lstm, mlp };

Case prompt_case(const Model& model, const Recording& recording, Encoder encoder) {
  Case result;
  const int64_t width = model.shape().embedding_width;
  const at::Tensor rows = result.next({length, width});
  std::vector<Linear> maps;
  for (int64_t map = 0; map < (encoder == Encoder::none ? 0 : encoder == Encoder::lstm ? 2 : 3); ++map)
    maps.push_back(result.next_linear(width, width));
  BidirectionalLstm lstm;
  for (int64_t layer = 0; encoder == Encoder::lstm && layer < 2; ++layer) {
    std::array<BidirectionalLstm::Direction, 2> both;
    for (BidirectionalLstm::Direction& direction : both) {
      direction.input = result.next_linear(2 * width, width); // 4 gates of width / 2; both directions are width
      direction.hidden = result.next_linear(2 * width, width / 2);
    }
    lstm.layers.push_back(both);
  }
  const auto output = [rows, lstm, maps]() {
    at::Tensor x = lstm(rows);
    for (std::size_t map = 0; map < maps.size(); ++map)
      x = maps[map](map == 0 ? x : at::relu(x));
    return x;
  };
  result.output = output;
  // PEFT inserts the soft prompt into embeddings that BART has scaled already.
  const double scale =
      model.files().configuration.boolean_or("scale_embedding", false) ? std::sqrt(width) : 1.0;
  result.condition = [output, scale]() {
    Conditioning conditioning;
    conditioning.embeddings = output() / scale;
    return conditioning;
  };
  const std::vector<TokenizedPrompt> prompts = numbered_prompts(recording, length);
  std::vector<PackItem> items;
  for (const TokenizedPrompt& prompt : prompts)
    items.push_back({&prompt});
  result.batch = pack(items, {at::kCPU, model.shape().causal});
  return result;
}

void check_steps(const Model& model, const Recording& recording, const std::string& name, Case trained) {
  CAPTURE(name);
  const auto recorded = [&](const char* field) { return recording[name + "." + field]; };
  const std::vector<ParameterGroup> groups{{trained.tensors, 1.0, 0.01}};
  const auto optimizer = make_optimizer("adamw", groups);
  for (int64_t step = 0; step <= 3; ++step) {
    CAPTURE(step);
    if (step == 0 || step == 3)
      CHECK(largest_difference(trained.output().detach(), recorded("outputs")[step / 3]) < tolerance);
    const at::Tensor hidden = model.backbone().forward({trained.batch, trained.condition()});
    const at::Tensor logits =
        model.backbone().project({hidden, {OutputRequest::Kind::logits, recording["label_words"]}});
    const at::Tensor loss = at::cross_entropy_loss(logits, recording["labels"]);
    CHECK(std::abs(loss.item<double>() - recorded("losses")[step].item<double>()) < tolerance);
    if (step == 3)
      break;
    clear_gradients(groups);
    loss.backward();
    REQUIRE(recorded("probes").size(1) == static_cast<int64_t>(trained.tensors.size()));
    for (std::size_t k = 0; k < trained.tensors.size(); ++k) {
      CAPTURE(k);
      CHECK(std::abs((probe(trained.tensors[k].grad()) - recorded("probes")[step][k]).item<double>()) <
            tolerance);
    }
    optimizer->step(0.02);
  }
}

/// A pipeline of one recorded case, as a user would request it.
struct Requested {
  std::string model;
  std::string name; ///< of the case
  std::string tuner;
  std::vector<std::pair<std::string, std::string>> options;
};

/// PEFT's inputs of the network are as wide as a layer's keys; the authors' and ours are as wide as the model.
/// In these models the widths are equal.
std::vector<Requested> requested_pipelines() {
  std::vector<Requested> result;
  for (const char* model : {"llama-tied", "llama-untied", "gpt2-tied", "bert-mlm", "t5-gated"}) {
    result.push_back({model, "prompt-tuning", "prompt-tuning", {}});
    result.push_back({model, "p-tuning.lstm", "p-tuning", {}});
    result.push_back({model, "p-tuning.mlp", "p-tuning", {{"encoder", "mlp"}, {"maps", "3"}}});
  }
  for (const char* model : {"llama-tied", "llama-untied", "gpt2-tied", "bert-mlm"}) {
    result.push_back({model, "prefix.direct", "prefix-tuning", {{"projection", "false"}}});
    result.push_back({model, "prefix.direct", "p-tuning-v2", {{"dropout", "0"}}});
  }
  for (const char* model : {"gpt2-tied", "bert-mlm"}) {
    result.push_back({model, "prefix.mlp", "prefix-tuning", {{"mid-dim", "8"}}});
    result.push_back({model,
                      "prefix.mlp",
                      "p-tuning-v2",
                      {{"projection", "true"}, {"prefix-hidden", "8"}, {"dropout", "0"}}});
  }
  result.push_back({"t5-gated",
                    "prefix.direct",
                    "prefix-tuning",
                    {{"projection", "false"}, {"encoder", "false"}, {"cross", "false"}}});
  result.push_back({"t5-gated", "sites.direct", "prefix-tuning", {{"projection", "false"}}});
  result.push_back({"t5-gated", "sites.mlp", "prefix-tuning", {{"mid-dim", "8"}}});
  result.push_back({"t5-gated", "sites.direct", "p-tuning-v2", {{"dropout", "0"}}});
  return result;
}

TaskPipeline make_requested(const Model& model, const Requested& requested, const Recording& recording,
                            const std::vector<Example>& rows) {
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", "{text}{\"mask\"}"}};
  choice.tuner = {requested.tuner, requested.options};
  choice.tuner.set.emplace_back("length", std::to_string(length));
  choice.tuner.set.emplace_back("weight-decay", "0.01");
  for (const int64_t id : recording.list("label_words")) {
    choice.labels.push_back(NumberedModel::word(id));
    choice.label_words.push_back({NumberedModel::word(id)});
  }
  TaskPipeline pipeline = make_pipeline(model, plugins(), choice, &rows);
  int64_t k = 0;
  const at::NoGradGuard no_grad;
  for (const ParameterGroup& group : pipeline.tuner->parameters())
    for (at::Tensor tensor : group.tensors)
      tensor.copy_(chirp(k++, tensor.sizes()));
  return pipeline;
}

/// The tuner's trained values, as `Case::output` gives them.
at::Tensor output_of(const TaskPipeline& pipeline) {
  const at::NoGradGuard no_grad;
  const Conditioning conditioning = pipeline.tuner->condition({});
  if (conditioning.embeddings.defined())
    return conditioning.embeddings;
  std::vector<at::Tensor> values;
  for (const Prefix& prefix : conditioning.prefixes)
    values.push_back(as_values(prefix));
  return at::cat(values, 1);
}

} // namespace

TEST_CASE(
    "loss, gradients and three AdamW steps equal the reference, for every method on every kind of model") {
  for (const std::string name : models) {
    CAPTURE(name);
    const Model model = tiny_model(name, at::kDouble);
    const BackboneShape& shape = model.shape();
    const Recording recording(golden / "models" / name / "trainable_prefixes.safetensors");
    check_steps(model, recording, "prompt-tuning", prompt_case(model, recording, Encoder::none));
    check_steps(model, recording, "p-tuning.lstm", prompt_case(model, recording, Encoder::lstm));
    check_steps(model, recording, "p-tuning.mlp", prompt_case(model, recording, Encoder::mlp));
    const BackboneShape::Site self = shape.sites.at(0);
    check_steps(model, recording, "prefix.direct", prefix_case(recording, {self}, 0));
    check_steps(model, recording, "prefix.mlp", prefix_case(recording, {self}, self.kv_heads * self.head_dim));
    if (shape.encoder_decoder) {
      REQUIRE(shape.sites.size() == 3);
      check_steps(model, recording, "sites.direct", prefix_case(recording, shape.sites, 0));
      check_steps(model, recording, "sites.mlp", prefix_case(recording, shape.sites, shape.hidden));
    }
  }
}

TEST_CASE("plugins and engine take the reference's steps") {
  for (const Requested& requested : requested_pipelines()) {
    CAPTURE(requested.model);
    CAPTURE(requested.name);
    CAPTURE(requested.tuner);
    const Recording recording(golden / "models" / requested.model / "trainable_prefixes.safetensors");
    const BackboneShape shape = tiny_model(requested.model).backbone().shape();
    const bool masked = !shape.causal && !shape.encoder_decoder;
    const NumberedModel folder(requested.model, shape.vocabulary, masked ? std::optional(mask) : std::nullopt);
    const Model model = folder.load(at::kDouble);
    const std::vector<Example> rows = numbered_examples(recording, masked);
    TaskPipeline pipeline = make_requested(model, requested, recording, rows);
    const auto recorded = [&](const char* field) { return recording[requested.name + "." + field]; };
    // Trained tensors and reported losses are float32 on a float64 model, too.
    CHECK(largest_difference(output_of(pipeline), recorded("outputs")[0]) < 1e-6);
    const FitReport report = train(model, {{pipeline, rows, {}}}, recorded_steps(rows), 1).report;
    REQUIRE(report.losses.size() == 3);
    for (int64_t step = 0; step < 3; ++step)
      CHECK(std::abs(report.losses[static_cast<std::size_t>(step)] - recorded("losses")[step].item<double>()) <
            1e-6);
    // After a network each value is a sum of many, and Adam makes large steps where gradients are small.
    const bool direct = recorded("probes").size(1) == 1 || requested.name == "sites.direct";
    CHECK(largest_difference(output_of(pipeline), recorded("outputs")[1]) < (direct ? 1e-6 : 1e-5));
  }
}
