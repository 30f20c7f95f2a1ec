#include "my_plugin.hpp"

#include <ATen/TensorOperators.h>

#include <cuecard/parts/training/label_loss.hpp>

namespace my_plugin {

MyPlugin::MyPlugin(const cuecard::Options& options) : temperature_(options.number("temperature")) {}

void MyPlugin::prepare(const cuecard::VerbalizerTarget& target) {
  const cuecard::LabelWords words = cuecard::read_label_words(target, "my-plugin", " ");
  cuecard::require_distinct(words, target.labels, cuecard::MultiToken::first);
  first_words_ = cuecard::first_texts(words);
  words_ = cuecard::WordScores(words, cuecard::MultiToken::first, target.backbone.device());
}

cuecard::OutputRequest MyPlugin::output_request() const {
  return {cuecard::OutputRequest::Kind::logits, words_.token_ids()};
}

cuecard::Scores MyPlugin::score(const cuecard::ScoreArgs& args) const {
  return cuecard::label_scores(words_.label_means(words_(args.outputs)) / temperature_);
}

at::Tensor MyPlugin::loss(const cuecard::LossArgs& args) const {
  return cuecard::label_loss(args.scores, args.batch);
}

std::vector<std::string> MyPlugin::answer_text(int64_t label) const {
  return {cuecard::text_of_label(first_words_, label)};
}

} // namespace my_plugin
