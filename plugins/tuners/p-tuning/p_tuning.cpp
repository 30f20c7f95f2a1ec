#include "p_tuning.hpp"

#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/relu.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>
#include <cuecard/parts/training/named_tensors.hpp>
#include <cuecard/parts/training/sized_rate.hpp>
#include <cuecard/parts/training/soft_slots.hpp>

namespace cuecard {

namespace {

/// The paper's LAMA templates: three times three virtual tokens.
constexpr int64_t default_length = 9;
constexpr int64_t lstm_layers = 2;
/// Prefix of the names of the model's weights in a card.
constexpr const char* model_prefix = "model.";

} // namespace

PTuning::PTuning(const Options& options)
    : requested_length_(options.integer("length")), encoder_kind_(options.text("encoder")),
      requested_hidden_(options.integer("hidden")), num_maps_(options.integer("maps")),
      weight_decay_(options.number("weight-decay")), tune_model_(options.flag("tune-model")),
      model_lr_scale_(options.number("model-lr-scale")), model_decay_(options.number("model-weight-decay")) {}

void PTuning::prepare(const Problem& problem) {
  model_width_ = problem.backbone.shape().hidden;
  const std::vector<SoftSlot>& slots = shared_soft_slots(problem);
  template_slots_ = static_cast<int64_t>(slots.size());
  length_ = requested_length_ >= 0 ? requested_length_ : (template_slots_ > 0 ? 0 : default_length);
  if (template_slots_ + length_ == 0)
    throw UsageError("p-tuning has nothing to train: length is 0 and the template has no soft slots.");

  const int64_t width = problem.backbone.shape().embedding_width;
  const int64_t hidden = requested_hidden_ > 0 ? requested_hidden_ : std::max<int64_t>(1, width / 2);
  Random random(problem.seed, stream_id("pseudo"));
  prompt_ = random.normal_tensor({template_slots_ + length_, width}, 1.0);
  start_from_words(prompt_, slots, problem.backbone);

  Encoder encoder;
  if (encoder_kind_ == "lstm")
    encoder.lstm = BidirectionalLstm::initial(width, hidden, lstm_layers, random);
  for (int64_t map = 0; map < num_maps_; ++map)
    encoder.maps.push_back(initial_linear(width, map == 0 && encoder.lstm ? 2 * hidden : width, random));
  std::vector<at::Tensor*> tensors = encoder.tensors();
  tensors.push_back(&prompt_);
  make_trainable(tensors, problem.backbone.device());
  encoder_ = std::move(encoder);
  if (tune_model_)
    model_.copy(problem.backbone, [](const std::string&) { return true; });
}

at::Tensor PTuning::Encoder::operator()(const at::Tensor& embeddings) const {
  at::Tensor x = lstm ? (*lstm)(embeddings) : embeddings;
  for (std::size_t map = 0; map < maps.size(); ++map)
    x = maps[map](map == 0 ? x : at::relu(x));
  return x;
}

std::vector<at::Tensor*> PTuning::Encoder::tensors() {
  std::vector<at::Tensor*> result;
  for (Linear& map : maps) {
    result.push_back(&map.weight);
    result.push_back(&map.bias);
  }
  if (lstm)
    for (at::Tensor* tensor : lstm->tensors())
      result.push_back(tensor);
  return result;
}

void PTuning::edit(std::vector<Prompt>& prompts, const EditArgs&) const {
  for (Prompt& prompt : prompts)
    for (int64_t i = 0; i < length_; ++i)
      prompt.prepended.push_back(Piece::soft_slot(template_slots_ + i));
}

Conditioning PTuning::condition(const ConditionArgs&) const {
  Conditioning conditioning;
  conditioning.embeddings = encoder_ ? (*encoder_)(prompt_) : prompt_;
  return conditioning;
}

std::vector<ParameterGroup> PTuning::parameters() {
  ParameterGroup group{{prompt_}, 1.0, weight_decay_};
  if (encoder_)
    for (const at::Tensor* tensor : encoder_->tensors())
      group.tensors.push_back(*tensor);
  std::vector<ParameterGroup> groups{group};
  for (ParameterGroup& weights : model_.groups(model_lr_scale_, model_decay_))
    groups.push_back(std::move(weights));
  return groups;
}

FitRequest PTuning::defaults(const FitRequest& request) const {
  FitRequest usual;
  usual.optimizer = "adamw";
  usual.schedule = "linear";
  usual.batch_size = 16;
  if (tune_model_) { // the authors' few-shot code; 1e-4 is the rate of the soft prompt
    usual.learning_rate = 1e-4;
    usual.clip = 1;
    usual.steps = 250;
    usual.evaluate_every = 20;
    usual.patience = 10;
    return filled_in(request, usual);
  }
  // Measured on SmolLM2, and by PEFT on Llama-3.2-3B (README). The authors' settings for LAMA (Adam, 1e-5,
  // times 0.98 per epoch) would need thousands of steps for the same result.
  usual.learning_rate = sized_rate(model_width_, 1e-3, 1e-4);
  usual.decay = 0.98; // with --schedule exponential
  usual.epochs = 6;
  usual.min_steps = 100;
  return filled_in(request, usual);
}

ComponentState PTuning::state(int64_t task) const {
  const at::NoGradGuard no_grad;
  ComponentState state{{{"prompt", condition({task}).embeddings.detach().contiguous()}}};
  model_.add_to(state, model_prefix);
  return state;
}

void PTuning::load_state(const ComponentState& state) {
  const auto found = state.tensors.find("prompt");
  if (found == state.tensors.end() || found->second.sizes() != prompt_.sizes() ||
      !found->second.is_floating_point())
    throw DataError("the card's soft prompt doesn't fit: expected a floating-point tensor \"prompt\" of " +
                    sizes_of(prompt_) + "; restore the card's original files, or train it again.");
  train_directly(found->second);
  model_.take_from(state, model_prefix);
}

bool PTuning::adopt(const Conditioning& trained, std::string& why) {
  const std::string parts = parts_of(trained);
  if (parts != "soft embeddings" || trained.embeddings.sizes() != prompt_.sizes()) {
    why = "it has " + parts + (trained.embeddings.defined() ? " of " + sizes_of(trained.embeddings) : "") +
          "; expected soft embeddings of " + sizes_of(prompt_) + ", as length and model require";
    return false;
  }
  train_directly(trained.embeddings);
  return true;
}

void PTuning::train_directly(const at::Tensor& prompt) {
  const at::Device device = prompt_.device();
  encoder_.reset();
  prompt_ = prompt.detach().to(device, at::kFloat).clone();
  prompt_.set_requires_grad(true);
}

} // namespace cuecard
