#include "engine/predictor.hpp"

#include <algorithm>
#include <map>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/topk.h>

#include <cuecard/error.hpp>

#include "engine/fronts.hpp"
#include "engine/generator.hpp"
#include "engine/likeness.hpp"
#include "engine/tokenized_example.hpp"

namespace cuecard {

/// One prompt on its way through the model.
struct Predictor::Row {
  int64_t index = 0; ///< of its example, or its prompt, among the caller's
  const Example* example = nullptr;
  int64_t card = 0;
  TokenizedPrompt prompt;
};

/// What shall go through the model: `count` examples or prompts, and how each becomes rows. A row that can't be
/// used has none.
struct Predictor::Source {
  int64_t count = 0;
  std::function<std::vector<Row>(int64_t index)> rows;
};

/// One forward pass: rows sorted by card, and hidden states where they are read.
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

/// What the verbalizer decided, held to its contract: a decision per example, labels that exist.
void check_decisions(const std::vector<Decision>& decisions, int64_t examples, const Method& method) {
  const auto refuse = [&](const std::string& what) {
    const CardComponent& verbalizer = method.record.verbalizer;
    throw PluginError(verbalizer.plugin, verbalizer.component, "decide", what);
  };
  if (std::ssize(decisions) != examples)
    refuse("it gave " + std::to_string(decisions.size()) + " decisions for " + std::to_string(examples) +
           " rows");
  const int64_t labels = std::ssize(method.labels);
  for (const Decision& decision : decisions) {
    for (const int64_t label : decision.labels)
      if (label < -1 || label >= labels)
        refuse("it chose label " + std::to_string(label) + " of " + std::to_string(labels));
    if (!decision.probabilities.empty() && std::ssize(decision.probabilities) != labels)
      refuse("it gave " + std::to_string(decision.probabilities.size()) + " scores for a row that has one of " +
             std::to_string(labels) + " labels");
  }
}

} // namespace

class Predictor::MethodScorer final : public Scorer {
public:
  explicit MethodScorer(Predictor& predictor) : predictor_(predictor) {}

  void score(const ScoreRequest& request,
             const std::function<void(const at::Tensor& values, const Batch& batch)>& use) override {
    const at::NoGradGuard no_grad; // not inference mode: what is kept of it may meet autograd later
    std::vector<std::string> problems(request.examples.size());
    const Source source = request.prompts ? source_of(*request.prompts, request.reading)
                                          : predictor_.source_of(request.examples, problems);
    const CountedBackbone backbone = predictor_.methods_[0]->backbone(predictor_.model_, predictor_.counters_);
    bool any = false;
    predictor_.run(source, [&](const Chunk& chunk) {
      any = true;
      use(backbone.read(chunk.hidden, request.readout, chunk.batch), chunk.batch);
    });
    if (!any && !problems.empty())
      throw DataError("none of the " + std::to_string(problems.size()) +
                      " rows could be scored: " + problems.front());
  }

  std::vector<Prompt> blank() override { return blank_prompts(*predictor_.methods_[0]); }

  std::vector<std::vector<Generated>> generate(const std::vector<Prompt>& prompts,
                                               const GenerateSettings& settings) override {
    std::vector<TokenizedPrompt> rows;
    for (const Prompt& prompt : prompts)
      rows.push_back(tokenized(*predictor_.methods_[0], predictor_.model_, prompt, {}));
    return predictor_.write(std::move(rows), std::vector<int64_t>(prompts.size(), 0), settings);
  }

private:
  Source source_of(const std::vector<Prompt>& prompts, const Reading& reading) const {
    return {std::ssize(prompts), [this, &prompts, reading](int64_t index) {
              static const Example nothing;
              std::vector<Row> rows(1);
              rows[0].index = index;
              rows[0].example = &nothing;
              rows[0].prompt = tokenized(*predictor_.methods_[0], predictor_.model_,
                                         prompts[static_cast<std::size_t>(index)], reading);
              return rows;
            }};
  }

  Predictor& predictor_;
};

Predictor::Predictor(const Model& model, std::vector<const Method*> methods, const PredictSettings& settings)
    : model_(model), methods_(std::move(methods)), settings_(settings) {
  const at::NoGradGuard no_grad;
  std::vector<Conditioning> conditionings;
  for (const Method* method : methods_)
    conditionings.push_back(method->tuner->condition(method->task, {}));
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

Predictor::Source Predictor::source_of(const std::vector<const Example*>& examples,
                                       std::vector<std::string>& problems) {
  return {
      std::ssize(examples), [this, &examples, &problems, likeness = likenesses_of(examples)](int64_t index) {
        std::vector<Row> rows;
        const Example& example = *examples[static_cast<std::size_t>(index)];
        try {
          const int64_t card = method_of(example);
          for (TokenizedPrompt& prompt : tokenized(*methods_[static_cast<std::size_t>(card)], model_, example,
                                                   false, likeness[static_cast<std::size_t>(index)]))
            rows.push_back({index, &example, card, std::move(prompt)});
        } catch (const DataError& error) {
          problems[static_cast<std::size_t>(index)] = error.what();
          rows.clear();
        }
        return rows;
      }};
}

std::vector<at::Tensor> Predictor::likenesses_of(const std::vector<const Example*>& examples) {
  std::vector<at::Tensor> result(examples.size());
  for (std::size_t m = 0; m < methods_.size(); ++m) {
    if (!methods_[m]->tuner->wants_likeness())
      continue;
    std::vector<const Example*> own;
    std::vector<std::size_t> index;
    for (std::size_t i = 0; i < examples.size(); ++i)
      if (methods_.size() == 1 || examples[i]->card == methods_[m]->name) {
        own.push_back(examples[i]);
        index.push_back(i);
      }
    const std::vector<at::Tensor> found =
        likenesses(model_, *methods_[m], methods_[m]->backbone(model_, counters_), own, settings_.batch_tokens);
    for (std::size_t i = 0; i < own.size(); ++i)
      result[index[i]] = found[i];
  }
  return result;
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
  const Method& first = *methods_[static_cast<std::size_t>(chunk.rows.front().card)];
  const CountedBackbone backbone = first.backbone(model_, counters_);
  chunk.batch = pack(items, {model_.backbone().device(), model_.backbone().shape().causal});
  if (!chunk.batch.input.past_of.empty())
    chunk.batch.past = fronts_->past();
  const bool learns = fronts_->wants(items);
  Past kept;
  chunk.hidden = backbone.forward(chunk.batch, mix_->conditioning(), learns ? &kept : nullptr);
  if (learns)
    fronts_->learn(items, chunk.batch, kept);
  return chunk;
}

void Predictor::run(const Source& source, const std::function<void(const Chunk&)>& use) {
  struct Waiting {
    std::vector<Row> rows;
    int64_t length = 0;
  };
  std::map<const void*, Waiting> lanes; // by the weights that the rows need
  const auto flush = [&](Waiting& waiting) {
    if (!waiting.rows.empty())
      use(forward(std::move(waiting.rows)));
    waiting = {};
  };
  for (int64_t i = 0; i < source.count; ++i) {
    std::vector<Row> rows = source.rows(i);
    if (rows.empty())
      continue;
    int64_t length = 0;
    for (const Row& row : rows)
      length += static_cast<int64_t>(row.prompt.input.size() + row.prompt.output.size());
    Waiting& waiting = lanes[methods_[static_cast<std::size_t>(rows[0].card)]->own_backbone.get()];
    const bool full = std::ssize(waiting.rows) >= settings_.batch_size ||
                      (!waiting.rows.empty() && waiting.length + length > settings_.batch_tokens);
    if (full)
      flush(waiting);
    waiting.length += length;
    std::move(rows.begin(), rows.end(), std::back_inserter(waiting.rows));
  }
  for (auto& [weights, waiting] : lanes)
    flush(waiting);
}

std::vector<Prediction> Predictor::predict(const std::vector<const Example*>& examples,
                                           const std::function<void(int64_t)>& done) {
  const at::InferenceMode inference;
  std::vector<Prediction> predictions(examples.size());
  std::vector<std::string> problems(examples.size());
  int64_t finished = 0;
  std::vector<int64_t> written; // examples that no score is asked of
  const Source source = source_of(examples, problems);
  const auto scored = [&](int64_t index) {
    if (!writes(*examples[static_cast<std::size_t>(index)]))
      return source.rows(index);
    written.push_back(index);
    return std::vector<Row>();
  };
  run({source.count, scored}, [&](const Chunk& chunk) {
    chunk.for_each_card([&](int64_t card, int64_t first, int64_t last) {
      const Method& method = *methods_[static_cast<std::size_t>(card)];
      const Batch part = scored_part(chunk.batch, first, last);
      const at::Tensor values = method.backbone(model_, counters_)
                                    .read(chunk.hidden_of(first, last), method.verbalizer->readout(), part);
      Scores scores = method.verbalizer->score(values, part, {});
      scores.values = scores.values.to(at::kCPU);
      std::vector<Decision> decisions = method.verbalizer->decide(scores, part);
      std::vector<int64_t> decided; // examples in the order of their decisions
      for (int64_t e = 0; e < part.size(); ++e)
        if (part.begins_example(e))
          decided.push_back(chunk.rows[static_cast<std::size_t>(first + e)].index);
      check_decisions(decisions, std::ssize(decided), method);
      for (std::size_t i = 0; i < decided.size(); ++i) {
        Prediction& prediction = predictions[static_cast<std::size_t>(decided[i])];
        prediction.card = card;
        prediction.decision = std::move(decisions[i]);
      }
      finished += std::ssize(decided);
    });
    if (done)
      done(finished);
  });
  if (!written.empty()) {
    predict_texts(examples, written, predictions, problems);
    if (done)
      done(finished + std::ssize(written));
  }
  for (std::size_t i = 0; i < problems.size(); ++i)
    predictions[i].problem = std::move(problems[i]);
  return predictions;
}

std::vector<std::vector<SlotTokens>> Predictor::fill(const std::vector<const Example*>& examples, int64_t count,
                                                     std::vector<std::string>* problems) {
  const at::InferenceMode inference;
  std::vector<std::vector<SlotTokens>> result(examples.size());
  std::vector<std::string> found(examples.size());
  const CountedBackbone backbone = methods_[0]->backbone(model_, counters_);
  run(source_of(examples, found), [&](const Chunk& chunk) {
    const at::Tensor scores = backbone.read(chunk.hidden, {Readout::Kind::log_probs, {}}, chunk.batch);
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
  });
  if (problems)
    *problems = std::move(found);
  return result;
}

Batch scored_part(const Batch& batch, int64_t first, int64_t last) {
  const auto entries = [&](const std::vector<int64_t>& all) {
    return std::vector<int64_t>(all.begin() + first, all.begin() + last);
  };
  const int64_t begin = batch.answer_offsets[first], end = batch.answer_offsets[last];
  Batch part;
  part.answer_rows = batch.answer_rows.narrow(0, begin, end - begin);
  part.answer_rows_host.assign(batch.answer_rows_host.begin() + begin, batch.answer_rows_host.begin() + end);
  part.answer_targets = batch.answer_targets.narrow(0, begin, end - begin);
  part.answer_labels = batch.answer_labels.narrow(0, begin, end - begin);
  part.answer_origin.assign(batch.answer_origin.begin() + begin, batch.answer_origin.begin() + end);
  for (int64_t e = first; e < last; ++e)
    part.answer_offsets.push_back(batch.answer_offsets[e + 1] - begin);
  part.examples.assign(batch.examples.begin() + first, batch.examples.begin() + last);
  part.sequence_of = entries(batch.sequence_of);
  part.choices = entries(batch.choices);
  part.variants = entries(batch.variants);
  part.candidates = entries(batch.candidates);
  part.cards = entries(batch.cards);
  part.labels = batch.labels.narrow(0, first, last - first);
  return part;
}

} // namespace cuecard
