#include "engine/predictor.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/topk.h>

#include <cuecard/error.hpp>

#include "engine/fronts.hpp"
#include "engine/tokenized_example.hpp"

namespace cuecard {

/// One prompt on its way through the model.
struct Predictor::Row {
  int64_t index = 0; ///< of its example among the caller's
  const Example* example = nullptr;
  int64_t card = 0;
  TokenizedPrompt prompt;
};

/// One forward pass: rows sorted by card, and hidden states at their answers.
struct Predictor::Chunk {
  std::vector<Row> rows;
  Batch batch;
  at::Tensor hidden;

  /// Calls `use(card, first, last)` for each run of rows of one card.
  template <class F>
  void for_each_card(F&& use) const {
    for (int64_t first = 0; first < batch.size();) {
      int64_t last = first + 1;
      while (last < batch.size() && batch.cards[last] == batch.cards[first])
        ++last;
      use(batch.cards[first], first, last);
      first = last;
    }
  }

  at::Tensor hidden_of(int64_t first, int64_t last) const {
    return hidden.narrow(0, batch.answer_offsets[first],
                         batch.answer_offsets[last] - batch.answer_offsets[first]);
  }
};

namespace {

/// The scores of decision `decision`, one for each label. Anything else is the fault of the verbalizer's
/// plugin.
std::vector<double> label_scores(const Scores& scores, const double* values, std::size_t decision,
                                 const Method& method) {
  const int64_t labels = std::ssize(method.labels);
  const int64_t begin = decision + 1 < scores.offsets.size() ? scores.offsets[decision] : 0,
                end = decision + 1 < scores.offsets.size() ? scores.offsets[decision + 1] : 0;
  if (labels == 0 || end - begin != labels)
    throw PluginError(method.record.verbalizer.plugin, method.record.verbalizer.component, "score",
                      "it gave " + std::to_string(end - begin) + " scores for a row that has one of " +
                          std::to_string(labels) + " labels");
  return {values + begin, values + end};
}

} // namespace

class Predictor::MethodScorer final : public Scorer {
public:
  explicit MethodScorer(Predictor& predictor) : predictor_(predictor) {}

  at::Tensor score(const std::vector<const Example*>& examples, const Readout& readout,
                   std::vector<int64_t>* offsets) override {
    const at::NoGradGuard no_grad; // not inference mode: what a verbalizer keeps of it may meet autograd later
    std::vector<at::Tensor> parts;
    std::vector<int64_t> counts(examples.size(), 0);
    std::vector<std::string> problems(examples.size());
    predictor_.run(
        examples,
        [&](const Chunk& chunk) {
          parts.push_back(predictor_.backbone_.read(chunk.hidden, readout));
          for (const Row& row : chunk.rows)
            counts[static_cast<std::size_t>(row.index)] += static_cast<int64_t>(row.prompt.answers.size());
        },
        problems);
    if (offsets) {
      offsets->assign(1, 0);
      for (int64_t count : counts)
        offsets->push_back(offsets->back() + count);
    }
    if (parts.empty())
      throw DataError("none of the " + std::to_string(examples.size()) + " rows could be scored" +
                      (problems.empty() ? "." : ": " + problems.front()));
    return at::cat(parts);
  }

  at::Tensor score_blank(const Readout& readout) override {
    const at::NoGradGuard no_grad;
    Row row;
    static const Example nothing;
    row.example = &nothing;
    row.prompt = tokenized_blank(*predictor_.methods_[0], predictor_.model_);
    std::vector<Row> rows;
    rows.push_back(std::move(row));
    return predictor_.backbone_.read(predictor_.forward(std::move(rows)).hidden, readout);
  }

private:
  Predictor& predictor_;
};

Predictor::Predictor(const Model& model, std::vector<const Method*> methods, const PredictSettings& settings)
    : model_(model), methods_(std::move(methods)), settings_(settings), backbone_(model.backbone(), counters_) {
  const at::NoGradGuard no_grad;
  std::vector<Conditioning> conditionings;
  for (const Method* method : methods_)
    conditionings.push_back(method->tuner->condition(0));
  mix_ = std::make_unique<CardMix>(std::move(conditionings));
  fronts_ = std::make_unique<Fronts>(model_, methods_);
  scorer_ = std::make_unique<MethodScorer>(*this);
}

Predictor::~Predictor() = default;

Scorer& Predictor::scorer() {
  return *scorer_;
}

int64_t Predictor::method_of(const Example& example) const {
  if (example.card.empty() && methods_.size() == 1)
    return 0;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < methods_.size(); ++i) {
    if (methods_[i]->name == example.card)
      return static_cast<int64_t>(i);
    names.push_back(methods_[i]->name);
  }
  if (example.card.empty())
    throw DataError("the row names no card, and there are " + std::to_string(methods_.size()) +
                    "; give it a \"card\", one of those that were loaded.");
  throw DataError("the row names the card \"" + example.card + "\", which was not loaded." +
                  did_you_mean(example.card, names));
}

Predictor::Chunk Predictor::forward(std::vector<Row> rows) {
  Chunk chunk;
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.card < b.card; });
  chunk.rows = std::move(rows);
  std::vector<PackItem> items;
  for (const Row& row : chunk.rows) {
    PackItem item{&row.prompt, row.example, row.card, mix_->soft_offset(row.card)};
    fronts_->use(item);
    items.push_back(item);
  }
  chunk.batch = pack(items, {model_.backbone().device(), model_.backbone().shape().causal});
  chunk.batch.past = chunk.batch.past_of.empty() ? nullptr : fronts_->past();
  const bool learns = fronts_->wants(items);
  Past kept;
  chunk.hidden = backbone_.forward(chunk.batch, mix_->for_batch(chunk.batch), learns ? &kept : nullptr);
  if (learns)
    fronts_->learn(items, chunk.batch, kept);
  return chunk;
}

void Predictor::run(const std::vector<const Example*>& examples, const std::function<void(const Chunk&)>& use,
                    std::vector<std::string>& problems) {
  std::vector<Row> waiting;
  int64_t waiting_rows = 0;
  const auto flush = [&]() {
    if (!waiting.empty())
      use(forward(std::move(waiting)));
    waiting.clear();
    waiting_rows = 0;
  };
  for (std::size_t i = 0; i < examples.size(); ++i) {
    std::vector<Row> rows;
    int64_t length = 0;
    try {
      const int64_t card = method_of(*examples[i]);
      for (TokenizedPrompt& prompt :
           tokenized(*methods_[static_cast<std::size_t>(card)], model_, *examples[i])) {
        length += static_cast<int64_t>(prompt.input.size() + prompt.output.size());
        rows.push_back({static_cast<int64_t>(i), examples[i], card, std::move(prompt)});
      }
    } catch (const DataError& error) {
      problems[i] = error.what();
      continue;
    }
    const bool full = static_cast<int64_t>(waiting.size()) >= settings_.batch_size ||
                      (!waiting.empty() && waiting_rows + length > settings_.batch_tokens);
    if (full)
      flush();
    waiting_rows += length;
    std::move(rows.begin(), rows.end(), std::back_inserter(waiting));
  }
  flush();
}

std::vector<Prediction> Predictor::predict(const std::vector<const Example*>& examples,
                                           const std::function<void(int64_t)>& done) {
  const at::InferenceMode inference;
  std::vector<Prediction> predictions(examples.size());
  std::vector<std::string> problems(examples.size());
  int64_t finished = 0;
  const auto use = [&](const Chunk& chunk) {
    chunk.for_each_card([&](int64_t card, int64_t first, int64_t last) {
      const Method& method = *methods_[static_cast<std::size_t>(card)];
      const at::Tensor values = backbone_.read(chunk.hidden_of(first, last), method.verbalizer->readout());
      const Batch part = scored_part(chunk.batch, first, last);
      const Scores scores = method.verbalizer->score(values, part);
      const at::Tensor host = scores.values.to(at::kCPU, at::kDouble);
      const double* score = host.const_data_ptr<double>();
      std::size_t decision = 0;
      for (int64_t row = first; row < last; ++row) {
        if (row > first && chunk.rows[static_cast<std::size_t>(row)].index ==
                               chunk.rows[static_cast<std::size_t>(row) - 1].index)
          continue; // further prompts of the same example: one decision
        Prediction& prediction =
            predictions[static_cast<std::size_t>(chunk.rows[static_cast<std::size_t>(row)].index)];
        const std::vector<double> raw = label_scores(scores, score, decision++, method);
        const double highest = *std::max_element(raw.begin(), raw.end());
        double sum = 0;
        for (double value : raw)
          sum += std::exp(value - highest);
        for (double value : raw)
          prediction.probabilities.push_back(std::exp(value - highest) / sum);
        prediction.card = card;
        prediction.label = std::max_element(raw.begin(), raw.end()) - raw.begin();
      }
    });
    finished += static_cast<int64_t>(chunk.rows.size());
    if (done)
      done(finished);
  };
  run(examples, use, problems);
  for (std::size_t i = 0; i < problems.size(); ++i)
    predictions[i].problem = std::move(problems[i]);
  return predictions;
}

std::vector<std::vector<SlotTokens>> Predictor::fill(const std::vector<const Example*>& examples, int64_t count,
                                                     std::vector<std::string>* problems) {
  const at::InferenceMode inference;
  std::vector<std::vector<SlotTokens>> result(examples.size());
  std::vector<std::string> found(examples.size());
  const auto use = [&](const Chunk& chunk) {
    const Readout readout{Readout::Kind::log_probs, {}};
    const at::Tensor scores = backbone_.read(chunk.hidden, readout);
    const auto [values, ids] = at::topk(scores, std::min(count, scores.size(1)), 1);
    const at::Tensor log_probs = values.to(at::kCPU, at::kDouble).contiguous(),
                     tokens = ids.to(at::kCPU).contiguous();
    for (std::size_t row = 0; row < chunk.rows.size(); ++row)
      for (int64_t answer = chunk.batch.answer_offsets[row]; answer < chunk.batch.answer_offsets[row + 1];
           ++answer) {
        const double* p = log_probs.const_data_ptr<double>() + answer * log_probs.size(1);
        const int64_t* t = tokens.const_data_ptr<int64_t>() + answer * tokens.size(1);
        result[static_cast<std::size_t>(chunk.rows[row].index)].push_back(
            {{t, t + tokens.size(1)}, {p, p + log_probs.size(1)}});
      }
  };
  run(examples, use, found);
  if (problems)
    *problems = std::move(found);
  return result;
}

Batch scored_part(const Batch& batch, int64_t first, int64_t last) {
  Batch part;
  const int64_t begin = batch.answer_offsets[first], end = batch.answer_offsets[last];
  part.answer_rows = batch.answer_rows.narrow(0, begin, end - begin);
  part.answer_rows_host.assign(batch.answer_rows_host.begin() + begin, batch.answer_rows_host.begin() + end);
  if (batch.answer_targets.defined())
    part.answer_targets = batch.answer_targets.narrow(0, begin, end - begin);
  for (int64_t e = first; e < last; ++e) {
    part.answer_offsets.push_back(batch.answer_offsets[e + 1] - begin);
    part.sequence_of.push_back(batch.sequence_of[e]);
    part.examples.push_back(batch.examples[e]);
    part.choices.push_back(batch.choices[e]);
    part.cards.push_back(batch.cards[e]);
  }
  if (batch.labels.defined())
    part.labels = batch.labels.narrow(0, first, last - first);
  return part;
}

} // namespace cuecard
