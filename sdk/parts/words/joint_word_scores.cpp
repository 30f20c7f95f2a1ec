#include <cuecard/parts/words/joint_word_scores.hpp>

#include <algorithm>
#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

namespace {

at::Tensor wide(const at::Tensor& values) {
  return values.scalar_type() == at::kDouble ? values : values.to(at::kFloat);
}

/// The entries of each decision, by candidate. An example's entries are ordered by candidate, then by prompt; the candidates of one
/// prompt are one decision.
std::vector<std::vector<int64_t>> decisions_of(const Batch& batch, std::size_t candidates) {
  std::vector<std::vector<int64_t>> decisions;
  for (int64_t begin = 0, end = 0; begin < batch.size(); begin = end) {
    for (end = begin + 1; end < batch.size() && !batch.begins_example(end);)
      ++end;
    const int64_t prompts = (end - begin) / static_cast<int64_t>(candidates);
    for (int64_t prompt = 0; prompt < prompts; ++prompt) {
      std::vector<int64_t>& entries = decisions.emplace_back();
      for (int64_t entry = begin + prompt; entry < end; entry += prompts)
        entries.push_back(entry);
    }
    if (decisions.empty() || decisions.back().size() != candidates)
      throw Error("an example's prompts are not those of the words' given answers");
  }
  return decisions;
}

} // namespace

bool is_joint(const std::string& multi_token_handler) {
  return multi_token_handler.starts_with("joint");
}

JointWordScores::JointWordScores(const LabelWords& words, bool normalise, const Backbone& backbone)
    : masked_(!backbone.shape().causal && !backbone.shape().encoder_decoder), normalise_(normalise) {
  std::vector<const LabelWord*> flat;
  for (const std::vector<LabelWord>& of_label : words)
    for (const LabelWord& word : of_label)
      flat.push_back(&word);
  words_ = std::ssize(flat);
  std::vector<int64_t> ids;
  for (const LabelWord* word : flat) {
    ids.insert(ids.end(), word->tokens.begin(), word->tokens.end());
    width_ = std::max(width_, std::ssize(word->tokens));
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::map<std::size_t, int64_t> candidate_by_length;
  for (const LabelWord* word : flat) {
    const auto [known, fresh] = candidate_by_length.emplace(word->tokens.size(), std::ssize(answers_));
    if (fresh || !masked_) {
      known->second = std::ssize(answers_);
      answers_.push_back({word->text});
      lengths_.push_back(std::ssize(word->tokens));
    }
    candidate_of_.push_back(known->second);
  }
  std::vector<int64_t> columns;
  at::Tensor absent = at::zeros({words_, width_}, at::kBool), counts = at::zeros({words_}, at::kFloat);
  for (int64_t w = 0; w < words_; ++w) {
    const std::vector<int64_t>& tokens = flat[static_cast<std::size_t>(w)]->tokens;
    for (int64_t t = 0; t < width_; ++t) {
      const int64_t id = tokens[static_cast<std::size_t>(std::min(t, std::ssize(tokens) - 1))];
      columns.push_back(std::lower_bound(ids.begin(), ids.end(), id) - ids.begin());
      absent.data_ptr<bool>()[w * width_ + t] = t >= std::ssize(tokens);
    }
    counts.data_ptr<float>()[w] = static_cast<float>(tokens.size());
  }
  const at::Device device = backbone.device();
  token_ids_ = index_tensor(ids, device);
  columns_ = index_tensor(columns, device);
  absent_ = absent.to(device);
  counts_ = counts.to(device);
}

OutputRequest JointWordScores::output_request() const {
  if (masked_)
    return {OutputRequest::Kind::log_probs, token_ids_};
  return {OutputRequest::Kind::target_log_probs, {}};
}

at::Tensor JointWordScores::of_masks(const at::Tensor& outputs, const Batch& batch,
                                     const std::vector<std::vector<int64_t>>& decisions) const {
  std::vector<int64_t> rows; // of `outputs`, [decisions, W, width]
  for (const std::vector<int64_t>& entries : decisions)
    for (const int64_t candidate : candidate_of_) {
      const auto at = static_cast<std::size_t>(entries[static_cast<std::size_t>(candidate)]);
      const int64_t first = batch.answer_offsets[at], masks = batch.answer_offsets[at + 1] - first,
                    expected = lengths_[static_cast<std::size_t>(candidate)];
      if (masks != expected)
        throw DataError("the word \"" + answers_[static_cast<std::size_t>(candidate)][0] + "\" is " +
                        counted(expected, "token") + " by itself and " + std::to_string(masks) +
                        " in the template: put a space, or none, before the answer slot");
      for (int64_t t = 0; t < width_; ++t)
        rows.push_back(first + std::min(t, masks - 1));
    }
  const int64_t count = std::ssize(decisions);
  const at::Tensor places =
      index_tensor(rows, outputs.device()).view({count, words_ * width_}) * outputs.size(1) + columns_;
  return wide(outputs)
      .reshape({-1})
      .index_select(0, places.view({-1}))
      .view({count, words_, width_})
      .masked_fill(absent_, 0)
      .sum(2);
}

at::Tensor JointWordScores::of_answers(const at::Tensor& outputs, const Batch& batch,
                                       const std::vector<std::vector<int64_t>>& decisions) const {
  std::vector<int64_t> entry_of, order;
  for (int64_t e = 0; e < batch.size(); ++e)
    entry_of.resize(static_cast<std::size_t>(batch.answer_offsets[static_cast<std::size_t>(e) + 1]), e);
  for (const std::vector<int64_t>& entries : decisions)
    order.insert(order.end(), entries.begin(), entries.end());
  const at::Tensor values = wide(outputs);
  const at::Tensor sums = at::zeros({batch.size()}, values.options().requires_grad(false))
                              .index_add(0, index_tensor(entry_of, values.device()), values);
  return sums.index_select(0, index_tensor(order, values.device())).view({std::ssize(decisions), words_});
}

at::Tensor JointWordScores::operator()(const at::Tensor& outputs, const Batch& batch,
                                       std::vector<int64_t>& entries) const {
  const std::vector<std::vector<int64_t>> decisions = decisions_of(batch, answers_.size());
  entries.clear();
  for (const std::vector<int64_t>& decision : decisions)
    entries.push_back(decision.front());
  const at::Tensor sums = masked_ ? of_masks(outputs, batch, decisions) : of_answers(outputs, batch, decisions);
  return normalise_ ? sums / counts_.to(sums.scalar_type()) : sums;
}

at::Tensor JointWordScores::uniform(double each) const {
  return (normalise_ ? at::ones_like(counts_) : counts_).mul(each).unsqueeze(0);
}

at::Tensor JointWordScores::blank_scores(Scorer& scorer) const {
  const std::vector<Prompt> blank = scorer.blank();
  std::vector<Prompt> given; // by prompt, then candidate, in the order of an example's entries
  std::vector<at::Tensor> all;
  for (const Prompt& prompt : blank) {
    // One call for each candidate, because nothing else distinguishes prompts without an example.
    std::vector<at::Tensor> by_candidate;
    for (const std::vector<std::string>& answer : answers_) {
      given = {prompt};
      for (std::vector<Piece>* pieces : {&given[0].prepended, &given[0].input, &given[0].output})
        for (Piece& piece : *pieces)
          if (piece.kind == Piece::Kind::answer)
            piece.text = answer[0];
      scorer.score({{}, &given, output_request(), {}},
                   [&](const at::Tensor& values, const Batch&) { by_candidate.push_back(values); });
    }
    Batch joined; // the candidates' entries of one decision
    const Example none;
    for (const at::Tensor& values : by_candidate) {
      joined.answer_offsets.push_back(joined.answer_offsets.back() + values.size(0));
      joined.examples.push_back(&none);
      joined.cards.push_back(0);
    }
    std::vector<int64_t> entries;
    all.push_back((*this)(at::cat(by_candidate), joined, entries));
  }
  return at::cat(all).mean(0, true).detach().to(at::kFloat);
}

at::Tensor JointWordScores::mean_scores(Scorer& scorer, const std::vector<const Example*>& examples) const {
  std::vector<at::Tensor> all;
  scorer.score({examples, nullptr, output_request(), {}}, [&](const at::Tensor& values, const Batch& batch) {
    std::vector<int64_t> entries;
    all.push_back((*this)(values, batch, entries));
  });
  if (all.empty())
    throw DataError("none of the examples to calibrate on can be used");
  return at::cat(all).mean(0, true).detach().to(at::kFloat);
}

} // namespace cuecard
