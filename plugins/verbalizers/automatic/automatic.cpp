#include "automatic.hpp"

#include <algorithm>
#include <map>

#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/training/label_loss.hpp>
#include <cuecard/parts/words/label_word_search.hpp>

namespace cuecard::automatic {

namespace {

constexpr const char* space = " ";

/// ASCII letters, and all characters outside ASCII.
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
  for (const int64_t id : single_token_words(vocabulary, vocabulary.size()))
    if (std::string word = word_of_token(vocabulary, id); letters(word) >= 2)
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

OutputRequest Automatic::output_request() const {
  return {OutputRequest::Kind::logits, scores_.token_ids()};
}

void Automatic::set_words(const std::vector<std::vector<std::string>>& words) {
  words_.clear();
  for (std::size_t label = 0; label < words.size(); ++label) {
    words_.emplace_back();
    for (const std::string& word : words[label])
      words_.back().push_back(encode_label_word({vocabulary_, space, TextContext::text}, word, labels_[label]));
  }
  answers_ = first_texts(words_);
  scores_ = WordScores(words_, MultiToken::first, device_);
}

void Automatic::update_prior() {
  prior_ = word_prior(scores_, calibration_.logits());
}

void Automatic::fit(const VerbalizerFitArgs& args) {
  if (args.moment != VerbalizerFitArgs::Moment::before_training)
    return;
  WordSearch search(std::ssize(labels_));
  if (!args.examples.empty())
    args.scorer.score(
        {args.examples, nullptr, {OutputRequest::Kind::log_probs, {}}, {}},
        [&](const at::Tensor& log_probs, const Batch& batch) { search.add(log_probs, labels_of(batch)); });
  for (std::size_t label = 0; label < labels_.size(); ++label)
    if (search.counts()[label] == 0)
      throw DataError("the verbalizer \"automatic\" finds words on training examples, and the label \"" +
                      labels_[label] + "\" has none: add examples of it, or remove it from the task file");

  const std::vector<std::string> words = whole_words(*vocabulary_);
  at::Tensor allowed = at::zeros({search.vocabulary()}, at::kBool);
  const std::size_t known = std::min(words.size(), static_cast<std::size_t>(search.vocabulary()));
  for (std::size_t id = 0; id < known; ++id)
    allowed.data_ptr<bool>()[id] = !words[id].empty();
  if (!allowed.any().item<bool>())
    throw DataError("no token of the model's vocabulary is a whole word, so none can be a label word: use the "
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
                      "\": use more examples, or a larger \"words-per-label\"");
  }
  set_words(found);
  calibration_.clear();
  calibration_.measure_blank(args.scorer, output_request());
  calibration_.measure_examples(args.scorer, args.examples, output_request(), "automatic");
  update_prior();
}

Scores Automatic::score(const ScoreArgs& args) const {
  if (words_.empty())
    throw UsageError(
        "the verbalizer \"automatic\" has no label words yet: it finds them when a card is trained.");
  return label_scores(scores_.label_means(joint_log_probs(scores_(args.outputs), prior_)));
}

at::Tensor Automatic::loss(const LossArgs& args) const {
  return label_loss(args.scores, args.batch);
}

std::vector<std::string> Automatic::answer_text(int64_t label) const {
  return {text_of_label(answers_, label)};
}

ComponentState Automatic::state() const {
  ComponentState state;
  save_words(words_, labels_, state);
  calibration_.save(state);
  return state;
}

void Automatic::load_state(const ComponentState& saved) {
  set_words(load_words(saved, labels_, "automatic"));
  calibration_.load(saved, "automatic", scores_.token_ids().size(0), device_);
  update_prior();
}

} // namespace cuecard::automatic
