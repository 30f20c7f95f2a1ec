#include "manual_verbalizer.hpp"

#include <algorithm>
#include <limits>

#include <ATen/core/Reduction.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>

namespace cuecard::manual {

namespace {

/// Keeps logarithms and quotients finite (OpenPrompt's constant).
constexpr double tiny = 1e-15;

/// The word as it is encoded: behind the prefix, unless it says `<!>`.
std::string spelled(const std::string& word, const std::string& prefix) {
  return word.rfind("<!>", 0) == 0 ? word.substr(3) : prefix + word;
}

std::vector<int64_t> encode_word(const Vocabulary& vocabulary, const std::string& label,
                                 const std::string& word, const std::string& spelling) {
  std::vector<int64_t> ids;
  for (const Token& token : vocabulary.encode(spelling))
    ids.push_back(token.id);
  const std::optional<int64_t> unknown = vocabulary.special().unk;
  if (ids.empty() || (unknown && std::find(ids.begin(), ids.end(), *unknown) != ids.end()))
    throw UsageError("the label word \"" + word + "\" of label \"" + label +
                     "\" can't be spelled in the model's vocabulary: choose another word");
  return ids;
}

} // namespace

ManualVerbalizer::ManualVerbalizer(const Options& options)
    : calibrate_(options.text("calibrate")), prefix_(options.text("prefix")),
      calibrate_rows_(options.integer("calibrate-rows")), post_log_softmax_(options.flag("post-log-softmax")) {
  const std::string& handler = options.text("multi-token-handler");
  handler_ = handler == "first" ? Handler::first : handler == "max" ? Handler::max : Handler::mean;
}

void ManualVerbalizer::prepare(const VerbalizerTarget& target) {
  if (!target.backbone.shape().scores_vocabulary)
    throw UsageError(
        "the verbalizer \"manual\" reads scores of words, and this model has no language-model head: "
        "choose a checkpoint that has one, or a verbalizer that reads hidden states");
  if (target.labels.empty())
    throw DataError("the verbalizer \"manual\" chooses among labels, and the task has none: name them under "
                    "\"labels\" in the task file");
  if (!target.label_words.empty() && target.label_words.size() != target.labels.size())
    throw UsageError("the task has " + std::to_string(target.labels.size()) + " labels, and label words for " +
                     std::to_string(target.label_words.size()));
  labels_ = target.labels;
  first_words_.clear();
  std::vector<std::vector<std::vector<int64_t>>> tokens; // by label, by word
  for (std::size_t label = 0; label < labels_.size(); ++label) {
    std::vector<std::string> words =
        target.label_words.empty() ? std::vector<std::string>{} : target.label_words[label];
    if (words.empty())
      words.push_back(labels_[label]);
    first_words_.push_back(spelled(words.front(), prefix_));
    tokens.emplace_back();
    for (const std::string& word : words) {
      tokens.back().push_back(encode_word(target.vocabulary, labels_[label], word, spelled(word, prefix_)));
      if (handler_ == Handler::first)
        tokens.back().back().resize(1);
    }
  }
  index_words(tokens, target.backbone.device());
}

void ManualVerbalizer::index_words(const std::vector<std::vector<std::vector<int64_t>>>& words,
                                   const at::Device& device) {
  std::vector<int64_t> ids;
  std::vector<std::vector<int64_t>> flat;
  std::map<std::vector<std::vector<int64_t>>, std::size_t> seen;
  for (std::size_t label = 0; label < words.size(); ++label) {
    std::vector<std::vector<int64_t>> sorted = words[label];
    std::sort(sorted.begin(), sorted.end());
    const auto [same, fresh] = seen.emplace(std::move(sorted), label);
    if (!fresh)
      throw UsageError(
          "the labels \"" + labels_[same->second] + "\" and \"" + labels_[label] +
          "\" would always score the same, because the tokens that are read of their words are equal: "
          "choose other words, or the option \"multi-token-handler\" mean");
    for (const std::vector<int64_t>& word : words[label]) {
      flat.push_back(word);
      ids.insert(ids.end(), word.begin(), word.end());
    }
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());

  std::size_t width = 1;
  for (const std::vector<int64_t>& word : flat)
    width = std::max(width, word.size());
  width_ = static_cast<int64_t>(width);
  const int64_t count = static_cast<int64_t>(flat.size());

  std::vector<int64_t> columns;
  at::Tensor absent = at::zeros({count, width_}, at::kBool);
  at::Tensor counts = at::zeros({count}, at::kFloat);
  for (int64_t w = 0; w < count; ++w) {
    const std::vector<int64_t>& word = flat[static_cast<std::size_t>(w)];
    for (std::size_t t = 0; t < width; ++t) {
      const int64_t id = word[std::min(t, word.size() - 1)];
      columns.push_back(std::lower_bound(ids.begin(), ids.end(), id) - ids.begin());
      absent.data_ptr<bool>()[w * width_ + static_cast<int64_t>(t)] = t >= word.size();
    }
    counts.data_ptr<float>()[w] = static_cast<float>(word.size());
  }
  const int64_t labels = static_cast<int64_t>(words.size());
  at::Tensor averages = at::zeros({count, labels}, at::kFloat);
  int64_t row = 0;
  for (int64_t label = 0; label < labels; ++label) {
    const std::size_t size = words[static_cast<std::size_t>(label)].size();
    for (std::size_t w = 0; w < size; ++w, ++row)
      averages.data_ptr<float>()[row * labels + label] = 1.0f / static_cast<float>(size);
  }

  token_ids_ = at::tensor(ids, at::kLong).to(device);
  columns_ = at::tensor(columns, at::kLong).to(device);
  averages_ = averages.to(device);
  absent_ = width_ > 1 ? absent.to(device) : at::Tensor();
  counts_ = width_ > 1 ? counts.to(device) : at::Tensor();
  calibration_ = prior_ = at::Tensor();
}

Readout ManualVerbalizer::readout() const {
  Readout readout;
  readout.kind = Readout::Kind::scores;
  readout.ids = token_ids_;
  return readout;
}

at::Tensor ManualVerbalizer::project(const at::Tensor& values) const {
  // Double stays double, for checks against exact values.
  const at::Tensor wide = values.scalar_type() == at::kDouble ? values : values.to(at::kFloat);
  at::Tensor tokens = wide.index_select(1, columns_);
  if (width_ == 1)
    return tokens;
  tokens = tokens.view({-1, absent_.size(0), width_});
  if (handler_ == Handler::max)
    return tokens.masked_fill(absent_, -std::numeric_limits<float>::infinity()).amax({2});
  return tokens.masked_fill(absent_, 0).sum(2).div(counts_);
}

void ManualVerbalizer::set_calibration(const at::Tensor& scores) {
  calibration_ = scores.detach().to(at::kFloat);
  prior_ = project(calibration_.unsqueeze(0)).softmax(1);
}

void ManualVerbalizer::calibrate(Scorer& scorer) {
  if (calibrate_ != "blank")
    return;
  const std::vector<Prompt> blank = scorer.blank();
  set_calibration(scorer.score_all({{}, &blank, readout(), {}}).to(at::kFloat).mean(0));
}

void ManualVerbalizer::fit(Scorer& scorer, const std::vector<const Example*>& examples, Moment moment) {
  if (calibrate_ != "train" || moment != Moment::before_training)
    return;
  if (examples.empty())
    throw DataError("the verbalizer \"manual\" shall calibrate on training rows, and there are none: set "
                    "\"calibrate\" to blank or none");
  const std::size_t rows = std::min(examples.size(), static_cast<std::size_t>(calibrate_rows_));
  std::vector<const Example*> chosen;
  for (std::size_t i = 0; i < rows; ++i)
    chosen.push_back(examples[i * examples.size() / rows]);
  set_calibration(scorer.score_all({chosen, nullptr, readout(), {}}).to(at::kFloat).mean(0));
}

Scores ManualVerbalizer::score(const at::Tensor& values, const Batch&, const Pass&) const {
  at::Tensor words = project(values);
  if (post_log_softmax_) {
    words = words.softmax(1);
    if (prior_.defined()) {
      words = words.div(prior_.add(tiny));
      words = words.div(words.sum(1, true));
    }
    words = words.add(tiny).log();
  }
  const int64_t labels = averages_.size(1);
  Scores scores;
  scores.values = words.matmul(averages_.to(words.scalar_type())).view({-1});
  scores.offsets.reserve(static_cast<std::size_t>(values.size(0)) + 1);
  for (int64_t row = 1; row <= values.size(0); ++row)
    scores.offsets.push_back(row * labels);
  return scores;
}

at::Tensor ManualVerbalizer::loss(const Scores& scores, const Batch& batch) const {
  if (!batch.labels.defined())
    throw DataError("no row of the batch has a label to learn from");
  return at::cross_entropy_loss(scores.values.view({-1, averages_.size(1)}), batch.labels, {},
                                at::Reduction::Mean,
                                /*ignore_index=*/-1);
}

std::vector<std::string> ManualVerbalizer::answer_text(int64_t label) const {
  if (label < 0 || label >= static_cast<int64_t>(first_words_.size()))
    throw DataError("label " + std::to_string(label) + " was asked for, and the task has " +
                    std::to_string(first_words_.size()));
  return {first_words_[static_cast<std::size_t>(label)]};
}

Learned ManualVerbalizer::export_learned() const {
  if (!calibration_.defined())
    return {};
  return {{{"calibration", calibration_}}, {}};
}

void ManualVerbalizer::import_learned(const Learned& learned) {
  const auto found = learned.tensors.find("calibration");
  if (found == learned.tensors.end()) {
    if (calibrate_ != "none")
      throw DataError("the verbalizer \"manual\" is calibrated (" + calibrate_ +
                      "), but the card has no tensor \"calibration\"");
    calibration_ = prior_ = at::Tensor();
    return;
  }
  if (!found->second.is_floating_point())
    throw DataError("the card's tensor \"calibration\" holds no floating-point numbers; use the card as it was "
                    "written, or train it again");
  if (found->second.dim() != 1 || found->second.size(0) != token_ids_.size(0))
    throw DataError("the card's tensor \"calibration\" has " + std::to_string(found->second.numel()) +
                    " values, and the label words have " + std::to_string(token_ids_.size(0)) + " tokens");
  set_calibration(found->second.to(token_ids_.device()));
}

} // namespace cuecard::manual
