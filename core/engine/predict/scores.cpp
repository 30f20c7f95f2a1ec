#include "engine/predict/scores.hpp"

#include <cuecard/error.hpp>

#include "engine/checks/finite_check.hpp"
#include "engine/checks/returned_scores.hpp"
#include "registry/guard.hpp"

namespace cuecard {

namespace {

DecisionKind kind_of(Predicts predicts) {
  switch (predicts) {
  case Predicts::labels:
    return DecisionKind::label;
  case Predicts::label_sets:
    return DecisionKind::label_set;
  case Predicts::words:
    return DecisionKind::words;
  case Predicts::texts:
    return DecisionKind::text;
  }
  return DecisionKind::text;
}

} // namespace

Scores scores_of(const TaskPipeline& pipeline, const at::Tensor& outputs, const Batch& batch,
                 const Pass& pass) {
  Scores scores = pipeline.verbalizer->score({outputs, batch, pass});
  // Where prompts are compared, the decision belongs to the first of them.
  const auto decisions = scores.offsets.size() - 1;
  for (std::size_t d = 0; d < decisions && !pipeline.labels_words(); ++d)
    if (batch.choices[scores.entries.empty() ? d : static_cast<std::size_t>(scores.entries[d])] > 0)
      throw UsageError("the template makes a prompt for each alternative of an example, but the verbalizer \"" +
                       pipeline.record.verbalizer.component +
                       "\" labels each prompt by itself: choose one that compares them, such as \"choices\", "
                       "or remove {\"choice\"} from the template.");
  return scores;
}

std::vector<Decision> decisions_of(const TaskPipeline& pipeline, Scores scores, const Batch& batch,
                                   const Model& model) {
  scores.values = scores.values.to(at::kCPU);
  check_numbers(scores.values, model);
  std::vector<Decision> decisions = pipeline.verbalizer->decide({scores, batch});
  int64_t examples = 0;
  for (int64_t e = 0; e < batch.size(); ++e)
    examples += batch.begins_example(e);
  const CardComponent& verbalizer = pipeline.record.verbalizer;
  registry::guarded(verbalizer.plugin, verbalizer.component, "decide", [&] {
    check_decisions(decisions, examples, std::ssize(pipeline.labels), kind_of(pipeline.predicts()));
  });
  return decisions;
}

} // namespace cuecard
