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
#include "engine/method.hpp"

namespace cuecard {

/// What the model was made to do. Printed by every verb that runs it; tests count with them.
struct Counters {
  int64_t forwards = 0;         ///< forward passes of the backbone
  int64_t rows_forwarded = 0;   ///< rows in them
  int64_t scores_projected = 0; ///< vocabulary scores computed
  int64_t rows_from_cache = 0;  ///< rows that stood in a past instead of being forwarded
};

struct Prediction {
  int64_t card = 0;
  int64_t label = -1;                ///< index into the card's labels
  std::vector<double> probabilities; ///< one per label
  std::string problem;               ///< why the row can't be used; empty when it could
};

/// The best tokens of one answer slot.
struct SlotTokens {
  std::vector<int64_t> ids;
  std::vector<double> log_probs; ///< over the whole vocabulary
};

struct PredictSettings {
  int64_t batch_size = 32;     ///< examples per forward pass
  int64_t batch_tokens = 4096; ///< most rows per forward pass
};

class Predictor {
public:
  /// `methods` must outlive it. Conditioning is computed once, here.
  Predictor(const Model& model, std::vector<const Method*> methods, const PredictSettings& settings = {});
  ~Predictor();

  /// One prediction per example, in order. An example goes to the method that its `card` names, or to the only
  /// one. A row that can't be used gets its problem instead of a label. `done` is called with the number of
  /// rows finished after each batch.
  std::vector<Prediction> predict(const std::vector<const Example*>& examples,
                                  const std::function<void(int64_t)>& done = {});

  /// For each example the `count` best tokens at each of its answer slots, by full-vocabulary log-probability.
  std::vector<std::vector<SlotTokens>> fill(const std::vector<const Example*>& examples, int64_t count);

  const Counters& counters() const { return counters_; }

  /// Index of the method that an example goes to; UsageError when its `card` is none of them.
  int64_t method_of(const Example& example) const;

private:
  class Fronts;
  struct Chunk;

  void run(const std::vector<const Example*>& examples, const std::function<void(Chunk&)>& use,
           std::vector<std::string>& problems);

  const Model& model_;
  std::vector<const Method*> methods_;
  PredictSettings settings_;
  std::vector<Conditioning> conditionings_;
  std::vector<int64_t> soft_offsets_;
  std::unique_ptr<Fronts> fronts_;
  Counters counters_;
};

} // namespace cuecard
