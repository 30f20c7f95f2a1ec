#include "manual_verbalizer.hpp"

#include <cuecard/parts/training/label_loss.hpp>

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

OutputRequest ManualVerbalizer::output_request() const {
  return {OutputRequest::Kind::logits, words_.token_ids()};
}

void ManualVerbalizer::update_prior() {
  prior_ = word_prior(words_, calibration_.logits());
}

void ManualVerbalizer::calibrate(Scorer& scorer) {
  calibration_.measure_blank(scorer, output_request());
  update_prior();
}

void ManualVerbalizer::fit(const VerbalizerFitArgs& args) {
  if (args.moment != VerbalizerFitArgs::Moment::before_training)
    return;
  calibration_.measure_examples(args.scorer, args.examples, output_request(), "manual");
  update_prior();
}

Scores ManualVerbalizer::score(const ScoreArgs& args) const {
  at::Tensor words = words_(args.outputs);
  if (post_log_softmax_)
    words = joint_log_probs(words, prior_);
  return label_scores(words_.label_means(words));
}

at::Tensor ManualVerbalizer::loss(const LossArgs& args) const {
  return label_loss(args.scores, args.batch);
}

std::vector<std::string> ManualVerbalizer::answer_text(int64_t label) const {
  return {text_of_label(first_words_, label)};
}

ComponentState ManualVerbalizer::state() const {
  ComponentState state;
  calibration_.save(state);
  return state;
}

void ManualVerbalizer::load_state(const ComponentState& saved) {
  const at::Tensor& ids = words_.token_ids();
  calibration_.load(saved, "manual", ids.size(0), ids.device());
  update_prior();
}

} // namespace cuecard::manual
