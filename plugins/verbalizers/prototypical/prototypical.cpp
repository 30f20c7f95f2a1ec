#include "prototypical.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/label_loss.hpp>
#include <cuecard/parts/layers.hpp>

namespace cuecard::prototypical {

namespace {

constexpr const char* name = "prototypical";

/// Each row minus its mean, divided by its deviation.
at::Tensor standardised(const at::Tensor& scores) {
  return (scores - scores.mean({1}, true)) /
         scores.std({1}, /*unbiased=*/true, /*keepdim=*/true).clamp_min(1e-8);
}

/// Up to `most` rows of each label, spread evenly over them.
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
          "the verbalizer \"prototypical\" learns a prototype from each label's training rows, and \"" +
          labels[label] + "\" has none: add rows of it, or take it out of the task file");
    const std::vector<const Example*> own = spread(by_label[label], most);
    chosen.insert(chosen.end(), own.begin(), own.end());
  }
  return chosen;
}

} // namespace

Prototypical::Prototypical(const Options& options)
    : settings_{options.integer("dimension"), options.integer("epochs"), options.number("lr")},
      rows_per_label_(options.integer("rows-per-label")),
      with_words_(options.text("decide-by") == "prototypes-and-words"),
      handler_(multi_token(options.text("multi-token-handler"))), prefix_(options.text("prefix")),
      calibration_(options) {}

void Prototypical::prepare(const VerbalizerTarget& target) {
  if (with_words_ && target.labels.size() == 2)
    throw UsageError(
        "the verbalizer \"prototypical\" standardises the scores of prototypes and words before it adds "
        "them, and of two scores that leaves only which is larger: set \"decide-by\" to prototypes");
  backbone_ = &target.backbone;
  seed_ = target.seed;
  labels_ = target.labels;
  calibration_.clear();
  prior_ = word_rows_ = word_bias_ = at::Tensor();
  prototypes_ = {};
  words_ = {};
  if (target.backbone.shape().scores_vocabulary || with_words_ || labels_.empty()) {
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

Readout Prototypical::readout() const {
  if (!prototypes_.defined() && words_.defined())
    return {Readout::Kind::scores, words_.token_ids()};
  return {with_words_ ? Readout::Kind::transformed : Readout::Kind::hidden, {}};
}

void Prototypical::take_prior() {
  prior_ = word_prior(words_, calibration_.scores());
}

void Prototypical::calibrate(Scorer& scorer) {
  if (!words_.defined())
    return;
  calibration_.on_blank_prompts(scorer, {Readout::Kind::scores, words_.token_ids()});
  take_prior();
}

void Prototypical::fit(Scorer& scorer, const std::vector<const Example*>& examples, Moment moment) {
  if (moment == Moment::after_training) {
    learn(scorer, some_of_each(examples, rows_per_label_, labels_));
    return;
  }
  prototypes_ = {};
  if (words_.defined()) {
    calibration_.on_training_rows(scorer, examples, readout(), name);
    take_prior();
  }
}

void Prototypical::learn(Scorer& scorer, const std::vector<const Example*>& examples) {
  const Readout states_of{with_words_ ? Readout::Kind::transformed : Readout::Kind::hidden, {}};
  std::vector<at::Tensor> parts;
  std::vector<int64_t> labels;
  scorer.score({examples, nullptr, states_of, {}}, [&](const at::Tensor& values, const Batch& batch) {
    parts.push_back(values.to(at::kFloat));
    for (const Example* example : batch.examples)
      labels.push_back(example->label);
  });
  const at::Tensor states = at::cat(parts);
  if (with_words_)
    find_word_rows(scorer, examples, states);
  prototypes_ = learn_prototypes(states, labels, std::ssize(labels_), settings_, seed_);
}

/// A state times the output rows, plus a bias that no table of the model tells, is what the head says; so the
/// bias is the difference, and it must be the same for every row.
void Prototypical::find_word_rows(Scorer& scorer, const std::vector<const Example*>& examples,
                                  const at::Tensor& states) {
  const at::Tensor ids = words_.token_ids();
  const at::Tensor said =
      scorer.score_all({examples, nullptr, {Readout::Kind::scores, ids}, {}}).to(at::kFloat);
  word_rows_ = backbone_->token_rows(TokenTable::output, ids).detach().to(at::kFloat);
  const at::Tensor difference = said - states.matmul(word_rows_.t());
  word_bias_ = difference.mean(0);
  const double off = (difference - word_bias_).abs().max().item<double>();
  if (off > 0.02 * std::max(1.0, said.abs().max().item<double>()))
    throw UsageError(
        "the words' scores don't follow from the model's output rows, since the tuner changed them: set "
        "\"decide-by\" to prototypes");
}

at::Tensor Prototypical::word_scores(const at::Tensor& tokens) const {
  return words_.label_means(joint_log_probs(words_(tokens), prior_));
}

Scores Prototypical::score(const at::Tensor& values, const Batch&, const Pass&) const {
  if (!prototypes_.defined()) {
    if (!words_.defined())
      throw UsageError(
          "the verbalizer \"prototypical\" has no prototypes before the end of training, and this model "
          "has no head to score words with meanwhile: use the tuner \"manual\", or a checkpoint with a "
          "language-model head");
    return label_scores(word_scores(values));
  }
  const at::Tensor cosines = prototypes_.cosines(values);
  if (!with_words_)
    return label_scores(cosines);
  const at::Tensor wide = values.to(cosines.scalar_type());
  const at::Tensor tokens =
      linear(wide, word_rows_.to(cosines.scalar_type()), word_bias_.to(cosines.scalar_type()));
  return label_scores((standardised(cosines) + standardised(word_scores(tokens))) / 2);
}

at::Tensor Prototypical::loss(const Scores& scores, const Batch& batch) const {
  return label_loss(scores, batch);
}

std::vector<std::string> Prototypical::answer_text(int64_t label) const {
  return {text_of_label(answers_, label)};
}

Learned Prototypical::export_learned() const {
  Learned learned;
  calibration_.export_to(learned);
  if (prototypes_.defined()) {
    learned.tensors["projection"] = prototypes_.projection;
    learned.tensors["prototypes"] = prototypes_.vectors;
    if (with_words_) {
      learned.tensors["word_rows"] = word_rows_;
      learned.tensors["word_bias"] = word_bias_;
    }
  }
  return learned;
}

void Prototypical::import_learned(const Learned& learned) {
  const at::Device device = backbone_->device();
  const int64_t labels = std::ssize(labels_), dimension = settings_.dimension;
  if (words_.defined()) {
    calibration_.import_from(learned, name, words_.token_ids().size(0), device);
    take_prior();
  }
  int64_t width = backbone_->shape().hidden;
  if (with_words_) {
    const at::Tensor rows = backbone_->token_rows(TokenTable::output, words_.token_ids());
    width = rows.size(1);
    word_rows_ = fitting_tensor(learned, "word_rows", rows.sizes(), name).to(device, at::kFloat);
    word_bias_ = fitting_tensor(learned, "word_bias", {rows.size(0)}, name).to(device, at::kFloat);
  }
  prototypes_ = {fitting_tensor(learned, "projection", {dimension, width}, name).to(device, at::kFloat),
                 fitting_tensor(learned, "prototypes", {labels, dimension}, name).to(device, at::kFloat)};
}

} // namespace cuecard::prototypical
