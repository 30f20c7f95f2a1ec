/// Predictions for examples of any mixture of cards on one frozen model, and the best tokens at answer slots.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <cuecard/example.hpp>
#include <cuecard/scorer.hpp>

#include "engine/generate/text_writer.hpp"
#include "engine/predict/batch_runner.hpp"

namespace cuecard {

struct Prediction {
  int64_t card = 0;
  Decision decision;
  std::string problem; ///< why the example can't be used; empty when it could
  CutTokens cut;       ///< what truncation removed from it

  /// The label of an example that has one; -1 when there is none.
  int64_t label() const { return decision.labels.size() == 1 ? decision.labels[0] : -1; }
};

/// The best tokens of one answer slot.
struct SlotTokens {
  std::vector<int64_t> ids;
  std::vector<double> log_probs; ///< over the whole vocabulary
};

/// UsageError unless the model generates text, so that a text can follow a prompt.
void require_generation(const Model& model);

/// Threads: one at a time.
class Predictor {
public:
  /// `pipelines` must outlive it.
  Predictor(const Model& model, const std::vector<const TaskPipeline*>& pipelines,
            const PredictSettings& settings = {});
  ~Predictor();

  /// BatchRunner::add.
  int64_t add(const TaskPipeline& pipeline) { return runner_.add(pipeline); }
  /// BatchRunner::remove.
  void remove(int64_t card);

  /// One prediction per example, in order. An example goes to the pipeline that its `card` names, or to the
  /// only one. One that can't be used gets its problem instead of a decision. `done` is called with the number
  /// of finished examples after each batch.
  std::vector<Prediction> predict(const std::vector<const Example*>& examples,
                                  const std::function<void(int64_t)>& done = {});

  /// For each example the `count` best tokens at each of its answer slots, by log-probability over the
  /// vocabulary. One that can't be used has no slots and a problem, which `notes` get.
  std::vector<std::vector<SlotTokens>> fill(const std::vector<const Example*>& examples, int64_t count,
                                            ExampleNotes* notes = nullptr);

  /// Texts that continue the prompt of each example: TextWriter::generate.
  std::vector<std::vector<Generated>> generate(const std::vector<const Example*>& examples,
                                               const GenerateSettings& settings, ExampleNotes* notes = nullptr,
                                               const TokenCallback& callback = {}) {
    return writer_.generate(examples, settings, notes, callback);
  }

  /// The log-probability of each of `continuations[i]` after the prompt of example i, whatever its verbalizer predicts, summed over its
  /// tokens. An example that can't be used has none and a problem, which `notes` get. UsageError unless the model generates text.
  std::vector<std::vector<Generated>> score(const std::vector<const Example*>& examples,
                                            const std::vector<std::vector<std::string>>& continuations,
                                            ExampleNotes& notes);

  /// For programs that continue prompts as they arrive (TextWriter::open, TextWriter::run).
  TextWriter& writer() { return writer_; }

  /// The service that verbalizers and tuners run prompts with, for the first pipeline.
  Scorer& scorer() { return *scorer_; }

  const Counters& counters() const { return runner_.counters(); }
  int64_t pipeline_of(const Example& example) const { return runner_.pipeline_of(example); }

private:
  std::vector<Decision> decide(const TaskPipeline& pipeline, const at::Tensor& outputs,
                               const Batch& batch) const;
  /// Predictions of the examples `which`, whose verbalizers have the model generate a text.
  void predict_texts(const std::vector<const Example*>& examples, const std::vector<int64_t>& which,
                     std::vector<Prediction>& predictions, ExampleNotes& notes);

  BatchRunner runner_;
  TextWriter writer_;
  std::unique_ptr<Scorer> scorer_;
};

} // namespace cuecard
