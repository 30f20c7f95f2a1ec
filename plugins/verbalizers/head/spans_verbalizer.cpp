#include "spans_verbalizer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/stack.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/words/label_words.hpp>

namespace cuecard::head {

namespace {

/// The prompts of one example: entries `first` to `last`, whose tokens are `begin` to `end` of the selected
/// ones.
struct Prompts {
  std::size_t first = 0, last = 0;
  int64_t begin = 0, end = 0;

  int64_t tokens() const { return end - begin; }
};

/// `apart`: each prompt is a separate group.
std::vector<Prompts> prompts_of(const Batch& batch, bool apart = false) {
  std::vector<Prompts> all;
  for (std::size_t e = 0; e < batch.examples.size(); ++e) {
    if (apart || batch.begins_example(static_cast<int64_t>(e)))
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
        if (origin.field < 0)
          continue; // [CLS]
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

/// The selected token of entry `e` that means "no answer": the one outside the field, or the last, if a causal model's prompt ends
/// in the field.
int64_t null_token(const Batch& batch, std::size_t e) {
  for (int64_t token = batch.answer_offsets[e]; token < batch.answer_offsets[e + 1]; ++token)
    if (batch.answer_origin[static_cast<std::size_t>(token)].field < 0)
      return token;
  return batch.answer_offsets[e + 1] - 1;
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

double best_no_answer_threshold(std::vector<AnsweredQuestion> questions) {
  if (questions.empty())
    return 0;
  std::ranges::sort(questions, {}, &AnsweredQuestion::margin);
  double value = 0; // below all margins every question is answered
  for (const AnsweredQuestion& question : questions)
    value += question.value_if_answered;
  double best = value, threshold = std::min(0.0, questions.front().margin - 1);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    value += questions[i].value_if_not - questions[i].value_if_answered;
    const bool last = i + 1 == questions.size();
    const double margin = questions[i].margin,
                 next = last ? std::max(0.0, margin) + 2 : questions[i + 1].margin;
    if (margin == next)
      continue; // equal margins are on the same side
    const double between = margin <= 0 && 0 < next ? 0 : (margin + next) / 2;
    constexpr double rounding = 1e-9; // of sums in another order
    const bool nearer = std::abs(between) < std::abs(threshold);
    if (value > best + rounding || (value > best - rounding && nearer)) {
      best = std::max(best, value);
      threshold = between;
    }
  }
  return threshold;
}

SpansVerbalizer::SpansVerbalizer(const Options& options)
    : field_(options.text("field")), no_answer_(options.flag("no-answer")),
      max_tokens_(options.integer("max-tokens")), classifier_(options) {}

void SpansVerbalizer::prepare(const VerbalizerTarget& target) {
  threshold_ = 0;
  classifier_.prepare(2, target.backbone.shape().hidden, target.seed, target.backbone.device());
}

std::vector<std::vector<std::string>> SpansVerbalizer::given_answers(const GivenAnswersArgs& args) const {
  const Example& example = args.example;
  const auto in_field = [&](const Example::Span& span) { return span.field == field_; };
  if (!args.training || std::ranges::any_of(example.spans, in_field) || (no_answer_ && example.unanswerable))
    return {};
  throw DataError(example.unanswerable
                      ? "its question has no answer, which the verbalizer \"spans\" learns with the option "
                        "\"no-answer\" only"
                      : "it has no answer that is a part of \"" + field_ +
                            "\" to train on: name its columns under \"data.spans\" in the task file");
}

Scores SpansVerbalizer::score(const ScoreArgs& args) const {
  const Batch& batch = args.batch;
  const at::Tensor logits = classifier_(args.outputs, args.pass).t(); // [2, A]
  std::vector<at::Tensor> parts;
  Scores scores;
  for (const Prompts& prompts : prompts_of(batch, no_answer_)) {
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
  for (const Prompts& prompts : prompts_of(batch, no_answer_)) {
    GoldTokens gold = gold_tokens(batch, prompts, field_);
    if (no_answer_ && gold.begins.empty())
      gold.begins = gold.ends = {null_token(batch, prompts.first) - prompts.begin};
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
  const std::vector<Prompts> all = prompts_of(batch, no_answer_);
  return static_cast<double>(std::count_if(all.begin(), all.end(), [&](const Prompts& prompts) {
    return no_answer_ || !gold_tokens(batch, prompts, field_).begins.empty();
  }));
}

std::vector<SpansVerbalizer::Found> SpansVerbalizer::find(const Scores& scores, const Batch& batch) const {
  const at::Tensor values = scores.values.to(at::kFloat).contiguous();
  const float* value = values.const_data_ptr<float>();
  std::vector<Found> found;
  std::size_t decision = 0; // the first of the two of `softmax`
  for (const Prompts& softmax : prompts_of(batch, no_answer_)) {
    if (batch.begins_example(static_cast<int64_t>(softmax.first)))
      found.emplace_back().example = batch.examples[softmax.first];
    Found& best = found.back();
    const float* begins = value + scores.offsets[decision];
    const float* ends = value + scores.offsets[decision + 1];
    decision += 2;
    const double normaliser = log_sum_exp(begins, softmax.tokens()) + log_sum_exp(ends, softmax.tokens());
    for (std::size_t e = softmax.first; e < softmax.last; ++e) {
      const int64_t null = no_answer_ ? null_token(batch, e) : -1;
      for (int64_t b = batch.answer_offsets[e]; b < batch.answer_offsets[e + 1]; ++b)
        for (int64_t t = b; t < std::min(batch.answer_offsets[e + 1], b + max_tokens_); ++t) {
          const float both = begins[b - softmax.begin] + ends[t - softmax.begin];
          if (b == null && t == null && both < best.null) {
            best.null = both;
            best.null_log_prob = both - normaliser;
          }
          if (b == null || t == null || both <= best.score)
            continue;
          best.score = both;
          best.log_prob = both - normaliser;
          best.begin = batch.answer_origin[static_cast<std::size_t>(b)].begin;
          best.end = batch.answer_origin[static_cast<std::size_t>(t)].end;
        }
    }
  }
  return found;
}

std::vector<Decision> SpansVerbalizer::decide(const DecideArgs& args) const {
  std::vector<Decision> decisions;
  for (const Found& found : find(args.scores, args.batch)) {
    Decision& decision = decisions.emplace_back();
    if (no_answer_ && double{found.score} - double{found.null} <= threshold_) {
      decision.value = found.null_log_prob;
      continue;
    }
    const std::string& text = found.example->fields.at(field_);
    decision.text =
        trimmed(text.substr(std::min(text.size(), static_cast<std::size_t>(found.begin)),
                            static_cast<std::size_t>(std::max<int64_t>(0, found.end - found.begin))));
    decision.value = found.log_prob;
  }
  return decisions;
}

double SpansVerbalizer::overlap(const Found& found) const {
  double best = 0;
  for (const Example::Span& span : found.example->spans) {
    if (span.field != field_)
      continue;
    const int64_t shared = std::min(found.end, span.end) - std::max(found.begin, span.begin);
    const int64_t both = found.end - found.begin + span.end - span.begin;
    if (shared > 0)
      best = std::max(best, 2 * static_cast<double>(shared) / static_cast<double>(both));
  }
  return best;
}

void SpansVerbalizer::fit(const VerbalizerFitArgs& args) {
  if (!no_answer_ || args.moment != VerbalizerFitArgs::Moment::after_training || args.dev.empty())
    return;
  std::vector<AnsweredQuestion> questions;
  args.scorer.score({args.dev, nullptr, output_request(), {}},
                    [&](const at::Tensor& outputs, const Batch& batch) {
                      Scores scores = score({outputs, batch});
                      scores.values = scores.values.to(at::kCPU);
                      for (const Found& found : find(scores, batch))
                        questions.push_back({double{found.score} - double{found.null}, overlap(found),
                                             found.example->unanswerable ? 1.0 : 0.0});
                    });
  threshold_ = best_no_answer_threshold(std::move(questions));
}

ComponentState SpansVerbalizer::state() const {
  ComponentState state = classifier_.state();
  if (no_answer_)
    state.tensors["no-answer-threshold"] = at::full({1}, threshold_, at::kDouble);
  return state;
}

void SpansVerbalizer::load_state(const ComponentState& saved) {
  classifier_.load_state(saved, "spans");
  if (no_answer_)
    threshold_ = require_tensor(saved, "no-answer-threshold", {1}, "spans").item<double>();
}

std::vector<std::string> SpansVerbalizer::answer_text(int64_t) const {
  throw UsageError("the verbalizer \"spans\" has no labels, so there is no label text for demonstrations or "
                   "initialisation: choose another initialisation.");
}

} // namespace cuecard::head
