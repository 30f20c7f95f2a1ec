#include "spans_verbalizer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/stack.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>

namespace cuecard::head {

namespace {

/// The prompts of one example: entries `first` to `last`, whose tokens are `begin` to `end` of the selected
/// ones.
struct Prompts {
  std::size_t first = 0, last = 0;
  int64_t begin = 0, end = 0;

  int64_t tokens() const { return end - begin; }
};

std::vector<Prompts> prompts_of(const Batch& batch) {
  std::vector<Prompts> all;
  for (std::size_t e = 0; e < batch.examples.size(); ++e) {
    if (batch.begins_example(static_cast<int64_t>(e)))
      all.push_back({e, e, batch.answer_offsets[e], 0});
    all.back().last = e + 1;
    all.back().end = batch.answer_offsets[e + 1];
  }
  return all;
}

/// Tokens at which gold answers begin and end, counted from the example's first.
struct GoldTokens {
  std::vector<int64_t> begins, ends;
};

GoldTokens gold_tokens(const Batch& batch, const Prompts& prompts, const std::string& field) {
  GoldTokens gold;
  for (const Example::Span& span : batch.examples[prompts.first]->spans) {
    if (span.field != field)
      continue;
    for (std::size_t e = prompts.first; e < prompts.last; ++e) {
      int64_t begin = -1, end = -1;
      for (int64_t token = batch.answer_offsets[e]; token < batch.answer_offsets[e + 1]; ++token) {
        const TokenOrigin& origin = batch.answer_origin[static_cast<std::size_t>(token)];
        if (origin.begin <= span.begin && span.begin < origin.end)
          begin = token;
        if (origin.begin < span.end && span.end <= origin.end)
          end = token;
      }
      if (begin < 0 || end < 0)
        continue;
      gold.begins.push_back(begin - prompts.begin);
      gold.ends.push_back(end - prompts.begin);
    }
  }
  return gold;
}

double log_sum_exp(const float* values, int64_t count) {
  const double largest = *std::max_element(values, values + count);
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += std::exp(values[i] - largest);
  return largest + std::log(sum);
}

/// Without surrounding blanks: in some vocabularies tokens begin with the preceding blank.
std::string trimmed(const std::string& text) {
  constexpr const char* blanks = " \t\r\n\v\f";
  const std::size_t begin = text.find_first_not_of(blanks);
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

} // namespace

SpansVerbalizer::SpansVerbalizer(const Options& options)
    : field_(options.text("field")), max_tokens_(options.integer("max-tokens")), classifier_(options) {}

void SpansVerbalizer::prepare(const VerbalizerTarget& target) {
  classifier_.prepare(2, target.backbone.shape().hidden, target.seed, target.backbone.device());
}

std::vector<std::vector<std::string>> SpansVerbalizer::given_answers(const GivenAnswersArgs& args) const {
  const auto in_field = [&](const Example::Span& span) { return span.field == field_; };
  if (args.training && std::none_of(args.example.spans.begin(), args.example.spans.end(), in_field))
    throw DataError("it has no answer that is a part of \"" + field_ +
                    "\" to train on: name its columns under \"data.spans\" in the task file");
  return {};
}

Scores SpansVerbalizer::score(const ScoreArgs& args) const {
  const Batch& batch = args.batch;
  const at::Tensor logits = classifier_(args.outputs, args.pass).t(); // [2, A]
  std::vector<at::Tensor> parts;
  Scores scores;
  for (const Prompts& prompts : prompts_of(batch)) {
    for (int64_t which = 0; which < 2; ++which) {
      parts.push_back(logits[which].narrow(0, prompts.begin, prompts.tokens()));
      scores.offsets.push_back(scores.offsets.back() + prompts.tokens());
      scores.entries.push_back(static_cast<int64_t>(prompts.first));
    }
  }
  scores.values = at::cat(parts);
  return scores;
}

at::Tensor SpansVerbalizer::loss(const LossArgs& args) const {
  const Scores& scores = args.scores;
  const Batch& batch = args.batch;
  std::vector<at::Tensor> losses;
  std::size_t decision = 0;
  for (const Prompts& prompts : prompts_of(batch)) {
    const GoldTokens gold = gold_tokens(batch, prompts, field_);
    for (const std::vector<int64_t>* tokens : {&gold.begins, &gold.ends}) {
      const int64_t first = scores.offsets[decision++];
      if (tokens->empty())
        continue;
      const at::Tensor log_probs = scores.values.narrow(0, first, prompts.tokens()).log_softmax(0);
      losses.push_back(
          -at::logsumexp(log_probs.index_select(0, index_tensor(*tokens, log_probs.device())), {0}));
    }
  }
  return losses.empty() ? scores.values.sum() * 0 : at::stack(losses).mean();
}

double SpansVerbalizer::weight(const Batch& batch) const {
  const std::vector<Prompts> all = prompts_of(batch);
  return static_cast<double>(std::count_if(all.begin(), all.end(), [&](const Prompts& prompts) {
    return !gold_tokens(batch, prompts, field_).begins.empty();
  }));
}

std::vector<Decision> SpansVerbalizer::decide(const DecideArgs& args) const {
  const Scores& scores = args.scores;
  const Batch& batch = args.batch;
  const at::Tensor values = scores.values.to(at::kFloat).contiguous();
  std::vector<Decision> decisions;
  for (const Prompts& prompts : prompts_of(batch)) {
    const float* begins = values.const_data_ptr<float>() + scores.offsets[2 * decisions.size()];
    const float* ends = values.const_data_ptr<float>() + scores.offsets[2 * decisions.size() + 1];
    float best = -std::numeric_limits<float>::infinity();
    int64_t begin = prompts.begin, end = prompts.begin;
    for (std::size_t e = prompts.first; e < prompts.last; ++e)
      for (int64_t b = batch.answer_offsets[e]; b < batch.answer_offsets[e + 1]; ++b)
        for (int64_t t = b; t < std::min(batch.answer_offsets[e + 1], b + max_tokens_); ++t)
          if (const float both = begins[b - prompts.begin] + ends[t - prompts.begin]; both > best) {
            best = both;
            begin = b;
            end = t;
          }
    const TokenOrigin &from = batch.answer_origin[static_cast<std::size_t>(begin)],
                      &to = batch.answer_origin[static_cast<std::size_t>(end)];
    const std::string& text = batch.examples[prompts.first]->fields.at(field_);
    Decision decision;
    decision.text = trimmed(text.substr(std::min(text.size(), static_cast<std::size_t>(from.begin)),
                                        static_cast<std::size_t>(std::max<int64_t>(0, to.end - from.begin))));
    decision.value = best - log_sum_exp(begins, prompts.tokens()) - log_sum_exp(ends, prompts.tokens());
    decisions.push_back(std::move(decision));
  }
  return decisions;
}

std::vector<std::string> SpansVerbalizer::answer_text(int64_t) const {
  throw UsageError("the verbalizer \"spans\" has no labels, so there is no label text for demonstrations or "
                   "initialisation: choose another initialisation.");
}

} // namespace cuecard::head
