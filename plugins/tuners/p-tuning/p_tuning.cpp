#include "p_tuning.hpp"

#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/relu.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/sized_rate.hpp>
#include <cuecard/parts/soft_slots.hpp>

namespace cuecard {

namespace {

/// The paper's LAMA templates: three times three pseudo tokens.
constexpr int64_t usual_length = 9;
constexpr int64_t lstm_layers = 2;
/// In front of the names of the model's weights in a card.
constexpr const char* of_model = "model.";

} // namespace

PTuning::PTuning(const Options& options)
    : asked_length_(options.integer("length")), encoder_kind_(options.text("encoder")),
      asked_hidden_(options.integer("hidden")), maps_(options.integer("maps")),
      weight_decay_(options.number("weight-decay")), tunes_model_(options.flag("tune-model")),
      model_scale_(options.number("model-lr-scale")), model_decay_(options.number("model-weight-decay")) {}

void PTuning::prepare(const Problem& problem) {
  model_width_ = problem.backbone.shape().hidden;
  const std::vector<SoftSlot>& slots = shared_soft_slots(problem);
  template_slots_ = static_cast<int64_t>(slots.size());
  length_ = asked_length_ >= 0 ? asked_length_ : (template_slots_ > 0 ? 0 : usual_length);
  if (template_slots_ + length_ == 0)
    throw UsageError("p-tuning has nothing to learn: length is 0 and the template has no soft slots.");

  const int64_t width = problem.backbone.shape().embedding_width;
  const int64_t hidden = asked_hidden_ > 0 ? asked_hidden_ : std::max<int64_t>(1, width / 2);
  Random random(problem.seed, 0x70736575646f); // "pseudo"
  rows_ = random.normal_tensor({template_slots_ + length_, width}, 1.0);
  start_from_words(rows_, slots, problem.backbone);

  Encoder encoder;
  if (encoder_kind_ == "lstm")
    encoder.lstm = BidirectionalLstm::initial(width, hidden, lstm_layers, random);
  for (int64_t map = 0; map < maps_; ++map)
    encoder.maps.push_back(initial_linear(width, map == 0 && encoder.lstm ? 2 * hidden : width, random));
  std::vector<at::Tensor*> tensors = encoder.tensors();
  tensors.push_back(&rows_);
  make_learned(tensors, problem.backbone.device());
  encoder_ = std::move(encoder);
  if (tunes_model_)
    model_.copy(problem.backbone, [](const std::string&) { return true; });
}

at::Tensor PTuning::Encoder::operator()(const at::Tensor& rows) const {
  at::Tensor x = lstm ? (*lstm)(rows) : rows;
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
    for (int64_t i = 0; i < length_; ++i) {
      Piece piece;
      piece.kind = Piece::Kind::soft;
      piece.slot = template_slots_ + i;
      prompt.front.push_back(piece);
    }
}

Conditioning PTuning::condition(int64_t, const Pass&) const {
  Conditioning conditioning;
  conditioning.embeddings = encoder_ ? (*encoder_)(rows_) : rows_;
  return conditioning;
}

std::vector<ParameterGroup> PTuning::parameters() {
  ParameterGroup group{{rows_}, 1.0, weight_decay_};
  if (encoder_)
    for (const at::Tensor* tensor : encoder_->tensors())
      group.tensors.push_back(*tensor);
  std::vector<ParameterGroup> groups{group};
  for (ParameterGroup& weights : model_.groups(model_scale_, model_decay_))
    groups.push_back(std::move(weights));
  return groups;
}

FitSettings PTuning::defaults(const FitSettings& asked) const {
  FitSettings settings = asked;
  if (tunes_model_) { // the authors' few-shot code: AdamW, 1e-4 for the rows, 250 steps of 16, linear decay
    if (settings.optimizer.empty())
      settings.optimizer = "adamw";
    if (settings.learning_rate <= 0)
      settings.learning_rate = 1e-4;
    if (settings.schedule.empty())
      settings.schedule = "linear";
    if (settings.clip < 0)
      settings.clip = 1;
    if (settings.batch_size <= 0)
      settings.batch_size = 16;
    if (settings.epochs <= 0 && settings.steps <= 0)
      settings.steps = 250;
    if (settings.evaluate_every <= 0)
      settings.evaluate_every = 20;
    if (settings.patience < 0)
      settings.patience = 10;
    return settings;
  }
  // What was measured on SmolLM2, and by PEFT on Llama-3.2-3B (README). The authors' LAMA (Adam, 1e-5, times
  // 0.98 each epoch) would need thousands of steps for as much.
  if (settings.optimizer.empty())
    settings.optimizer = "adamw";
  if (settings.learning_rate <= 0)
    settings.learning_rate = sized_rate(model_width_, 1e-3, 1e-4);
  if (settings.schedule.empty())
    settings.schedule = "linear";
  if (settings.decay <= 0)
    settings.decay = 0.98; // with --schedule exponential
  if (settings.batch_size <= 0)
    settings.batch_size = 16;
  if (settings.epochs <= 0 && settings.steps <= 0) {
    settings.epochs = 6;
    settings.least_steps = 100;
  }
  return settings;
}

Learned PTuning::export_learned(int64_t task) const {
  const at::NoGradGuard no_grad;
  Learned learned{{{"prompt", condition(task, {}).embeddings.detach().contiguous()}}, {}};
  model_.add_to(learned, of_model);
  return learned;
}

void PTuning::import_learned(const Learned& learned) {
  const auto found = learned.tensors.find("prompt");
  if (found == learned.tensors.end() || found->second.sizes() != rows_.sizes() ||
      !found->second.is_floating_point())
    throw DataError("the card's learned rows don't fit: expected a floating-point tensor \"prompt\" of " +
                    std::to_string(rows_.size(0)) + " x " + std::to_string(rows_.size(1)) +
                    "; use the card as it was written, or train it again.");
  collapse(found->second);
  model_.take_from(learned, of_model);
}

bool PTuning::adopt(const Conditioning& learned, std::string& why) {
  if (!learned.prefixes.empty() || !learned.embeddings.defined() ||
      learned.embeddings.sizes() != rows_.sizes()) {
    why = "it is not the one matrix of " + std::to_string(rows_.size(0)) + " x " +
          std::to_string(rows_.size(1)) + " that length and model ask for";
    return false;
  }
  collapse(learned.embeddings);
  return true;
}

void PTuning::collapse(const at::Tensor& prompt) {
  const at::Device device = rows_.device();
  encoder_.reset();
  rows_ = prompt.detach().to(device, at::kFloat).clone();
  rows_.set_requires_grad(true);
}

} // namespace cuecard
