#include "prototypical.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/training/label_loss.hpp>

namespace cuecard::prototypical {

namespace {

constexpr const char* name = "prototypical";

/// Zero mean and unit standard deviation per decision.
at::Tensor standardised(const at::Tensor& scores) {
  return (scores - scores.mean({1}, true)) /
         scores.std({1}, /*unbiased=*/true, /*keepdim=*/true).clamp_min(1e-8);
}

/// Up to `most` evenly spaced examples of each label.
std::vector<const Example*> some_of_each(const std::vector<const Example*>& examples, int64_t most,
                                         const std::vector<std::string>& labels) {
  std::vector<std::vector<const Example*>> by_label(labels.size());
  for (const Example* example : examples)
    if (example->label >= 0)
      by_label.at(static_cast<std::size_t>(example->label)).push_back(example);
  std::vector<const Example*> chosen;
  for (std::size_t label = 0; label < labels.size(); ++label) {
    if (by_label[label].empty())
      throw DataError(
          "the verbalizer \"prototypical\" trains a prototype on each label's training examples, and \"" +
          labels[label] + "\" has none: add examples of it, or remove it from the task file");
    const std::vector<const Example*> own = evenly_spaced(by_label[label], most);
    chosen.insert(chosen.end(), own.begin(), own.end());
  }
  return chosen;
}

} // namespace

Prototypical::Prototypical(const Options& options)
    : settings_{options.integer("dimension"), options.integer("epochs"), options.number("lr")},
      examples_per_label_(options.integer("rows-per-label")),
      with_words_(options.text("decide-by") == "prototypes-and-words"),
      handler_(multi_token(options.text("multi-token-handler"))), prefix_(options.text("prefix")),
      calibration_(options) {}

void Prototypical::prepare(const VerbalizerTarget& target) {
  if (with_words_ && target.labels.size() == 2)
    throw UsageError(
        "the verbalizer \"prototypical\" standardises the scores of prototypes and words before adding "
        "them, which for two labels leaves only the sign of their difference: set \"decide-by\" to prototypes.");
  backbone_ = &target.backbone;
  seed_ = target.seed;
  labels_ = target.labels;
  calibration_.clear();
  prior_ = word_weight_ = word_bias_ = at::Tensor();
  prototypes_ = {};
  words_ = {};
  if (target.backbone.shape().has_lm_head || with_words_ || labels_.empty()) {
    const LabelWords words = read_label_words(target, name, prefix_);
    require_distinct(words, labels_, handler_);
    answers_ = first_texts(words);
    words_ = WordScores(words, handler_, target.backbone.device());
    return;
  }
  answers_.clear();
  for (const std::string& label : labels_)
    answers_.push_back(prefix_ + label);
}

OutputRequest Prototypical::output_request() const {
  if (!prototypes_.defined() && words_.defined())
    return {OutputRequest::Kind::logits, words_.token_ids()};
  return {with_words_ ? OutputRequest::Kind::transformed_states : OutputRequest::Kind::hidden_states, {}};
}

void Prototypical::update_prior() {
  prior_ = word_prior(words_, calibration_.logits());
}

void Prototypical::calibrate(Scorer& scorer) {
  if (!words_.defined())
    return;
  calibration_.measure_blank(scorer, {OutputRequest::Kind::logits, words_.token_ids()});
  update_prior();
}

void Prototypical::fit(const VerbalizerFitArgs& args) {
  if (args.moment == VerbalizerFitArgs::Moment::after_training) {
    train(args.scorer, some_of_each(args.examples, examples_per_label_, labels_));
    return;
  }
  prototypes_ = {};
  if (words_.defined()) {
    calibration_.measure_examples(args.scorer, args.examples, output_request(), name);
    update_prior();
  }
}

void Prototypical::train(Scorer& scorer, const std::vector<const Example*>& examples) {
  const OutputRequest states_of{
      with_words_ ? OutputRequest::Kind::transformed_states : OutputRequest::Kind::hidden_states, {}};
  std::vector<at::Tensor> parts;
  std::vector<int64_t> labels;
  scorer.score({examples, nullptr, states_of, {}}, [&](const at::Tensor& values, const Batch& batch) {
    parts.push_back(values.to(at::kFloat));
    for (const Example* example : batch.examples)
      labels.push_back(example->label);
  });
  const at::Tensor states = at::cat(parts);
  if (with_words_)
    fit_word_layer(scorer, examples, states);
  prototypes_ = train_prototypes(states, labels, std::ssize(labels_), settings_, seed_);
}

/// The head's logits are the dot products with the output embeddings plus a bias. The model does not expose the bias, so it is computed
/// as their difference, which must be the same for every example.
void Prototypical::fit_word_layer(Scorer& scorer, const std::vector<const Example*>& examples,
                                  const at::Tensor& states) {
  const at::Tensor ids = words_.token_ids();
  const at::Tensor logits =
      scorer.score_all({examples, nullptr, {OutputRequest::Kind::logits, ids}, {}}).to(at::kFloat);
  word_weight_ = backbone_->token_vectors(TokenTable::output, ids).detach().to(at::kFloat);
  const at::Tensor difference = logits - states.matmul(word_weight_.t());
  word_bias_ = difference.mean(0);
  const double off = (difference - word_bias_).abs().max().item<double>();
  if (off > 0.02 * std::max(1.0, logits.abs().max().item<double>()))
    throw UsageError(
        "the words' logits don't follow from the model's output embeddings, since the tuner changed them: set "
        "\"decide-by\" to prototypes.");
}

at::Tensor Prototypical::word_scores(const at::Tensor& tokens) const {
  return words_.label_means(joint_log_probs(words_(tokens), prior_));
}

Scores Prototypical::score(const ScoreArgs& args) const {
  if (!prototypes_.defined()) {
    if (!words_.defined())
      throw UsageError(
          "the verbalizer \"prototypical\" has no prototypes before the end of training, and this model "
          "has no head to score words until then: use the tuner \"manual\", or a checkpoint with a "
          "language-model head.");
    return label_scores(word_scores(args.outputs));
  }
  const at::Tensor cosines = prototypes_.cosines(args.outputs);
  if (!with_words_)
    return label_scores(cosines);
  const at::Tensor wide = args.outputs.to(cosines.scalar_type());
  const at::Tensor tokens =
      linear(wide, word_weight_.to(cosines.scalar_type()), word_bias_.to(cosines.scalar_type()));
  return label_scores((standardised(cosines) + standardised(word_scores(tokens))) / 2);
}

at::Tensor Prototypical::loss(const LossArgs& args) const {
  return label_loss(args.scores, args.batch);
}

std::vector<std::string> Prototypical::answer_text(int64_t label) const {
  return {text_of_label(answers_, label)};
}

ComponentState Prototypical::state() const {
  ComponentState state;
  calibration_.save(state);
  if (prototypes_.defined()) {
    state.tensors["projection"] = prototypes_.projection;
    state.tensors["prototypes"] = prototypes_.vectors;
    if (with_words_) {
      state.tensors["word_rows"] = word_weight_;
      state.tensors["word_bias"] = word_bias_;
    }
  }
  return state;
}

void Prototypical::load_state(const ComponentState& saved) {
  const at::Device device = backbone_->device();
  const int64_t labels = std::ssize(labels_), dimension = settings_.dimension;
  if (words_.defined()) {
    calibration_.load(saved, name, words_.token_ids().size(0), device);
    update_prior();
  }
  int64_t width = backbone_->shape().hidden;
  if (with_words_) {
    const at::Tensor vectors = backbone_->token_vectors(TokenTable::output, words_.token_ids());
    width = vectors.size(1);
    word_weight_ = require_tensor(saved, "word_rows", vectors.sizes(), name).to(device, at::kFloat);
    word_bias_ = require_tensor(saved, "word_bias", {vectors.size(0)}, name).to(device, at::kFloat);
  }
  prototypes_ = {require_tensor(saved, "projection", {dimension, width}, name).to(device, at::kFloat),
                 require_tensor(saved, "prototypes", {labels, dimension}, name).to(device, at::kFloat)};
}

} // namespace cuecard::prototypical
