#include "knowledgeable.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/training/label_loss.hpp>

#include "word_file.hpp"

namespace cuecard::knowledgeable {

Knowledgeable::Knowledgeable(const Options& options)
    : path_(options.text("words")), prefix_(options.text("prefix")), choice_(options.integer("choice")),
      max_tokens_(options.integer("max-tokens")), handler_(multi_token(options.text("multi-token-handler"))),
      frequency_(options.number("frequency")), relevance_(options.number("relevance")),
      temperature_(options.number("pred-temp")), learning_rate_scale_(options.number("lr-scale")),
      train_weights_(options.flag("learn-weights")), calibration_(options) {}

void Knowledgeable::prepare(const VerbalizerTarget& target) {
  require_labels_and_head(target, "knowledgeable");
  encoding_ = LabelWordEncoding::of(target, prefix_);
  device_ = target.backbone.device();
  labels_ = target.labels;
  words_.clear();
  calibration_.clear();
  prior_ = at::Tensor();
  if (path_.empty()) {
    std::vector<std::vector<std::string>> words;
    for (const std::vector<LabelWord>& of_label : read_label_words(target, "knowledgeable", prefix_)) {
      words.emplace_back();
      for (const LabelWord& word : of_label)
        words.back().push_back(word.word);
    }
    set_words(usable(words));
  } else if (const auto file = target.files.find("words"); file != target.files.end()) {
    set_words(usable(read_word_file(file->second, path_, labels_, choice_)));
  }
}

LabelWords Knowledgeable::usable(const std::vector<std::vector<std::string>>& words) const {
  const WordMask keep = unambiguous(words);
  LabelWords result;
  for (std::size_t label = 0; label < words.size(); ++label) {
    if (words[label].empty())
      throw DataError("the label \"" + labels_[label] +
                      "\" has no words: give it at least one, which describes the label");
    result.emplace_back();
    for (std::size_t w = 0; w < words[label].size(); ++w) {
      if (!keep[label][w])
        continue;
      try {
        LabelWord word = encode_label_word(encoding_, words[label][w], labels_[label]);
        if (w == 0 || max_tokens_ == 0 || std::ssize(word.tokens) <= max_tokens_)
          result.back().push_back(std::move(word));
      } catch (const UsageError&) {
        if (w == 0)
          throw;
      }
    }
  }
  return result;
}

void Knowledgeable::set_words(LabelWords words) {
  require_distinct(words, labels_, handler_);
  words_ = std::move(words);
  scores_ = WordScores(words_, handler_, device_);
  std::vector<int64_t> counts;
  for (const std::vector<LabelWord>& of_label : words_)
    counts.push_back(std::ssize(of_label));
  weights_ = WordWeights(counts, train_weights_, device_);
}

void Knowledgeable::filter(WordMask keep) {
  LabelWords words;
  std::vector<int64_t> kept;
  int64_t index = 0;
  for (std::size_t label = 0; label < words_.size(); ++label) {
    std::vector<bool>& of_label = keep[label];
    if (std::find(of_label.begin(), of_label.end(), true) == of_label.end())
      of_label.at(0) = true;
    words.emplace_back();
    for (std::size_t w = 0; w < of_label.size(); ++w, ++index)
      if (of_label[w]) {
        words.back().push_back(words_[label][w]);
        kept.push_back(index);
      }
  }
  const at::Tensor weights = weights_.values().detach().index_select(0, index_tensor(kept, device_));
  set_words(std::move(words));
  weights_.set(weights);
}

void Knowledgeable::update_prior() {
  prior_ = word_prior(scores_, calibration_.logits());
}

OutputRequest Knowledgeable::output_request() const {
  return {OutputRequest::Kind::logits, scores_.token_ids()};
}

void Knowledgeable::fit(const VerbalizerFitArgs& args) {
  if (args.moment != VerbalizerFitArgs::Moment::before_training)
    return;
  calibration_.clear();
  if (frequency_ > 0 || relevance_ > 0 || calibration_.uses_examples()) {
    if (args.examples.empty())
      throw DataError(
          "the verbalizer \"knowledgeable\" filters and calibrates on training examples, and there are none: "
          "set \"frequency\" and \"relevance\" to 0, and \"calibrate\" to blank or none");
    at::Tensor sum; // over examples, [V]
    std::vector<at::Tensor> of_words;
    int64_t count = 0;
    args.scorer.score({evenly_spaced(args.examples, calibration_.max_examples()),
                       nullptr,
                       {OutputRequest::Kind::log_probs, {}},
                       {}},
                      [&](const at::Tensor& log_probs, const Batch&) {
                        sum = sum.defined() ? sum + log_probs.sum(0) : log_probs.sum(0);
                        of_words.push_back(log_probs.index_select(1, scores_.token_ids()));
                        count += log_probs.size(0);
                      });
    const at::Tensor prior = sum / static_cast<double>(count);
    const at::Tensor tokens = scores_.token_ids(), token_log_probs = at::cat(of_words);
    if (frequency_ > 0)
      filter(frequent_words(words_, prior, frequency_));
    if (relevance_ > 0) {
      // The remaining words may have fewer tokens than `token_log_probs`.
      const at::Tensor remaining = (tokens.unsqueeze(1) == scores_.token_ids().unsqueeze(0)).any(1);
      filter(relevant_words(words_, scores_(token_log_probs.masked_select(remaining).view({count, -1})),
                            relevance_));
    }
    if (calibration_.uses_examples())
      calibration_.set(prior.index_select(0, scores_.token_ids()).unsqueeze(0));
  }
  calibration_.measure_blank(args.scorer, output_request());
  update_prior();
}

Scores Knowledgeable::score(const ScoreArgs& args) const {
  if (words_.empty())
    throw UsageError(
        "the verbalizer \"knowledgeable\" has no words: the file of the option \"words\" is missing.");
  return label_scores(
      weights_(joint_log_probs(scores_(args.outputs), prior_), args.pass.training ? 1.0 : temperature_));
}

at::Tensor Knowledgeable::loss(const LossArgs& args) const {
  return label_loss(args.scores, args.batch);
}

std::vector<std::string> Knowledgeable::answer_text(int64_t label) const {
  return {text_of_label(first_texts(words_), label)};
}

std::vector<ParameterGroup> Knowledgeable::parameters() {
  if (!train_weights_ || words_.empty())
    return {};
  return {{{weights_.values()}, learning_rate_scale_, 0.0}};
}

ComponentState Knowledgeable::state() const {
  ComponentState state;
  if (words_.empty())
    return state;
  save_words(words_, labels_, state);
  state.tensors["weights"] = weights_.values().detach();
  calibration_.save(state);
  return state;
}

void Knowledgeable::load_state(const ComponentState& saved) {
  LabelWords words;
  int64_t count = 0;
  const auto of_card = load_words(saved, labels_, "knowledgeable");
  for (std::size_t label = 0; label < labels_.size(); ++label) {
    words.emplace_back();
    for (const std::string& word : of_card[label])
      words.back().push_back(encode_label_word(encoding_, word, labels_[label]));
    count += std::ssize(words.back());
  }
  const at::Tensor& weights = require_tensor(saved, "weights", {count}, "knowledgeable");
  set_words(std::move(words));
  weights_.set(weights);
  calibration_.load(saved, "knowledgeable", scores_.token_ids().size(0), device_);
  update_prior();
}

} // namespace cuecard::knowledgeable
