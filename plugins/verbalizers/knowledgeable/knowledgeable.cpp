#include "knowledgeable.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/label_loss.hpp>

#include "word_file.hpp"

namespace cuecard::knowledgeable {

Knowledgeable::Knowledgeable(const Options& options)
    : path_(options.text("words")), prefix_(options.text("prefix")), choice_(options.integer("choice")),
      max_tokens_(options.integer("max-tokens")), handler_(multi_token(options.text("multi-token-handler"))),
      frequency_(options.number("frequency")), relevance_(options.number("relevance")),
      temperature_(options.number("pred-temp")), learning_rate_scale_(options.number("lr-scale")),
      learn_weights_(options.flag("learn-weights")), calibration_(options) {}

void Knowledgeable::prepare(const VerbalizerTarget& target) {
  require_labels_and_head(target, "knowledgeable");
  vocabulary_ = &target.vocabulary;
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
    take(usable(words));
  } else if (const auto file = target.files.find("words"); file != target.files.end()) {
    take(usable(read_word_file(file->second, path_, labels_, choice_)));
  }
}

LabelWords Knowledgeable::usable(const std::vector<std::vector<std::string>>& words) const {
  const Kept apart = told_apart(words);
  LabelWords result;
  for (std::size_t label = 0; label < words.size(); ++label) {
    if (words[label].empty())
      throw DataError("the label \"" + labels_[label] +
                      "\" has no words: give it at least one, which says what the label is");
    result.emplace_back();
    for (std::size_t w = 0; w < words[label].size(); ++w) {
      if (!apart[label][w])
        continue;
      try {
        LabelWord word = encode_label_word(*vocabulary_, words[label][w], labels_[label], prefix_);
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

void Knowledgeable::take(LabelWords words) {
  require_distinct(words, labels_, handler_);
  words_ = std::move(words);
  scores_ = WordScores(words_, handler_, device_);
  std::vector<int64_t> counts;
  for (const std::vector<LabelWord>& of_label : words_)
    counts.push_back(std::ssize(of_label));
  weights_ = WordWeights(counts, learn_weights_, device_);
}

void Knowledgeable::keep(Kept kept) {
  LabelWords words;
  std::vector<int64_t> places;
  int64_t place = 0;
  for (std::size_t label = 0; label < words_.size(); ++label) {
    std::vector<bool>& of_label = kept[label];
    if (std::find(of_label.begin(), of_label.end(), true) == of_label.end())
      of_label.at(0) = true;
    words.emplace_back();
    for (std::size_t w = 0; w < of_label.size(); ++w, ++place)
      if (of_label[w]) {
        words.back().push_back(words_[label][w]);
        places.push_back(place);
      }
  }
  const at::Tensor weights = weights_.values().detach().index_select(0, index_tensor(places, device_));
  take(std::move(words));
  weights_.set(weights);
}

void Knowledgeable::take_prior() {
  prior_ = word_prior(scores_, calibration_.scores());
}

Readout Knowledgeable::readout() const {
  return {Readout::Kind::scores, scores_.token_ids()};
}

void Knowledgeable::fit(Scorer& scorer, const std::vector<const Example*>& examples, Moment moment) {
  if (moment != Moment::before_training)
    return;
  calibration_.clear();
  if (frequency_ > 0 || relevance_ > 0 || calibration_.on_rows()) {
    if (examples.empty())
      throw DataError(
          "the verbalizer \"knowledgeable\" filters and calibrates on training rows, and there are none: "
          "set \"frequency\" and \"relevance\" to 0, and \"calibrate\" to blank or none");
    at::Tensor sum; // over rows, [V]
    std::vector<at::Tensor> of_words;
    int64_t rows = 0;
    scorer.score({spread(examples, calibration_.rows()), nullptr, {Readout::Kind::log_probs, {}}, {}},
                 [&](const at::Tensor& values, const Batch&) {
                   sum = sum.defined() ? sum + values.sum(0) : values.sum(0);
                   of_words.push_back(values.index_select(1, scores_.token_ids()));
                   rows += values.size(0);
                 });
    const at::Tensor prior = sum / static_cast<double>(rows);
    const at::Tensor tokens = scores_.token_ids(), token_log_probs = at::cat(of_words);
    if (frequency_ > 0)
      keep(frequent(words_, prior, frequency_));
    if (relevance_ > 0) {
      // The words that are left may read fewer tokens than were kept of each row.
      const at::Tensor left = (tokens.unsqueeze(1) == scores_.token_ids().unsqueeze(0)).any(1);
      keep(relevant(words_, scores_(token_log_probs.masked_select(left).view({rows, -1})), relevance_));
    }
    if (calibration_.on_rows())
      calibration_.set(prior.index_select(0, scores_.token_ids()).unsqueeze(0));
  }
  calibration_.on_blank_prompts(scorer, readout());
  take_prior();
}

Scores Knowledgeable::score(const at::Tensor& values, const Batch&, const Pass& pass) const {
  if (words_.empty())
    throw UsageError(
        "the verbalizer \"knowledgeable\" has no words: the file that \"words\" names was not read");
  return label_scores(weights_(joint_log_probs(scores_(values), prior_), pass.learn ? 1.0 : temperature_));
}

at::Tensor Knowledgeable::loss(const Scores& scores, const Batch& batch) const {
  return label_loss(scores, batch);
}

std::vector<std::string> Knowledgeable::answer_text(int64_t label) const {
  return {text_of_label(first_texts(words_), label)};
}

std::vector<ParameterGroup> Knowledgeable::parameters() {
  if (!learn_weights_ || words_.empty())
    return {};
  return {{{weights_.values()}, learning_rate_scale_, 0.0}};
}

Learned Knowledgeable::export_learned() const {
  Learned learned;
  if (words_.empty())
    return learned;
  export_words(words_, labels_, learned);
  learned.tensors["weights"] = weights_.values().detach();
  calibration_.export_to(learned);
  return learned;
}

void Knowledgeable::import_learned(const Learned& learned) {
  LabelWords words;
  int64_t count = 0;
  const auto of_card = import_words(learned, labels_, "knowledgeable");
  for (std::size_t label = 0; label < labels_.size(); ++label) {
    words.emplace_back();
    for (const std::string& word : of_card[label])
      words.back().push_back(encode_label_word(*vocabulary_, word, labels_[label], prefix_));
    count += std::ssize(words.back());
  }
  const at::Tensor& weights = fitting_tensor(learned, "weights", {count}, "knowledgeable");
  take(std::move(words));
  weights_.set(weights);
  calibration_.import_from(learned, "knowledgeable", scores_.token_ids().size(0), device_);
  take_prior();
}

} // namespace cuecard::knowledgeable
