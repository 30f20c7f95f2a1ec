#include "engine/predictor.hpp"

#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/topk.h>

#include <cuecard/error.hpp>

#include "engine/ensemble.hpp"
#include "engine/fronts.hpp"
#include "engine/generator.hpp"
#include "engine/numbers.hpp"
#include "engine/predictor_rows.hpp"
#include "engine/scores.hpp"

namespace cuecard {

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

Predictor::Predictor(const Model& model, std::vector<const Method*> methods, const PredictSettings& settings)
    : model_(model), methods_(std::move(methods)), settings_(settings) {
  const at::NoGradGuard no_grad;
  std::vector<Conditioning> conditionings;
  for (const Method* method : methods_)
    conditionings.push_back(method->tuner->condition(method->task, {}));
  mix_ = std::make_unique<CardMix>(std::move(conditionings));
  fronts_ = std::make_unique<Fronts>(model_, methods_);
  scorer_ = make_scorer();
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

std::vector<Decision> Predictor::decided_by(const Method& method, const at::Tensor& values,
                                            const Batch& batch) const {
  if (has_members(batch))
    return ensemble_decisions(method, values, batch, settings_.vote);
  Scores scores = scores_of(method, values, batch, {});
  scores.values = scores.values.to(at::kCPU);
  check_numbers(scores.values, model_);
  return method.verbalizer->decide(scores, batch);
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
    chunk.for_each_card([&](int64_t card, int64_t first, const Batch& part, const at::Tensor& hidden) {
      const Method& method = *methods_[static_cast<std::size_t>(card)];
      const at::Tensor values =
          method.backbone(model_, counters_).read(hidden, method.verbalizer->readout(), part);
      std::vector<Decision> decisions = decided_by(method, values, part);
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
    check_numbers(log_probs, model_);
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

} // namespace cuecard
