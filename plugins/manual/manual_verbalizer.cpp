#include "manual_verbalizer.hpp"

#include <cuecard/parts/label_loss.hpp>

namespace cuecard::manual {

ManualVerbalizer::ManualVerbalizer(const Options& options)
    : handler_(multi_token(options.text("multi-token-handler"))), prefix_(options.text("prefix")),
      post_log_softmax_(options.flag("post-log-softmax")), calibration_(options) {}

void ManualVerbalizer::prepare(const VerbalizerTarget& target) {
  const LabelWords words = read_label_words(target, "manual", prefix_);
  require_distinct(words, target.labels, handler_);
  first_words_ = first_texts(words);
  words_ = WordScores(words, handler_, target.backbone.device());
  calibration_.clear();
  prior_ = at::Tensor();
}

Readout ManualVerbalizer::readout() const {
  return {Readout::Kind::scores, words_.token_ids()};
}

void ManualVerbalizer::take_prior() {
  prior_ = word_prior(words_, calibration_.scores());
}

void ManualVerbalizer::calibrate(Scorer& scorer) {
  calibration_.on_blank_prompts(scorer, readout());
  take_prior();
}

void ManualVerbalizer::fit(Scorer& scorer, const std::vector<const Example*>& examples, Moment moment) {
  if (moment != Moment::before_training)
    return;
  calibration_.on_training_rows(scorer, examples, readout(), "manual");
  take_prior();
}

Scores ManualVerbalizer::score(const at::Tensor& values, const Batch&, const Pass&) const {
  at::Tensor words = words_(values);
  if (post_log_softmax_)
    words = joint_log_probs(words, prior_);
  return label_scores(words_.label_means(words));
}

at::Tensor ManualVerbalizer::loss(const Scores& scores, const Batch& batch) const {
  return label_loss(scores, batch);
}

std::vector<std::string> ManualVerbalizer::answer_text(int64_t label) const {
  return {text_of_label(first_words_, label)};
}

Learned ManualVerbalizer::export_learned() const {
  Learned learned;
  calibration_.export_to(learned);
  return learned;
}

void ManualVerbalizer::import_learned(const Learned& learned) {
  const at::Tensor& ids = words_.token_ids();
  calibration_.import_from(learned, "manual", ids.size(0), ids.device());
  take_prior();
}

} // namespace cuecard::manual
