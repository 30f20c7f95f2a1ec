#include "rules.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/training/label_loss.hpp>

namespace cuecard::rules {

namespace {

constexpr double tiny = 1e-15;

/// [label][slot][words]
using Conjunctions = std::vector<std::vector<std::vector<std::string>>>;

Conjunctions conjunctions_of(const VerbalizerTarget& target) {
  Conjunctions result = target.slot_words;
  if (result.empty())
    for (const std::vector<std::string>& words : target.label_words) {
      result.emplace_back();
      for (const std::string& word : words)
        result.back().push_back({word});
    }
  result.resize(target.labels.size());
  for (std::size_t label = 0; label < result.size(); ++label) {
    const std::string name = "the label \"" + target.labels[label] + "\"";
    if (result[label].empty())
      throw UsageError("the verbalizer \"rules\" needs a word for each answer slot, and " + name +
                       " has none: give it \"words\", one for each slot in order.");
    if (result[label].size() != result[0].size())
      throw UsageError(name + " has words for " + counted(result[label].size(), "answer slot") + ", and \"" +
                       target.labels[0] + "\" for " + std::to_string(result[0].size()) +
                       ": give every label a word for each slot.");
    for (const std::vector<std::string>& words : result[label])
      if (words.empty())
        throw UsageError(name + " has no word for one of its answer slots: give every label a word for each.");
  }
  return result;
}

/// UsageError when two labels have the same words in every slot, so that they always score the same.
void require_different(const Conjunctions& conjunctions, const std::vector<std::string>& labels) {
  std::map<std::vector<std::set<std::string>>, std::size_t> seen;
  for (std::size_t label = 0; label < labels.size(); ++label) {
    std::vector<std::set<std::string>> sets;
    for (const std::vector<std::string>& words : conjunctions[label])
      sets.emplace_back(words.begin(), words.end());
    const auto [same, fresh] = seen.emplace(std::move(sets), label);
    if (!fresh)
      throw UsageError(
          "the labels \"" + labels[same->second] + "\" and \"" + labels[label] +
          "\" have the same words in every answer slot, so they would always score the same: choose "
          "other words.");
  }
}

} // namespace

Rules::Rules(const Options& options)
    : handler_(multi_token(options.text("multi-token-handler"))), prefix_(options.text("prefix")),
      calibration_(options) {}

void Rules::prepare(const VerbalizerTarget& target) {
  require_labels_and_head(target, "rules");
  const Conjunctions conjunctions = conjunctions_of(target);
  require_different(conjunctions, target.labels);
  labels_ = std::ssize(conjunctions);
  slots_ = std::ssize(conjunctions[0]);

  LabelWords all(1); // each word once
  std::map<std::string, int64_t> place;
  answers_.clear();
  for (std::size_t label = 0; label < conjunctions.size(); ++label) {
    answers_.emplace_back();
    for (const std::vector<std::string>& words : conjunctions[label])
      for (const std::string& word : words) {
        const auto [known, fresh] = place.emplace(word, std::ssize(all[0]));
        if (fresh)
          all[0].push_back(
              encode_label_word(LabelWordEncoding::of(target, prefix_), word, target.labels[label]));
        if (&word == &words.front())
          answers_.back().push_back(all[0][static_cast<std::size_t>(known->second)].text);
      }
  }
  const at::Device device = target.backbone.device();
  scores_ = WordScores(all, handler_, device);

  of_slot_.clear();
  for (std::size_t slot = 0; slot < conjunctions[0].size(); ++slot) {
    std::vector<int64_t> words; // candidates, each once
    for (const auto& conjunction : conjunctions)
      for (const std::string& word : conjunction[slot])
        if (std::find(words.begin(), words.end(), place.at(word)) == words.end())
          words.push_back(place.at(word));
    at::Tensor averages = at::zeros({std::ssize(words), labels_}, at::kFloat);
    for (int64_t label = 0; label < labels_; ++label) {
      const std::vector<std::string>& own = conjunctions[static_cast<std::size_t>(label)][slot];
      for (const std::string& word : own) {
        const int64_t index = std::find(words.begin(), words.end(), place.at(word)) - words.begin();
        averages.data_ptr<float>()[index * labels_ + label] += 1.0f / static_cast<float>(own.size());
      }
    }
    of_slot_.push_back({index_tensor(words, device), averages.to(device), {}});
  }
  calibration_.clear();
}

OutputRequest Rules::output_request() const {
  return {OutputRequest::Kind::logits, scores_.token_ids()};
}

void Rules::update_prior() {
  const at::Tensor& logits = calibration_.logits();
  for (int64_t slot = 0; slot < slots_; ++slot) {
    Slot& of = of_slot_[static_cast<std::size_t>(slot)];
    of.prior = logits.defined() ? scores_(logits.narrow(0, slot, 1)).index_select(1, of.words).softmax(1)
                                : at::Tensor();
  }
}

void Rules::calibrate(Scorer& scorer) {
  calibration_.measure_blank(scorer, output_request(), slots_);
  update_prior();
}

void Rules::fit(const VerbalizerFitArgs& args) {
  if (args.moment != VerbalizerFitArgs::Moment::before_training)
    return;
  calibration_.measure_examples(args.scorer, args.examples, output_request(), "rules", slots_);
  update_prior();
}

Scores Rules::score(const ScoreArgs& args) const {
  at::Tensor words = scores_(args.outputs);
  words = words.view({-1, slots_, words.size(1)});
  at::Tensor sum; // over the slots, [entries, labels]
  for (int64_t m = 0; m < slots_; ++m) {
    const Slot& slot = of_slot_[static_cast<std::size_t>(m)];
    at::Tensor x = words.select(1, m).index_select(1, slot.words);
    if (slot.prior.defined())
      x = x - slot.prior.add(tiny).log();
    const at::Tensor of_labels = x.log_softmax(1).matmul(slot.averages.to(x.scalar_type()));
    sum = sum.defined() ? sum + of_labels : of_labels;
  }
  const at::Tensor scores = sum.log_softmax(1);
  return label_scores(args.pass.training ? scores + sum / static_cast<double>(slots_) : scores);
}

at::Tensor Rules::loss(const LossArgs& args) const {
  return known_nll_loss(args.scores.values.view({-1, labels_}), args.batch.labels);
}

std::vector<std::string> Rules::answer_text(int64_t label) const {
  if (label < 0 || label >= labels_)
    throw DataError("label " + std::to_string(label) + " was requested, and the task has " +
                    std::to_string(labels_));
  return answers_[static_cast<std::size_t>(label)];
}

ComponentState Rules::state() const {
  ComponentState state;
  calibration_.save(state);
  return state;
}

void Rules::load_state(const ComponentState& saved) {
  const at::Tensor& ids = scores_.token_ids();
  calibration_.load(saved, "rules", ids.size(0), ids.device(), slots_);
  update_prior();
}

} // namespace cuecard::rules
