#include "text_verbalizer.hpp"

#include <cuecard/error.hpp>

namespace cuecard::text {

TextVerbalizer::TextVerbalizer(const Options& options) : prefix_(options.text("prefix")) {
  settings_.max_length = options.integer("max-new-tokens");
  settings_.min_length = options.integer("min-new-tokens");
  settings_.beams = options.integer("beams");
  settings_.temperature = options.number("temperature");
  settings_.top_k = options.integer("top-k");
  settings_.top_p = options.number("top-p");
  settings_.min_p = options.number("min-p");
  settings_.repetition_penalty = options.number("repetition-penalty");
  settings_.length_penalty = options.number("length-penalty");
  settings_.no_repeat_ngram = options.integer("no-repeat-ngram");
  settings_.early_stop = options.flag("early-stop");
  settings_.seed = static_cast<uint64_t>(options.integer("seed"));
  if (!options.text("stop").empty())
    settings_.stop = {options.text("stop")};
}

void TextVerbalizer::prepare(const VerbalizerTarget& target) {
  if (!target.backbone.shape().generates())
    throw UsageError("the verbalizer \"text\" needs a model that generates text: choose a causal model or an "
                     "encoder-decoder with a language-model head.");
  labels_ = target.labels;
}

OutputRequest TextVerbalizer::output_request() const {
  return {OutputRequest::Kind::target_log_probs, {}};
}

std::vector<std::vector<std::string>> TextVerbalizer::given_answers(const GivenAnswersArgs& args) const {
  if (!args.training)
    return {};
  if (args.example.answers.empty())
    throw DataError(
        "it has no answer to train on: name the column with the answer under \"data.answers\" in the "
        "task file");
  std::vector<std::string> texts;
  for (const std::string& answer : args.example.answers)
    if (texts.emplace_back(prefix_ + answer).empty())
      throw DataError("its answer " + std::to_string(texts.size()) +
                      " is an empty text, which can't be trained on");
  return {texts};
}

Scores TextVerbalizer::score(const ScoreArgs& args) const {
  return {args.outputs, args.batch.answer_offsets, {}};
}

at::Tensor TextVerbalizer::loss(const LossArgs& args) const {
  return -args.scores.values.mean();
}

double TextVerbalizer::weight(const Batch& batch) const {
  return static_cast<double>(batch.answer_offsets.back());
}

std::vector<std::string> TextVerbalizer::answer_text(int64_t label) const {
  if (label < 0 || label >= static_cast<int64_t>(labels_.size()))
    throw DataError("label " + std::to_string(label) + " was requested, and the task has " +
                    std::to_string(labels_.size()));
  return {prefix_ + labels_[static_cast<std::size_t>(label)]};
}

} // namespace cuecard::text
