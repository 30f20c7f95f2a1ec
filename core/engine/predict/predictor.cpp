#include "engine/predict/predictor.hpp"

#include <algorithm>
#include <map>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/topk.h>

#include <cuecard/error.hpp>

#include "engine/checks/finite_check.hpp"
#include "engine/predict/ensemble.hpp"
#include "engine/predict/pipeline_scorer.hpp"
#include "engine/predict/scores.hpp"

namespace cuecard {

Predictor::Predictor(const Model& model, const std::vector<const TaskPipeline*>& pipelines,
                     const PredictSettings& settings)
    : runner_(model, pipelines, settings), writer_(runner_), scorer_(make_scorer(runner_, writer_)) {}

Predictor::~Predictor() = default;

void Predictor::remove(int64_t card) {
  writer_.forget(card);
  runner_.remove(card);
}

std::vector<Decision> Predictor::decide(const TaskPipeline& pipeline, const at::Tensor& outputs,
                                        const Batch& batch) const {
  if (has_members(batch))
    return ensemble_decisions(pipeline, outputs, batch, runner_.settings().vote, runner_.model());
  return decisions_of(pipeline, scores_of(pipeline, outputs, batch, {}), batch, runner_.model());
}

std::vector<Prediction> Predictor::predict(const std::vector<const Example*>& examples,
                                           const std::function<void(int64_t)>& done) {
  const at::InferenceMode inference;
  std::vector<Prediction> predictions(examples.size());
  ExampleNotes notes(examples.size());
  int64_t finished = 0;
  std::vector<int64_t> to_generate; // examples whose prediction is a generated text
  const RunSource all = runner_.examples(examples, notes);
  const auto scored = [&](int64_t index) {
    if (!writer_.generates(*examples[static_cast<std::size_t>(index)]))
      return all.items(index);
    to_generate.push_back(index);
    return std::vector<RunItem>();
  };
  runner_.run({all.count, scored}, [&](const ForwardBatch& forward) {
    forward.for_each_card([&](int64_t card, int64_t first, const Batch& part, const at::Tensor& hidden) {
      const TaskPipeline& pipeline = runner_.pipeline(card);
      const at::Tensor outputs =
          runner_.backbone(card).project(hidden, pipeline.verbalizer->output_request(), part);
      std::vector<Decision> decisions = decide(pipeline, outputs, part);
      std::vector<int64_t> decided; // examples in the order of their decisions
      for (int64_t e = 0; e < part.size(); ++e)
        if (part.begins_example(e))
          decided.push_back(forward.items[static_cast<std::size_t>(first + e)].index);
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
  if (!to_generate.empty()) {
    predict_texts(examples, to_generate, predictions, notes);
    if (done)
      done(finished + std::ssize(to_generate));
  }
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    predictions[i].problem = std::move(notes.problems[i]);
    predictions[i].cut = std::move(notes.cut[i]);
  }
  return predictions;
}

void Predictor::predict_texts(const std::vector<const Example*>& examples, const std::vector<int64_t>& which,
                              std::vector<Prediction>& predictions, ExampleNotes& notes) {
  std::map<int64_t, std::vector<int64_t>> by_card; // each card has its own settings
  for (const int64_t index : which)
    by_card[runner_.pipeline_of(*examples[static_cast<std::size_t>(index)])].push_back(index);
  for (const auto& [card, indices] : by_card) {
    std::vector<const Example*> own;
    for (const int64_t index : indices)
      own.push_back(examples[static_cast<std::size_t>(index)]);
    ExampleNotes found;
    const auto texts = writer_.generate(own, *runner_.pipeline(card).verbalizer->generation(), &found);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const auto index = static_cast<std::size_t>(indices[i]);
      predictions[index].card = card;
      notes.problems[index] = found.problems[i];
      notes.cut[index] = found.cut[i];
      if (found.problems[i].empty())
        predictions[index].decision = decision_of(texts[i].at(0));
    }
  }
}

std::vector<std::vector<SlotTokens>> Predictor::fill(const std::vector<const Example*>& examples, int64_t count,
                                                     ExampleNotes* notes) {
  const at::InferenceMode inference;
  std::vector<std::vector<SlotTokens>> result(examples.size());
  ExampleNotes found(examples.size());
  const CountedBackbone backbone = runner_.backbone(0);
  runner_.run(runner_.examples(examples, found), [&](const ForwardBatch& forward) {
    at::Tensor scores = backbone.project(forward.hidden, {OutputRequest::Kind::log_probs}, forward.batch);
    // Rows of an embedding matrix that was padded to a round size belong to no token.
    scores = scores.narrow(1, 0, std::min(scores.size(1), runner_.model().vocabulary().size()));
    const auto [values, ids] = at::topk(scores, std::min(count, scores.size(1)), 1);
    const at::Tensor log_probs = values.to(at::kCPU, at::kDouble).contiguous(),
                     tokens = ids.to(at::kCPU).contiguous();
    check_numbers(log_probs, runner_.model());
    for (std::size_t entry = 0; entry < forward.items.size(); ++entry)
      for (int64_t answer = forward.batch.answer_offsets[entry];
           answer < forward.batch.answer_offsets[entry + 1]; ++answer) {
        const double* p = log_probs.const_data_ptr<double>() + answer * log_probs.size(1);
        const int64_t* t = tokens.const_data_ptr<int64_t>() + answer * tokens.size(1);
        result[static_cast<std::size_t>(forward.items[entry].index)].push_back(
            {{t, t + tokens.size(1)}, {p, p + log_probs.size(1)}});
      }
  });
  if (notes)
    *notes = std::move(found);
  return result;
}

} // namespace cuecard
