/// Template, verbalizer and tuner of one task, prepared for one model: the in-memory form of a card.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <cuecard/template.hpp>
#include <cuecard/tuner.hpp>
#include <cuecard/verbalizer.hpp>

#include "batch/assemble.hpp"
#include "card/card.hpp"
#include "engine/model.hpp"
#include "metrics/task_metric.hpp"

namespace cuecard {

/// A component and the options set for it, as text.
struct ComponentChoice {
  std::string component = "manual";
  std::vector<std::pair<std::string, std::string>> set;
};

/// What a pipeline is made from, by a task file or by flags.
struct PipelineChoice {
  std::string name = "task";
  ComponentChoice prompt_template, verbalizer, tuner;
  std::vector<std::string> labels;
  std::vector<std::vector<std::string>> label_words; ///< per label; empty: the label's name
  bool multi_label = false;                          ///< an example may have several labels
  std::string negative_label;                        ///< the label that F1 leaves out, or ""
  LengthLimit limit;
  uint64_t seed = 0;
  std::string metric; ///< one of `metric_names`; "": the default for what the verbalizer predicts
  std::optional<RecordLayout> columns;                ///< Card::columns
  std::vector<std::vector<std::string>> label_values; ///< Card::label_values
};

class CountedBackbone;
struct Counters;

struct TaskPipeline {
  std::string name;
  int64_t task = 0; ///< its number among its tuner's tasks
  /// Model positions that the tuner's prefixes occupy and the text can't use.
  int64_t prefix_positions = 0;
  std::shared_ptr<Template> prompt_template;
  std::shared_ptr<Verbalizer> verbalizer;
  std::shared_ptr<Tuner> tuner;
  std::vector<std::string> labels;
  std::string metric;  ///< of a card: the metric it was last evaluated with
  PromptLayout layout; ///< of its prompts
  std::vector<int64_t>
      representatives;          ///< Verbalizer::label_representatives, since the verbalizer was prepared
  InputFeatures input_features; ///< Tuner::input_features
  LengthLimit limit;
  /// The model with the weights that its tuner replaced; null when it replaced none. A pipeline with its own
  /// backbone does not share batches with others.
  std::shared_ptr<const Backbone> own_backbone;
  /// Its card without tensors; `to_card` adds them.
  Card record;

  /// Whether it labels words instead of whole examples.
  bool labels_words() const { return layout.positions.kind == OutputPositions::Kind::words; }
  /// The representative of `label` (Verbalizer::label_representatives).
  int64_t representative(int64_t label) const;
  /// What the verbalizer predicts. It must have been created.
  Predicts predicts() const;

  /// Trained parameters: elements of all parameter groups of tuner and verbalizer.
  int64_t parameters() const;

  /// The backbone that its examples go through.
  CountedBackbone backbone(const Model& model, Counters& counters) const;
};

/// Builds and prepares the components. `train` may be null when nothing is trained.
TaskPipeline make_pipeline(const Model& model, const registry::Registry& plugins, const PipelineChoice& choice,
                           const std::vector<Example>* train = nullptr);

/// The same for several tasks that are trained together: one pipeline per choice, all with the tuner that the
/// first one names. `train` has one element per choice or none at all.
std::vector<TaskPipeline> make_pipelines(const Model& model, const registry::Registry& plugins,
                                         const std::vector<PipelineChoice>& choices,
                                         const std::vector<const std::vector<Example>*>& train);

/// Template and verbalizer of `choice` with an UntrainedTuner, to show the task's prompts.
TaskPipeline make_untrained_pipeline(const Model& model, const registry::Registry& plugins,
                                     const PipelineChoice& choice);

/// The pipeline of a saved card. Files and cards that its options name are not read again, since its state
/// holds what was taken from them. The card must have been trained for this model, unless forced.
TaskPipeline pipeline_from_card(const Model& model, const registry::Registry& plugins, const Card& card,
                                Force force = Force::no_such_flag);

/// Loads a card of the pipeline's current state into new components and drops them, so that a state that can't be loaded again is found
/// before anything is learned. Only if tuner or verbalizer have trained tensors, and not where the tuner replaces weights of the model:
/// its state may be as large as the model. PluginError that names `load_state`.
void try_card(const TaskPipeline& pipeline, const Model& model, const registry::Registry& plugins);

/// Turns a pipeline whose tuner found a plain prompt (FitReport::plain_prompt) into one that needs no tuner:
/// its tuner becomes `manual`, and the record's training settings say which tuner searched and how. Label words
/// that were found, if any, replace the task's.
void keep_plain_prompt(TaskPipeline& pipeline, const Model& model, const registry::Registry& plugins,
                       const std::vector<std::vector<std::string>>& label_words);

/// Size of the card's files with the tuner's current state, which are made in memory. PluginError if what the tuner returned can't be
/// saved.
int64_t card_size(const TaskPipeline& pipeline);

/// What a card holds of its components.
struct ComponentStates {
  ComponentState tuner, verbalizer, prompt_template;
  std::string template_source = {};
};

/// The current states, which may share memory with what is trained. PluginError if what a component returned can't be saved.
ComponentStates states_of(const TaskPipeline& pipeline);

/// The card of the pipeline's current state: components, options, trained tensors, the model's identity.
Card to_card(const TaskPipeline& pipeline, const Model& model);
/// The same with `states` instead of the current ones.
Card to_card(const TaskPipeline& pipeline, const Model& model, ComponentStates states);

} // namespace cuecard
