// Prefix tuning and P-tuning against PEFT and transformers: loss, gradients, and three steps of AdamW; and the
// same steps as plugin and engine take them.
#include <ATen/ATen.h>

#include <cmath>
#include <functional>

#include <cuecard/parts/learned_prefix.hpp>
#include <cuecard/parts/optimizer.hpp>

#include "batch/pack.hpp"
#include "engine/method.hpp"
#include "engine/predictor.hpp"
#include "engine/train.hpp"
#include "numbered_model.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

constexpr int64_t length = 4, middle = 8;
constexpr double tolerance = 1e-8;

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return (a - b).abs().max().item<double>();
}

/// Where the k-th tensor of a case starts (tests/golden/learned_prefixes.py).
at::Tensor chirp(int64_t k, at::IntArrayRef shape) {
  const at::Tensor i = at::arange(c10::multiply_integers(shape), at::kDouble);
  return (0.3 * at::sin(0.1 * i * i + static_cast<double>(k))).reshape(shape).set_requires_grad(true);
}

at::Tensor probe(const at::Tensor& gradient) {
  return (gradient.flatten() * at::arange(gradient.numel(), at::kDouble).cos()).sum();
}

/// One recorded case: what is learned, in its order there, and what comes out.
struct Case {
  std::vector<at::Tensor> tensors;
  std::function<at::Tensor()> output;
  std::function<Conditioning()> condition;
  Batch batch;

  at::Tensor next(at::IntArrayRef shape) {
    return tensors.emplace_back(chirp(static_cast<int64_t>(tensors.size()), shape));
  }
  Linear next_linear(int64_t out, int64_t in) {
    const at::Tensor weight = next({out, in});
    return {weight, next({out})};
  }
};

Case prefix_case(const Model& model, const Recording& recording, bool network) {
  Case result;
  const BackboneShape::Site site = model.backbone().shape().sites.at(0);
  const int64_t out = LearnedPrefix::width(site);
  // PEFT's embedding is as wide as the keys of a layer; what was composed for BERT has its own width.
  const int64_t width = model.backbone().shape().causal ? site.kv_heads * site.head_dim : 6;
  const at::Tensor rows = result.next({length, network ? width : out});
  std::shared_ptr<LearnedPrefix> prefix;
  if (network) {
    const Linear first = result.next_linear(network ? middle : 0, width),
                 second = result.next_linear(out, middle);
    prefix = std::make_shared<LearnedPrefix>(site, rows, Mlp{first, second, Mlp::Activation::tanh});
  } else {
    prefix = std::make_shared<LearnedPrefix>(site, rows);
  }
  result.output = [prefix]() { return prefix->values(); };
  result.condition = [prefix]() {
    Conditioning conditioning;
    conditioning.prefixes = {prefix->prefix(length, 0.5, {})}; // no dropout: the pass doesn't learn
    return conditioning;
  };
  std::vector<int64_t> last = recording.list("offsets");
  last.erase(last.begin());
  for (int64_t& row : last)
    --row;
  result.batch = packed(recording, last, false);
  return result;
}

Case prompt_case(const Model& model, const Recording& recording, bool with_lstm) {
  Case result;
  const int64_t width = model.backbone().shape().embedding_width;
  const at::Tensor rows = result.next({length, width});
  BidirectionalLstm lstm;
  for (int64_t layer = 0; with_lstm && layer < 2; ++layer) {
    std::array<BidirectionalLstm::Direction, 2> both;
    for (BidirectionalLstm::Direction& direction : both) {
      direction.input = result.next_linear(2 * width, width); // 4 gates of width / 2; both directions are width
      direction.hidden = result.next_linear(2 * width, width / 2);
    }
    lstm.layers.push_back(both);
  }
  const Linear first = result.next_linear(width, width), second = result.next_linear(width, width);
  const Mlp mlp{first, second, Mlp::Activation::relu};
  const auto output = [rows, lstm, mlp]() { return mlp(lstm(rows)); };
  result.output = output;
  result.condition = [output]() {
    Conditioning conditioning;
    conditioning.embeddings = output();
    return conditioning;
  };
  const std::vector<TokenizedPrompt> prompts = numbered_prompts(recording, length);
  std::vector<PackItem> items;
  for (const TokenizedPrompt& prompt : prompts)
    items.push_back({&prompt});
  result.batch = pack(items, {at::kCPU, model.backbone().shape().causal});
  return result;
}

void check_steps(const Model& model, const Recording& recording, const std::string& name, Case learned) {
  const auto recorded = [&](const char* field) { return recording[name + "." + field]; };
  const std::vector<ParameterGroup> groups{{learned.tensors, 1.0, 0.01}};
  const auto optimizer = make_optimizer("adamw", groups);
  for (int64_t step = 0; step <= 3; ++step) {
    CAPTURE(step);
    if (step == 0 || step == 3)
      CHECK(largest_difference(learned.output().detach(), recorded("outputs")[step / 3]) < tolerance);
    const at::Tensor hidden = model.backbone().forward({learned.batch, learned.condition()});
    const at::Tensor scores =
        model.backbone().read({hidden, {Readout::Kind::scores, recording["label_words"]}, {}});
    const at::Tensor loss = at::cross_entropy_loss(scores, recording["labels"]);
    CHECK(std::abs(loss.item<double>() - recorded("losses")[step].item<double>()) < tolerance);
    if (step == 3)
      break;
    clear_gradients(groups);
    loss.backward();
    REQUIRE(recorded("probes").size(1) == static_cast<int64_t>(learned.tensors.size()));
    for (std::size_t k = 0; k < learned.tensors.size(); ++k) {
      CAPTURE(k);
      CHECK(std::abs((probe(learned.tensors[k].grad()) - recorded("probes")[step][k]).item<double>()) <
            tolerance);
    }
    optimizer->step(0.02);
  }
}

} // namespace

TEST_CASE("loss, gradients and three AdamW steps of prefixes and of encoded rows equal the oracle's") {
  for (const char* name : {"llama-tied", "llama-untied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name, at::kDouble);
    const Recording recording(golden / "models" / name / "learned_prefixes.safetensors");
    check_steps(model, recording, "prefix.direct", prefix_case(model, recording, false));
    check_steps(model, recording, "prefix.mlp", prefix_case(model, recording, true));
    check_steps(model, recording, "p-tuning.lstm", prompt_case(model, recording, true));
    check_steps(model, recording, "p-tuning.mlp", prompt_case(model, recording, false));
  }
}

TEST_CASE("plugins and engine take PEFT's steps with a prefix that is learned directly") {
  for (const char* name : {"llama-tied", "llama-untied"})
    for (const char* tuner : {"prefix-tuning", "p-tuning-v2"}) {
      CAPTURE(name);
      CAPTURE(tuner);
      const Recording recording(golden / "models" / name / "learned_prefixes.safetensors");
      const NumberedModel folder(name, tiny_model(name).backbone().shape().vocabulary);
      const Model model = folder.load(at::kDouble);
      const std::vector<Example> rows = numbered_examples(recording);
      MethodChoice choice;
      choice.prompt_template.set = {{"text", "{text}{\"mask\"}"}};
      choice.tuner = {tuner,
                      {{"length", "4"}, {"projection", "false"}, {"weight-decay", "0.01"}, {"dropout", "0"}}};
      for (const int64_t id : recording.list("label_words")) {
        choice.labels.push_back(NumberedModel::word(id));
        choice.label_words.push_back({NumberedModel::word(id)});
      }
      Method method = make_method(model, plugins(), choice, &rows);
      const BackboneShape::Site site = model.backbone().shape().sites.at(0);
      const Prefix initial = as_prefix(recording["prefix.direct.outputs"][0], site);
      method.tuner->import_learned({{{"self.key", initial.key}, {"self.value", initial.value}}, {}});

      FitSettings settings;
      settings.steps = 3;
      settings.batch_size = static_cast<int64_t>(rows.size());
      settings.learning_rate = 0.02;
      settings.clip = 0;
      settings.schedule = "constant";
      const FitReport report = train(model, {{method, rows, {}}}, settings, 1).report;
      REQUIRE(report.losses.size() == 3);
      // What plugins learn, and the losses that are reported, are float32 on a float64 model too.
      for (int64_t step = 0; step < 3; ++step)
        CHECK(std::abs(report.losses[static_cast<std::size_t>(step)] -
                       recording["prefix.direct.losses"][step].item<double>()) < 1e-6);
      const Learned learned = method.tuner->export_learned(0);
      const at::Tensor values =
          as_values({PrefixSite::self, learned.tensors.at("self.key"), learned.tensors.at("self.value"), 0});
      CHECK(largest_difference(values.to(at::kDouble), recording["prefix.direct.outputs"][1]) < 1e-6);
    }
}
