#include "automatic.hpp"

#include <algorithm>
#include <map>

#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/found_words.hpp>
#include <cuecard/parts/label_loss.hpp>

namespace cuecard::automatic {

namespace {

constexpr const char* space = " ";

/// Letters of ASCII, and every character beyond it.
int64_t letters(const std::string& word) {
  return std::count_if(word.begin(), word.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte >= 0xC0;
  });
}

std::vector<int64_t> labels_of(const Batch& batch) {
  std::vector<int64_t> labels;
  for (const Example* example : batch.examples)
    labels.push_back(example->label);
  return labels;
}

} // namespace

std::vector<std::string> whole_words(const Vocabulary& vocabulary) {
  std::vector<std::string> words(static_cast<std::size_t>(vocabulary.size()));
  for (const int64_t id : one_token_words(vocabulary, vocabulary.size()))
    if (std::string word = spelled_word(vocabulary, id); letters(word) >= 2)
      words[static_cast<std::size_t>(id)] = std::move(word);
  return words;
}

Automatic::Automatic(const Options& options) : calibration_(options) {
  settings_.words_per_label = options.integer("words-per-label");
  settings_.candidates = std::max(options.integer("candidates"), settings_.words_per_label);
  settings_.cross_entropy = options.text("score-function") == "cross-entropy";
  settings_.balance = options.flag("balance");
}

void Automatic::prepare(const VerbalizerTarget& target) {
  require_labels_and_head(target, "automatic");
  vocabulary_ = &target.vocabulary;
  device_ = target.backbone.device();
  labels_ = target.labels;
  answers_.clear();
  for (const std::string& label : labels_)
    answers_.push_back(space + label);
  words_.clear();
  scores_ = {};
  calibration_.clear();
  prior_ = at::Tensor();
}

Readout Automatic::readout() const {
  return {Readout::Kind::scores, scores_.token_ids()};
}

void Automatic::take_words(const std::vector<std::vector<std::string>>& words) {
  words_.clear();
  for (std::size_t label = 0; label < words.size(); ++label) {
    words_.emplace_back();
    for (const std::string& word : words[label])
      words_.back().push_back(encode_label_word(*vocabulary_, word, labels_[label], space));
  }
  answers_ = first_texts(words_);
  scores_ = WordScores(words_, MultiToken::first, device_);
}

void Automatic::take_prior() {
  prior_ = word_prior(scores_, calibration_.scores());
}

void Automatic::fit(Scorer& scorer, const std::vector<const Example*>& examples, Moment moment) {
  if (moment != Moment::before_training)
    return;
  WordSearch search(std::ssize(labels_));
  if (!examples.empty())
    scorer.score({examples, nullptr, {Readout::Kind::log_probs, {}}, {}},
                 [&](const at::Tensor& values, const Batch& batch) { search.add(values, labels_of(batch)); });
  for (std::size_t label = 0; label < labels_.size(); ++label)
    if (search.counts()[label] == 0)
      throw DataError("the verbalizer \"automatic\" finds words on training rows, and the label \"" +
                      labels_[label] + "\" has none: add rows of it, or take it out of the task file");

  const std::vector<std::string> words = whole_words(*vocabulary_);
  at::Tensor allowed = at::zeros({search.vocabulary()}, at::kBool);
  const std::size_t rows = std::min(words.size(), static_cast<std::size_t>(search.vocabulary()));
  for (std::size_t id = 0; id < rows; ++id)
    allowed.data_ptr<bool>()[id] = !words[id].empty();
  if (!allowed.any().item<bool>())
    throw DataError(
        "no token of the model's vocabulary is a word by itself, so none can stand for a label: use the "
        "verbalizer \"soft\" or \"manual\"");

  std::vector<std::vector<std::string>> found;
  std::map<std::vector<int64_t>, std::size_t> seen;
  for (std::vector<int64_t>& ids : search.best(allowed.to(device_), settings_)) {
    found.emplace_back();
    for (const int64_t id : ids)
      found.back().push_back(words[static_cast<std::size_t>(id)]);
    std::sort(ids.begin(), ids.end());
    const auto [same, fresh] = seen.emplace(std::move(ids), found.size() - 1);
    if (!fresh)
      throw DataError("the search found the same words for the labels \"" + labels_[same->second] +
                      "\" and \"" + labels_[found.size() - 1] + "\", first \"" + found.back().front() +
                      "\": give it more rows, or a larger \"words-per-label\"");
  }
  take_words(found);
  calibration_.clear();
  calibration_.on_blank_prompts(scorer, readout());
  calibration_.on_training_rows(scorer, examples, readout(), "automatic");
  take_prior();
}

Scores Automatic::score(const at::Tensor& values, const Batch&, const Pass&) const {
  if (words_.empty())
    throw UsageError(
        "the verbalizer \"automatic\" has no label words yet: it finds them when a card is trained");
  return label_scores(scores_.label_means(joint_log_probs(scores_(values), prior_)));
}

at::Tensor Automatic::loss(const Scores& scores, const Batch& batch) const {
  return label_loss(scores, batch);
}

std::vector<std::string> Automatic::answer_text(int64_t label) const {
  return {text_of_label(answers_, label)};
}

Learned Automatic::export_learned() const {
  Learned learned;
  export_words(words_, labels_, learned);
  calibration_.export_to(learned);
  return learned;
}

void Automatic::import_learned(const Learned& learned) {
  take_words(import_words(learned, labels_, "automatic"));
  calibration_.import_from(learned, "automatic", scores_.token_ids().size(0), device_);
  take_prior();
}

} // namespace cuecard::automatic
