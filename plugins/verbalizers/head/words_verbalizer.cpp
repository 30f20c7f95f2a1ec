#include "words_verbalizer.hpp"

#include <algorithm>

#include <ATen/ops/log_softmax.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/training/label_loss.hpp>
#include <cuecard/parts/words/label_words.hpp>

#include "input_state.hpp"

namespace cuecard::head {

WordsVerbalizer::WordsVerbalizer(const Options& options)
    : field_(options.text("field")), transform_(options.flag("transform")), classifier_(options) {}

void WordsVerbalizer::prepare(const VerbalizerTarget& target) {
  if (target.labels.empty())
    throw DataError("the verbalizer \"words\" gives each word a label, and the task has none: name them under "
                    "\"labels\" in the task file");
  const BackboneShape& shape = target.backbone.shape();
  if (transform_)
    require_transform(shape, "words");
  answers_ = label_texts(target);
  classifier_.prepare(static_cast<int64_t>(target.labels.size()), width_of_states(shape, transform_),
                      target.seed, target.backbone.device());
}

Scores WordsVerbalizer::score(const ScoreArgs& args) const {
  const Batch& batch = args.batch;
  Scores scores;
  scores.values = classifier_(args.outputs, args.pass).view({-1});
  for (std::size_t e = 0; e + 1 < batch.answer_offsets.size(); ++e)
    for (int64_t token = batch.answer_offsets[e]; token < batch.answer_offsets[e + 1]; ++token) {
      scores.offsets.push_back((token + 1) * classifier_.classes());
      scores.entries.push_back(static_cast<int64_t>(e));
    }
  return scores;
}

at::Tensor WordsVerbalizer::loss(const LossArgs& args) const {
  return known_nll_loss(args.scores.values.view({-1, classifier_.classes()}).log_softmax(1),
                        args.batch.answer_labels);
}

double WordsVerbalizer::weight(const Batch& batch) const {
  double words = 0;
  for (std::size_t e = 0; e < batch.examples.size(); ++e) {
    const std::vector<int64_t>& labels = batch.examples[e]->word_labels;
    for (int64_t token = batch.answer_offsets[e]; token < batch.answer_offsets[e + 1]; ++token) {
      const auto word = static_cast<std::size_t>(batch.answer_origin[static_cast<std::size_t>(token)].word);
      words += word < labels.size() && labels[word] >= 0;
    }
  }
  return words;
}

std::vector<Decision> WordsVerbalizer::decide(const DecideArgs& args) const {
  const Scores& scores = args.scores;
  const Batch& batch = args.batch;
  const at::Tensor values = scores.values.to(at::kFloat).contiguous();
  const float* value = values.const_data_ptr<float>();
  std::vector<Decision> decisions;
  for (int64_t e = 0; e < batch.size(); ++e) {
    const Example& example = *batch.examples[static_cast<std::size_t>(e)];
    if (batch.begins_example(e)) {
      const auto words = example.words.find(field_);
      decisions.emplace_back();
      decisions.back().labels.assign(words == example.words.end() ? 0 : words->second.size(), -1);
    }
    std::vector<int64_t>& labels = decisions.back().labels;
    for (int64_t token = batch.answer_offsets[static_cast<std::size_t>(e)];
         token < batch.answer_offsets[static_cast<std::size_t>(e) + 1]; ++token) {
      const float* first = value + scores.offsets[static_cast<std::size_t>(token)];
      const float* last = value + scores.offsets[static_cast<std::size_t>(token) + 1];
      // With several prompts per example, the first that contains the word decides.
      int64_t& label =
          labels.at(static_cast<std::size_t>(batch.answer_origin[static_cast<std::size_t>(token)].word));
      if (label < 0)
        label = std::max_element(first, last) - first;
    }
  }
  return decisions;
}

std::vector<std::string> WordsVerbalizer::answer_text(int64_t label) const {
  return {text_of_label(answers_, label)};
}

} // namespace cuecard::head
