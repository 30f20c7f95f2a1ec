// Cases of verbalizers: scores, decisions, calibration, and label words of every number and length.
#include <cmath>
#include <numeric>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/sin.h>

#include <cuecard/error.hpp>

#include "conformance/case.hpp"
#include "conformance/planted_task.hpp"
#include "engine/predict/batch_runner.hpp"
#include "engine/predict/scores.hpp"

namespace cuecard::conformance {

namespace {

constexpr int64_t rows_of_task = 6;
constexpr double rounding = 1e-4;

/// Prepared, calibrated and fitted, as a card that is trained with the tuner `manual` or with that of `choice`.
TaskPipeline fitted(const Subject& subject, const Model& model, const std::vector<Example>& rows,
                    const PlantedChoice& choice) {
  TaskPipeline pipeline = planted_pipeline(subject, model, choice, rows);
  trained(model, pipeline, rows, short_training(2, rows_of_task), subject.seed);
  return pipeline;
}

TaskPipeline fitted(const Subject& subject, const Model& model, const std::vector<Example>& rows) {
  return fitted(subject, model, rows, planted_with(subject));
}

/// Calls `use` with the outputs that the verbalizer asks for, as a leaf, and its scores of them.
template <class Use>
void for_each_scored(const Model& model, const TaskPipeline& pipeline, const std::vector<Example>& rows,
                     Use&& use) {
  BatchRunner runner(model, {&pipeline}, {});
  const std::vector<const Example*> examples = pointers(rows);
  ExampleNotes notes(examples.size());
  const at::NoGradGuard frozen;
  runner.run(runner.examples(examples, notes), [&](const ForwardBatch& forward) {
    forward.for_each_card([&](int64_t card, int64_t, const Batch& part, const at::Tensor& hidden) {
      const at::Tensor outputs =
          runner.backbone(card).project(hidden, pipeline.verbalizer->output_request(), part).detach().clone();
      const at::AutoGradMode gradients(true);
      outputs.requires_grad_(true);
      use(outputs, scores_of(pipeline, outputs, part, {}), part);
    });
  });
}

bool labels_examples(const TaskPipeline& pipeline) {
  return pipeline.predicts() == Predicts::labels;
}

std::string scores(const Subject& subject) {
  return for_each_model(subject, [&](const Model& model, const Family&) {
    const std::vector<Example> rows = planted_rows(rows_of_task, subject.seed);
    const TaskPipeline pipeline = fitted(subject, model, rows);
    if (pipeline.verbalizer->generation())
      throw NotApplicable("its predictions are texts, which have no scores of labels.");
    bool any = false;
    for_each_scored(
        model, pipeline, rows, [&](const at::Tensor& outputs, const Scores& found, const Batch& part) {
          any = true;
          require(at::isfinite(found.values).all().item<bool>(), "a score is not finite.");
          require(found.values.scalar_type() == at::kFloat, "the scores are not float32.");
          if (labels_examples(pipeline)) {
            require(std::ssize(found.offsets) - 1 >= 1 && part.size() >= 1,
                    "there is no decision for a batch.");
            for (std::size_t i = 0; i + 1 < found.offsets.size(); ++i)
              require(found.offsets[i + 1] - found.offsets[i] == std::ssize(pipeline.labels),
                      "a decision has " + std::to_string(found.offsets[i + 1] - found.offsets[i]) +
                          " scores; expected one for each of the " + std::to_string(pipeline.labels.size()) +
                          " labels.");
          }
          require(found.values.requires_grad(),
                  "the scores do not depend on the model's outputs: their gradient ends in `score`.");
          // Weighted, because the sum of log-probabilities may have no gradient.
          (found.values * at::arange(1, found.values.numel() + 1, found.values.options()).sin())
              .sum()
              .backward();
          require(outputs.grad().defined() && outputs.grad().abs().sum().item<double>() > 0,
                  "no gradient reaches the model's outputs from the scores.");
          require(at::isfinite(outputs.grad()).all().item<bool>(), "a gradient of the scores is not finite.");
        });
    require(any, "no example could be scored.");
  });
}

void check_decisions(const TaskPipeline& pipeline, const std::vector<Prediction>& found) {
  for (const Prediction& prediction : found) {
    require(prediction.problem.empty(), "an example could not be used: " + prediction.problem);
    const std::vector<double>& probabilities = prediction.decision.probabilities;
    if (!labels_examples(pipeline) || probabilities.empty())
      continue;
    require(probabilities.size() == pipeline.labels.size(),
            "a decision has " + std::to_string(probabilities.size()) +
                (probabilities.size() == 1 ? " probability for " : " probabilities for ") +
                std::to_string(pipeline.labels.size()) + " labels.");
    for (const double probability : probabilities)
      require(std::isfinite(probability) && probability >= 0 && probability <= 1 + rounding,
              "a probability is " + shown(probability) + ".");
    const double sum = std::accumulate(probabilities.begin(), probabilities.end(), 0.0);
    require(std::abs(sum - 1) < rounding, "the probabilities of an example add up to " + shown(sum) + ".");
    require(prediction.label() >= 0, "an example has no label.");
    const double best = *std::max_element(probabilities.begin(), probabilities.end());
    require(probabilities.at(static_cast<std::size_t>(prediction.label())) > best - rounding,
            "the label of an example is not the most likely one.");
  }
}

std::string decisions(const Subject& subject) {
  return for_each_model(subject, [&](const Model& model, const Family&) {
    const std::vector<Example> rows = planted_rows(rows_of_task, subject.seed);
    const TaskPipeline pipeline = fitted(subject, model, rows);
    const std::vector<Prediction> found = predictions(model, pipeline, rows);
    check_decisions(pipeline, found);
    std::vector<Example> reversed(rows.rbegin(), rows.rend());
    std::vector<Prediction> other = predictions(model, pipeline, reversed), single;
    std::reverse(other.begin(), other.end());
    for (const Example& row : rows)
      single.push_back(predictions(model, pipeline, {row}).at(0));
    for (const auto& [what, compared] :
         {std::pair{"in the other order", &other}, std::pair{"by themselves", &single}}) {
      const double difference = largest_difference(found, *compared, std::string("examples ") + what);
      require(difference < rounding,
              std::string("examples ") + what + " have other probabilities, by " + shown(difference) + ".");
    }
  });
}

std::string calibration(const Subject& subject) {
  return for_each_model(subject, [&](const Model& model, const Family&) {
    const std::vector<Example> rows = planted_rows(rows_of_task, subject.seed),
                               others = planted_rows(rows_of_task, subject.seed + 100);
    const auto calibrate = [&](TaskPipeline& pipeline, const std::vector<Example>& by) {
      fit_verbalizer(model, pipeline, pointers(by));
      return predictions(model, pipeline, rows);
    };
    TaskPipeline once = planted_pipeline(subject, model, planted_with(subject), rows),
                 again = planted_pipeline(subject, model, planted_with(subject), rows);
    const std::vector<Prediction> first = calibrate(once, rows);
    calibrate(again, others);
    const double difference = largest_difference(first, calibrate(again, rows), "calibrated a second time");
    require(difference < 1e-5, "what it was calibrated or fitted with before changes its probabilities by " +
                                   shown(difference) + "; a calibration begins anew.");
  });
}

/// Predicts with `choice`; what a component refuses with a sentence is a remark.
std::string with_labels(const Subject& subject, const std::string& what, const PlantedChoice& choice) {
  const std::string remark = for_each_model(subject, [&](const Model& model, const Family&) {
    std::vector<Example> rows = planted_rows(rows_of_task, subject.seed);
    for (Example& row : rows) {
      row.label %= choice.labels;
      for (int64_t& label : row.word_labels)
        label %= choice.labels;
    }
    try {
      const TaskPipeline pipeline = fitted(subject, model, rows, choice);
      check_decisions(pipeline, predictions(model, pipeline, rows));
    } catch (const UsageError& refusal) {
      throw Refused(refusal.what());
    } catch (const DataError& refusal) {
      throw Refused(refusal.what());
    }
  });
  return remark.empty() ? "" : what + ": " + remark + " ";
}

std::string label_counts(const Subject& subject) {
  std::string remarks, refused;
  const auto look = [&](const std::string& what, const PlantedChoice& choice) {
    try {
      remarks += with_labels(subject, what, choice);
    } catch (const Wrong& wrong) {
      const std::string text = wrong.what();
      if (text.find("refuses the kit's task") == std::string::npos)
        throw Wrong(what + ": " + text);
      refused += (refused.empty() ? "" : "; ") + what + " (" + text.substr(text.find("--set. ") + 7) + ")";
    }
  };
  PlantedChoice choice = planted_with(subject);
  choice.labels = 1;
  look("one label", choice);
  choice.labels = 100;
  look("a hundred labels", choice);
  choice.labels = 2;
  choice.label_words = {{"quite terrible"}, {"unquestionably moving"}};
  look("label words of several tokens", choice);
  return refused.empty() ? "" : "it refuses " + refused + ".";
}

std::string card(const Subject& subject) {
  return for_each_model(subject, [&](const Model& model, const Family& family) {
    const std::vector<Example> rows = planted_rows(rows_of_task, subject.seed);
    const TaskPipeline pipeline = fitted(subject, model, rows);
    const double difference = difference_after_saving(subject, model, pipeline, rows, family.name);
    require(difference == 0, "the probabilities after saving and reading the card differ by " +
                                 shown(difference) + "; expected the same bits: `state` lacks something.");
  });
}

} // namespace

std::vector<Case> verbalizer_cases() {
  return {
      {"verbalizer-scores", CUECARD_VERBALIZER,
       "scores are finite, one for each label, and their gradient reaches the model's outputs", &scores},
      {"verbalizer-decisions", CUECARD_VERBALIZER,
       "one decision for each example, in order, the same alone as in a batch", &decisions},
      {"verbalizer-calibration", CUECARD_VERBALIZER, "a calibration leaves nothing for the next one",
       &calibration},
      {"verbalizer-labels", CUECARD_VERBALIZER,
       "one label, a hundred labels, label words of several tokens: decided, or refused with a sentence",
       &label_counts},
      {"verbalizer-card", CUECARD_VERBALIZER,
       "a card gives the same probabilities, bit for bit, after saving and reading it", &card},
  };
}

} // namespace cuecard::conformance
