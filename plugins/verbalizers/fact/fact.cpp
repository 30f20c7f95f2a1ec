#include "fact.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <ATen/ops/full.h>
#include <ATen/ops/where.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/training/label_loss.hpp>
#include <cuecard/parts/words/label_words.hpp>

namespace cuecard::fact {

Fact::Fact(const Options& options) : prefix_(options.text("prefix")) {}

void Fact::prepare(const VerbalizerTarget& target) {
  if (!target.backbone.shape().has_lm_head)
    throw UsageError(
        "the verbalizer \"fact\" scores words, and this model has no language-model head: choose a "
        "checkpoint that has one.");
  words_.clear();
  lengths_.clear();
  representatives_.clear();
  std::vector<int64_t> ids, labels;
  std::map<int64_t, int64_t> first_of; // by token
  const std::optional<int64_t> unknown = target.vocabulary.special().unk;
  const TextContext context = LabelWordEncoding::of(target, prefix_).context;
  for (std::size_t label = 0; label < target.labels.size(); ++label) {
    words_.push_back(prefix_ + first_word(target, label));
    const TextPart part{words_.back()};
    const std::vector<Token> tokens = target.vocabulary.encode_parts({&part, 1}, context);
    const bool known = std::none_of(tokens.begin(), tokens.end(),
                                    [&](const Token& token) { return unknown && token.id == *unknown; });
    lengths_.push_back(known ? tokens.size() : 0);
    representatives_.push_back(static_cast<int64_t>(label));
    if (lengths_.back() != 1)
      continue;
    const auto [first, fresh] = first_of.emplace(tokens[0].id, representatives_.back());
    representatives_.back() = first->second;
    if (!fresh)
      continue;
    ids.push_back(tokens[0].id);
    labels.push_back(representatives_.back());
  }
  if (ids.size() < 2)
    throw UsageError(
        "the verbalizer \"fact\" chooses among objects that are one token of the model's vocabulary, "
        "and the task's " +
        std::to_string(target.labels.size()) + " labels have only " + std::to_string(ids.size()) +
        " such: name objects under \"labels\", or take them from the data with \"labels\": \"data\".");
  token_ids_ = index_tensor(ids, target.backbone.device());
  labels_ = index_tensor(labels, target.backbone.device());
  candidates_ = index_tensor(representatives_, target.backbone.device());
}

OutputRequest Fact::output_request() const {
  return {OutputRequest::Kind::log_probs, token_ids_};
}

std::vector<std::vector<std::string>> Fact::given_answers(const GivenAnswersArgs& args) const {
  if (args.example.label < 0)
    return {};
  const auto label = static_cast<std::size_t>(args.example.label);
  if (lengths_.at(label) == 1)
    return {};
  throw DataError("its object \"" + words_[label] + "\" " +
                  (lengths_[label] == 0 ? std::string("can't be encoded with")
                                        : "is " + std::to_string(lengths_[label]) + " tokens of") +
                  " the model's vocabulary, and must be one token");
}

Scores Fact::score(const ScoreArgs& args) const {
  const at::Tensor& values = args.outputs;
  return label_scores(
      at::full({values.size(0), std::ssize(words_)}, -INFINITY, values.options().requires_grad(false))
          .index_copy(1, labels_, values));
}

at::Tensor Fact::loss(const LossArgs& args) const {
  const at::Tensor& labels = args.batch.labels;
  const at::Tensor gold =
      labels.defined() ? at::where(labels.ge(0), candidates_.index_select(0, labels.clamp_min(0)), labels)
                       : labels;
  return known_nll_loss(args.scores.values.view({-1, std::ssize(words_)}), gold);
}

std::vector<std::string> Fact::answer_text(int64_t label) const {
  return {text_of_label(words_, label)};
}

} // namespace cuecard::fact
