#include "late_prompt_tuning.hpp"

#include <algorithm>

#include <ATen/ops/cat.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>
#include <cuecard/parts/training/reparametrisation.hpp>
#include <cuecard/parts/training/soft_slots.hpp>

#include "initial_states.hpp"

namespace cuecard {

namespace {

constexpr uint64_t generator_stream = stream_id("generate"), random_stream = stream_id("random"),
                   dropout_stream = stream_id("dropout");

/// Number of layers of the stack that processes the input: the encoder, in an encoder-decoder.
int64_t input_layers(const BackboneShape& shape) {
  const auto encoder = std::ranges::find(shape.sites, PrefixSite::encoder, &BackboneShape::Site::site);
  return shape.encoder_decoder && encoder != shape.sites.end() ? encoder->layers : shape.layers;
}

at::Tensor trained(const at::Tensor& values, at::Device device) {
  at::Tensor leaf = values.to(device).clone();
  return leaf.set_requires_grad(true);
}

/// `embeddings` [n, slots, width] with zeros for `count` unused slots prepended or appended.
at::Tensor with_unused(const at::Tensor& embeddings, int64_t count, bool front) {
  std::vector<int64_t> sizes = embeddings.sizes().vec();
  sizes[sizes.size() - 2] = count;
  const at::Tensor unused = at::zeros(sizes, embeddings.options().requires_grad(false));
  return front ? at::cat({unused, embeddings}, -2) : at::cat({embeddings, unused}, -2);
}

} // namespace

LatePromptTuning::LatePromptTuning(const Options& options)
    : length_(options.integer("length")), requested_layer_(options.integer("layer")),
      generates_(options.text("generator") == "instance"), bottleneck_(options.integer("bottleneck")),
      dropout_(options.number("dropout")), init_(options.text("init")),
      weight_decay_(options.number("weight-decay")) {}

void LatePromptTuning::prepare(const Problem& problem) {
  const BackboneShape& shape = problem.backbone.shape();
  const at::Device device = problem.backbone.device();
  const int64_t layers = input_layers(shape);
  if (layers < 2)
    throw UsageError("late-prompt-tuning needs a model of at least two layers; use prompt-tuning.");
  if (requested_layer_ == 0)
    throw UsageError("layer is 0, the model's input; expected 1 to " + std::to_string(layers - 1) +
                     ", or -1 for the middle layer. For virtual tokens in the input use prompt-tuning.");
  if (requested_layer_ >= layers)
    throw UsageError("layer is " + std::to_string(requested_layer_) + ", and " +
                     (shape.encoder_decoder ? "the model's encoder" : "the model") + " has layers 0 to " +
                     std::to_string(layers - 1) + "; expected 1 to " + std::to_string(layers - 1) +
                     ", or -1 for the middle layer.");
  layer_ = requested_layer_ > 0 ? requested_layer_ : layers / 2;
  hidden_ = shape.hidden;

  const std::vector<SoftSlot>& slots = shared_soft_slots(problem);
  template_slots_ = std::ssize(slots);
  slots_ = at::Tensor();
  if (template_slots_ > 0) {
    const at::Tensor embeddings = sampled_embeddings(template_slots_, problem);
    start_from_words(embeddings, slots, problem.backbone);
    slots_ = trained(embeddings, device);
  }

  if (generates_) {
    Random random(problem.seed, generator_stream);
    down_ = initial_linear(bottleneck_, hidden_, random);
    up_ = initial_linear(length_ * hidden_, bottleneck_, random);
    for (at::Tensor* tensor : {&down_.weight, &down_.bias, &up_.weight, &up_.bias})
      *tensor = trained(*tensor, device);
  } else {
    prompt_ =
        trained(init_ == "hidden" ? sampled_hidden_states(length_, layer_, problem)
                                  : Random(problem.seed, random_stream).normal_tensor({length_, hidden_}, 1),
                device);
  }
}

void LatePromptTuning::edit(std::vector<Prompt>& prompts, const EditArgs&) const {
  std::vector<Piece> late;
  for (int64_t i = 0; i < length_; ++i) {
    late.push_back(Piece::soft_slot(template_slots_ + i));
    late.back().first_layer = layer_;
  }
  for (Prompt& prompt : prompts)
    prompt.prepended.insert(prompt.prepended.begin(), late.begin(), late.end());
}

InputFeatures LatePromptTuning::input_features() const {
  if (!generates_)
    return {};
  return {InputFeatures::Kind::hidden_state, layer_, template_slots_ + length_};
}

Conditioning LatePromptTuning::condition(const ConditionArgs& args) const {
  Conditioning conditioning;
  if (!generates_) {
    conditioning.embeddings = slots_;
    conditioning.late_embeddings = with_unused(prompt_, template_slots_, true);
    return conditioning;
  }
  const int64_t inputs = args.inputs.size(0);
  const at::Tensor generated = up_(at::relu(down_(args.inputs))).view({inputs, length_, hidden_});
  conditioning.late_embeddings =
      with_unused(dropout(generated, dropout_, args.pass, dropout_stream), template_slots_, true);
  if (slots_.defined())
    conditioning.embeddings = with_unused(slots_.unsqueeze(0).expand({inputs, -1, -1}), length_, false);
  return conditioning;
}

NamedTensors LatePromptTuning::named_tensors() const {
  NamedTensors named;
  if (generates_)
    named = {{"generator.down.weight", down_.weight},
             {"generator.down.bias", down_.bias},
             {"generator.up.weight", up_.weight},
             {"generator.up.bias", up_.bias}};
  else
    named = {{"prompt", prompt_}};
  if (slots_.defined())
    named.emplace_back("slots", slots_);
  return named;
}

std::vector<ParameterGroup> LatePromptTuning::parameters() {
  std::vector<at::Tensor> decayed, biases;
  for (const auto& [name, tensor] : named_tensors())
    (name.ends_with(".bias") ? biases : decayed).push_back(tensor);
  std::vector<ParameterGroup> groups{{std::move(decayed), 1.0, weight_decay_}};
  if (!biases.empty())
    groups.push_back({std::move(biases), 1.0, 0.0});
  return groups;
}

FitRequest LatePromptTuning::defaults(const FitRequest& request) const {
  FitRequest usual; // the authors' scripts (README)
  usual.learning_rate = generates_ ? 1e-3 : 5e-3;
  usual.schedule = "linear";
  usual.warmup = 0.06;
  usual.batch_size = 32;
  usual.epochs = 10;
  usual.min_steps = 100;
  return filled_in(request, usual);
}

ComponentState LatePromptTuning::state(int64_t) const {
  return state_of(named_tensors());
}

void LatePromptTuning::load_state(const ComponentState& state) {
  copy_state(named_tensors(), state, "late prompt doesn't fit");
}

} // namespace cuecard
