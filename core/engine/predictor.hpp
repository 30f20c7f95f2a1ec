/// Rows of any mixture of cards through one frozen model: prediction, evaluation, and what stands at an answer
/// slot.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <cuecard/example.hpp>
#include <cuecard/scorer.hpp>

#include "batch/pack.hpp"
#include "engine/card_mix.hpp"
#include "engine/counters.hpp"
#include "engine/ensemble.hpp"
#include "engine/method.hpp"
#include "engine/write_watch.hpp"

namespace cuecard {

class Fronts;
class Generator;

struct Prediction {
  int64_t card = 0;
  Decision decision;
  std::string problem; ///< why the row can't be used; empty when it could

  /// The label of a row that has one; -1 when there is none.
  int64_t label() const { return decision.labels.size() == 1 ? decision.labels[0] : -1; }
};

/// The best tokens of one answer slot.
struct SlotTokens {
  std::vector<int64_t> ids;
  std::vector<double> log_probs; ///< over the whole vocabulary
};

struct PredictSettings {
  int64_t batch_size = 32;     ///< examples per forward pass
  int64_t batch_tokens = 4096; ///< most rows per forward pass
  Vote vote = Vote::mean;      ///< how the members of an ensemble decide
};

class Predictor {
public:
  /// `methods` must outlive it. Conditioning is computed once, here; what is fixed or already learned at the
  /// beginning of a causal model's prompts is forwarded once per card and then taken from cache.
  Predictor(const Model& model, std::vector<const Method*> methods, const PredictSettings& settings = {});
  ~Predictor();

  /// One prediction per example, in order. An example goes to the method that its `card` names, or to the only
  /// one. A row that can't be used gets its problem instead of a decision. `done` is called with the number of
  /// rows finished after each batch.
  std::vector<Prediction> predict(const std::vector<const Example*>& examples,
                                  const std::function<void(int64_t)>& done = {});

  /// For each example the `count` best tokens at each of its answer slots, by full-vocabulary log-probability.
  /// A row that can't be used has no slots and a problem.
  std::vector<std::vector<SlotTokens>> fill(const std::vector<const Example*>& examples, int64_t count,
                                            std::vector<std::string>* problems = nullptr);

  /// What the model writes behind the prompt of each example, whatever its verbalizer reads:
  /// `settings.returns` texts each, best first. A row that can't be used has none and a problem. `watch` sees
  /// each new token with the row's number; false ends the work with Cancelled.
  std::vector<std::vector<Generated>> generate(const std::vector<const Example*>& examples,
                                               const GenerateSettings& settings,
                                               std::vector<std::string>* problems = nullptr,
                                               const WriteWatch& watch = {});

  /// The service that verbalizers and tuners run prompts with, for the first method.
  Scorer& scorer();

  const Counters& counters() const { return counters_; }

  /// Index of the method that an example goes to; DataError when its `card` is none of them.
  int64_t method_of(const Example& example) const;

private:
  class MethodScorer; // predictor_scorer.cpp
  struct Row;         // predictor_rows.hpp
  struct Chunk;
  struct Source;

  std::unique_ptr<Scorer> make_scorer();
  void run(const Source& source, const std::function<void(const Chunk&)>& use);
  Chunk forward(std::vector<Row> rows);
  std::vector<Decision> decided_by(const Method& method, const at::Tensor& values, const Batch& batch) const;
  Source source_of(const std::vector<const Example*>& examples, std::vector<std::string>& problems);
  std::vector<at::Tensor> likenesses_of(const std::vector<const Example*>& examples);
  /// Whether the verbalizer that `example` goes to has the model write.
  bool writes(const Example& example) const;
  /// The prompt that a text is written behind, its answer slot open.
  TokenizedPrompt open_prompt(const Example& example, int64_t card) const;
  /// Texts behind `prompts` of `cards`, which share their weights.
  std::vector<std::vector<Generated>> write(std::vector<TokenizedPrompt> prompts,
                                            const std::vector<int64_t>& cards, const GenerateSettings& settings,
                                            const WriteWatch& watch = {});
  /// Predictions of the examples `which`, whose verbalizers have the model write.
  void predict_texts(const std::vector<const Example*>& examples, const std::vector<int64_t>& which,
                     std::vector<Prediction>& predictions, std::vector<std::string>& problems);

  const Model& model_;
  std::vector<const Method*> methods_;
  PredictSettings settings_;
  Counters counters_;
  std::unique_ptr<CardMix> mix_;
  std::unique_ptr<Fronts> fronts_;
  std::unique_ptr<Scorer> scorer_;
  std::map<const void*, std::unique_ptr<Generator>> generators_; ///< by the weights that they write with
};

} // namespace cuecard
