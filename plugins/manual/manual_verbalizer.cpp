#include "manual_verbalizer.hpp"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>

#include <cuecard/parts/training/label_loss.hpp>

namespace cuecard::manual {

ManualVerbalizer::ManualVerbalizer(const Options& options)
    : handler_(options.text("multi-token-handler")), prefix_(options.text("prefix")),
      post_log_softmax_(options.flag("post-log-softmax")), calibration_(options) {}

void ManualVerbalizer::prepare(const VerbalizerTarget& target) {
  const LabelWords words = read_label_words(target, "manual", prefix_);
  const bool joint = is_joint(handler_);
  const MultiToken at_one_slot = joint ? MultiToken::mean : multi_token(handler_);
  require_distinct(words, target.labels, at_one_slot, /*has_joint=*/true);
  first_words_ = first_texts(words);
  words_ = WordScores(words, at_one_slot, target.backbone.device());
  joint_ = joint ? JointWordScores(words, handler_ == "joint-mean", target.backbone) : JointWordScores();
  calibration_.clear();
  vocabulary_ = target.backbone.shape().vocabulary;
  multi_label_ = target.multi_label ? std::optional(MultiLabel()) : std::nullopt;
  update_prior();
}

OutputRequest ManualVerbalizer::output_request() const {
  if (joint_.defined())
    return joint_.output_request();
  return {multi_label_ ? OutputRequest::Kind::log_probs : OutputRequest::Kind::logits, words_.token_ids()};
}

std::vector<std::vector<std::string>> ManualVerbalizer::given_answers(const GivenAnswersArgs&) const {
  return joint_.given_answers();
}

at::Tensor ManualVerbalizer::uniform_words() const {
  const double uniform = -std::log(static_cast<double>(vocabulary_));
  return joint_.defined() ? joint_.uniform(uniform)
                          : words_(at::full({1, words_.token_ids().size(0)}, uniform,
                                            at::TensorOptions(at::kFloat).device(words_.token_ids().device())));
}

void ManualVerbalizer::update_prior() {
  const at::Tensor& measured = calibration_.logits();
  const at::Tensor words = !measured.defined() || joint_.defined() ? measured : words_(measured);
  prior_ = words.defined() && !joint_.defined() ? words.softmax(1) : at::Tensor();
  reference_ = words.defined() || !multi_label_ ? words : uniform_words();
}

void ManualVerbalizer::calibrate(Scorer& scorer) {
  if (!joint_.defined())
    calibration_.measure_blank(scorer, output_request());
  else if (calibration_.enabled() && !calibration_.uses_examples())
    calibration_.set(joint_.blank_scores(scorer));
  update_prior();
}

void ManualVerbalizer::fit(const VerbalizerFitArgs& args) {
  if (multi_label_)
    multi_label_->fit(args, *this);
  if (args.moment != VerbalizerFitArgs::Moment::before_training)
    return;
  if (!joint_.defined())
    calibration_.measure_examples(args.scorer, args.examples, output_request(), "manual");
  else if (calibration_.uses_examples())
    calibration_.set(
        joint_.mean_scores(args.scorer, evenly_spaced(args.examples, calibration_.max_examples())));
  update_prior();
}

Scores ManualVerbalizer::score(const ScoreArgs& args) const {
  std::vector<int64_t> entries;
  at::Tensor words = joint_.defined() ? joint_(args.outputs, args.batch, entries) : words_(args.outputs);
  if (multi_label_ || (joint_.defined() && post_log_softmax_ && reference_.defined()))
    words = words - reference_;
  if (!multi_label_ && post_log_softmax_)
    words = joint_.defined() ? words.log_softmax(1) : joint_log_probs(words, prior_);
  Scores scores = label_scores(words_.label_means(words));
  scores.entries = std::move(entries);
  return scores;
}

at::Tensor ManualVerbalizer::loss(const LossArgs& args) const {
  return multi_label_ ? multi_label_->loss(args) : label_loss(args.scores, args.batch);
}

std::vector<Decision> ManualVerbalizer::decide(const DecideArgs& args) const {
  return multi_label_ ? multi_label_->decide(args) : Verbalizer::decide(args);
}

std::vector<std::string> ManualVerbalizer::answer_text(int64_t label) const {
  return {text_of_label(first_words_, label)};
}

ComponentState ManualVerbalizer::state() const {
  ComponentState state;
  calibration_.save(state);
  if (multi_label_)
    multi_label_->save(state);
  return state;
}

void ManualVerbalizer::load_state(const ComponentState& saved) {
  const at::Tensor& ids = words_.token_ids();
  calibration_.load(saved, "manual", joint_.defined() ? joint_.words() : ids.size(0), ids.device());
  if (multi_label_)
    multi_label_->load(saved, "manual");
  update_prior();
}

} // namespace cuecard::manual
