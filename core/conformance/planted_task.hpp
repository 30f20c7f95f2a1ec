/// The planted task: a small data set whose rule can be learned, and pipelines of any component for it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <cuecard/example.hpp>

#include "conformance/case.hpp"
#include "conformance/tiny_model.hpp"
#include "engine/predict/predictor.hpp"
#include "engine/task_pipeline.hpp"
#include "engine/train/train.hpp"

namespace cuecard::conformance {

/// The component can't be used with this model or task; the message is its own.
class Refused : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Short texts with the word of their label among others; every example also has what other kinds of tasks need: labelled words, a
/// part of the text as an answer, two alternatives, an answer text.
std::vector<Example> planted_rows(int64_t count, uint64_t seed);

/// The seed of the models of `for_each_model`.
inline uint64_t model_seed(uint64_t seed) {
  return seed + 1;
}

struct PlantedChoice {
  /// As a pipeline names them; another plugin may have a component of the same name.
  std::string template_component = "manual/manual", verbalizer = "manual/manual", tuner = "manual/manual";
  std::vector<std::pair<std::string, std::string>> template_set = {}, verbalizer_set = {}, tuner_set = {};
  int64_t labels = 2;                                     ///< 2: bad, good
  std::vector<std::vector<std::string>> label_words = {}; ///< {}: a word for each of the labels
  std::string name = "planted";
  uint64_t seed = 0;
};

/// With the component of `subject` in its place.
PlantedChoice planted_with(const Subject& subject);

/// What the verbalizer of a choice asks of a prompt, before it is prepared.
struct Asked {
  OutputPositions positions;
  int64_t slots = 1;
};
Asked asked_by(const registry::Registry& plugins, const PlantedChoice& choice);

/// A pipeline of these components. The template's text is made for what the verbalizer and the tuner ask for: a list of words, a
/// field, one or two answer slots, trigger slots. Throws Refused if a component rejects it. `trying` is told of each text before the
/// components see it.
TaskPipeline planted_pipeline(const Subject& subject, const Model& model, const PlantedChoice& choice,
                              const std::vector<Example>& rows,
                              const std::function<void(const PipelineChoice&)>& trying = {});

/// Calls `run` with a tiny model of each family. A model for which `run` throws Refused is skipped. Wrong if all are
/// refused, NotApplicable if no backbone for any is installed. Returns which were skipped and why, or "".
std::string for_each_model(const Subject& subject, const std::function<void(const Model&, const Family&)>& run,
                           const ModelSettings& settings = {});

FitRequest short_training(int64_t steps, int64_t batch_size);

/// Trains on all rows.
TrainResult trained(const Model& model, TaskPipeline& pipeline, const std::vector<Example>& rows,
                    const FitRequest& request, uint64_t seed, const Checkpointing& checkpointing = {},
                    const Progress& progress = {});

std::vector<const Example*> pointers(const std::vector<Example>& rows);
std::vector<Prediction> predictions(const Model& model, const TaskPipeline& pipeline,
                                    const std::vector<Example>& rows);

/// The largest difference between the probabilities of two predictions; a Wrong that begins with `what` if they differ
/// otherwise (labels, text, problem).
double largest_difference(const std::vector<Prediction>& a, const std::vector<Prediction>& b,
                          const std::string& what);

/// The pipeline of its card, saved under `name` in the subject's folder and loaded again.
TaskPipeline after_saving(const Subject& subject, const Model& model, const TaskPipeline& pipeline,
                          const std::string& name);

/// The largest difference between the predictions for `rows` of the pipeline and of its card, saved under `name` in the subject's folder
/// and loaded again.
double difference_after_saving(const Subject& subject, const Model& model, const TaskPipeline& pipeline,
                               const std::vector<Example>& rows, const std::string& name);

/// Whether two states are the same bits; the name of the first that differs, else "".
std::string different_state(const ComponentState& a, const ComponentState& b);

/// `number` with three digits, for messages.
std::string shown(double number);

} // namespace cuecard::conformance
