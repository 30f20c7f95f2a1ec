#include "engine/task_pipeline.hpp"

#include <algorithm>
#include <span>

#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>

#include "card/position_conventions.hpp"
#include "engine/checks/returned_state.hpp"
#include "engine/checks/returned_values.hpp"
#include "engine/counters.hpp"
#include "engine/guarded.hpp"
#include "engine/pipeline_components.hpp"
#include "engine/untrained_tuner.hpp"
#include "registry/guard.hpp"
#include "registry/options.hpp"
#include "registry/registry.hpp"

namespace cuecard {

namespace {

constexpr const char* created_by = "cuecard " CUECARD_VERSION;

/// The conditioning of a pipeline, for properties that do not depend on the batch. An input-dependent tuner
/// gets an input of zeros.
Conditioning condition_once(const TaskPipeline& pipeline, const Model& model) {
  const InputFeatures& features = pipeline.input_features;
  ConditionArgs args{pipeline.task, {}};
  if (features) {
    const BackboneShape& shape = model.shape();
    const int64_t width =
        features.kind == InputFeatures::Kind::hidden_state ? shape.hidden : shape.embedding_width;
    args.inputs = at::zeros({1, width}, at::TensorOptions(at::kFloat).device(model.backbone().device()));
  }
  return pipeline.tuner->condition(args);
}

/// For the card: whether soft prompts and prefixes shift the positions of the text after them.
const char* position_convention(const Conditioning& conditioning) {
  for (const Prefix& prefix : conditioning.prefixes)
    if (prefix.site != PrefixSite::cross && prefix.positions == 0)
      return prefixes_do_not_count;
  return all_positions_count;
}

void check_slots(const TaskPipeline& pipeline) {
  if (pipeline.layout.positions.kind != OutputPositions::Kind::answer_slots)
    return;
  const int64_t has = pipeline.prompt_template->answer_slots(), needs = pipeline.verbalizer->num_answer_slots();
  if (needs > 0 && has != needs)
    throw UsageError("the template has " + counted(has, "answer slot") + ", but the verbalizer \"" +
                     pipeline.record.verbalizer.component + "\" needs " + std::to_string(needs) + ".");
}

void prepare_verbalizer(TaskPipeline& pipeline, const Model& model, NamedByOptions named) {
  pipeline.verbalizer->prepare({model.vocabulary(),
                                model.backbone(),
                                pipeline.labels,
                                pipeline.record.label_words,
                                {},
                                std::move(named.files),
                                std::move(named.cards),
                                pipeline.record.seed,
                                pipeline.record.multi_label});
  pipeline.representatives = pipeline.verbalizer->label_representatives();
}

void check_multi_label(const TaskPipeline& pipeline) {
  if (pipeline.record.multi_label && !pipeline.verbalizer->supports_multi_label())
    throw UsageError("the task has several labels for one example (\"multi_label\"), and the verbalizer \"" +
                     pipeline.record.verbalizer.component +
                     "\" predicts one: use \"manual\", \"soft\" or \"head\".");
}

void check_windows(const TaskPipeline& pipeline) {
  const OutputPositions::Kind kind = pipeline.layout.positions.kind;
  if (pipeline.limit.truncate == Truncate::windows && kind != OutputPositions::Kind::tokens &&
      kind != OutputPositions::Kind::words)
    throw UsageError(
        "\"truncate\": \"windows\" is for verbalizers that use the tokens or words of a text, and \"" +
        pipeline.record.verbalizer.component +
        "\" uses one position of a prompt: set it to \"tail\", \"head\" or \"balanced\".");
}

/// Binds template and verbalizer to each other and to the model.
void prepare_task(TaskPipeline& pipeline, const Model& model, std::map<std::string, std::string> template_files,
                  NamedByOptions for_verbalizer) {
  pipeline.layout = model.prompt_layout();
  pipeline.layout.positions = pipeline.verbalizer->output_positions();
  pipeline.layout.masked_targets = true;
  pipeline.prompt_template->prepare({model.vocabulary(), pipeline.layout, std::move(template_files)});
  check_multi_label(pipeline);
  prepare_verbalizer(pipeline, model, std::move(for_verbalizer));
  check_slots(pipeline);
  check_windows(pipeline);
}

/// UsageError if the tuner's prefixes leave no position of the model for a text.
void require_room(const TaskPipeline& pipeline, const Model& model) {
  const int64_t positions = model.shape().max_positions;
  if (positions > 0 && pipeline.prefix_positions >= positions)
    throw UsageError("the prefix of the tuner \"" + pipeline.record.tuner.component + "\" takes " +
                     std::to_string(pipeline.prefix_positions) + " positions, and the model has " +
                     std::to_string(positions) +
                     ", so no text has room; set the tuner's length to less, such as "
                     "--set length=" +
                     std::to_string(std::max<int64_t>(1, std::min<int64_t>(20, positions / 4))) + ".");
}

/// What a tuner is prepared for: what doesn't fit another model than the card's is not the plugin's fault.
enum class Target { its_model, another_model };

/// The model with the weights that the tuner replaces.
std::shared_ptr<const Backbone> with_weights(const TensorMap& weights, const Model& model,
                                             const CardComponent& tuner, Target target) {
  try {
    return model.with(weights);
  } catch (const DataError&) {
    if (const std::string reason = unfit_weight(weights, model.backbone());
        target == Target::its_model && !reason.empty())
      throw registry::HostPluginError(tuner.plugin, tuner.component, "replaced_weights", reason);
    throw;
  }
}

/// Binds the tuner that all of `pipelines` share to them.
void prepare_tuner(std::span<TaskPipeline> pipelines, const Model& model,
                   const std::vector<const std::vector<Example>*>& train, NamedByOptions named,
                   Target target = Target::its_model) {
  TaskPipeline& first = pipelines.front();
  Problem problem{model.backbone(),  model.vocabulary(),     {},
                  first.record.seed, std::move(named.files), std::move(named.cards)};
  for (std::size_t i = 0; i < pipelines.size(); ++i) {
    TaskPipeline& pipeline = pipelines[i];
    pipeline.task = static_cast<int64_t>(i);
    problem.tasks.push_back({pipeline.name, *pipeline.prompt_template, *pipeline.verbalizer, pipeline.labels,
                             i < train.size() ? train[i] : nullptr, nullptr, pipeline.metric,
                             pipeline.record.multi_label});
  }
  first.tuner->prepare(problem);
  if (const TensorMap weights = first.tuner->replaced_weights(); !weights.empty()) {
    const std::shared_ptr<const Backbone> own = with_weights(weights, model, first.record.tuner, target);
    for (TaskPipeline& pipeline : pipelines)
      pipeline.own_backbone = own;
  }
  for (TaskPipeline& pipeline : pipelines) {
    pipeline.input_features = first.tuner->input_features();
    const Conditioning conditioning = condition_once(pipeline, model);
    pipeline.record.positions = position_convention(conditioning);
    for (const Prefix& prefix : conditioning.prefixes)
      pipeline.prefix_positions = std::max(pipeline.prefix_positions, prefix.positions);
    require_room(pipeline, model);
  }
}

Target target_of(const Card& card, const Model& model) {
  try {
    check_identity(card, model.identity());
    return Target::its_model;
  } catch (const DataError&) { // it was forced
    return Target::another_model;
  }
}

/// Everything in `choice` except its tuner.
void make_components(TaskPipeline& pipeline, const registry::Registry& plugins, const PipelineChoice& choice) {
  Card& record = pipeline.record;
  pipeline.name = record.name = choice.name;
  pipeline.labels = record.labels = choice.labels;
  pipeline.limit = record.length = choice.limit;
  record.label_words = choice.label_words;
  record.columns = choice.columns;
  record.label_values = choice.label_values;
  record.multi_label = choice.multi_label;
  record.negative_label = choice.negative_label;
  record.metric = choice.metric;
  record.seed = choice.seed;
  pipeline.prompt_template =
      make_chosen<Template>(plugins, CUECARD_TEMPLATE, choice.prompt_template, record.prompt_template);
  pipeline.verbalizer =
      make_chosen<Verbalizer>(plugins, CUECARD_VERBALIZER, choice.verbalizer, record.verbalizer);
}

void prepare_chosen(TaskPipeline& pipeline, const Model& model, const registry::Registry& plugins,
                    const PipelineChoice& choice) {
  const Card& record = pipeline.record;
  prepare_task(pipeline, model, named_by(plugins, CUECARD_TEMPLATE, record.prompt_template, model).files,
               named_by(plugins, CUECARD_VERBALIZER, record.verbalizer, model));
  pipeline.metric = choice.metric.empty() ? default_metric(pipeline.predicts()) : choice.metric;
}

} // namespace

CountedBackbone TaskPipeline::backbone(const Model& model, Counters& counters) const {
  return {own_backbone ? *own_backbone : model.backbone(), counters};
}

int64_t TaskPipeline::representative(int64_t label) const {
  return representatives.empty() ? label : representatives.at(static_cast<std::size_t>(label));
}

Predicts TaskPipeline::predicts() const {
  if (verbalizer->generation() || layout.positions.kind == OutputPositions::Kind::tokens)
    return Predicts::texts;
  if (record.multi_label)
    return Predicts::label_sets;
  return labels_words() ? Predicts::words : Predicts::labels;
}

int64_t TaskPipeline::parameters() const {
  int64_t count = 0;
  for (const auto& groups : {tuner->parameters(), verbalizer->parameters()})
    for (const ParameterGroup& group : groups)
      for (const at::Tensor& tensor : group.tensors)
        count += tensor.numel();
  return count;
}

TaskPipeline make_pipeline(const Model& model, const registry::Registry& plugins, const PipelineChoice& choice,
                           const std::vector<Example>* train) {
  return std::move(make_pipelines(model, plugins, {choice}, {train})[0]);
}

std::vector<TaskPipeline> make_pipelines(const Model& model, const registry::Registry& plugins,
                                         const std::vector<PipelineChoice>& choices,
                                         const std::vector<const std::vector<Example>*>& train) {
  std::vector<TaskPipeline> pipelines;
  for (const PipelineChoice& choice : choices) {
    TaskPipeline& pipeline = pipelines.emplace_back();
    make_components(pipeline, plugins, choice);
    if (pipelines.size() == 1)
      pipeline.tuner = make_chosen<Tuner>(plugins, CUECARD_TUNER, choice.tuner, pipeline.record.tuner);
    pipeline.tuner = pipelines[0].tuner;
    pipeline.record.tuner = pipelines[0].record.tuner;
    prepare_chosen(pipeline, model, plugins, choice);
  }
  prepare_tuner(pipelines, model, train, named_by(plugins, CUECARD_TUNER, pipelines.at(0).record.tuner, model));
  return pipelines;
}

TaskPipeline make_untrained_pipeline(const Model& model, const registry::Registry& plugins,
                                     const PipelineChoice& choice) {
  TaskPipeline pipeline;
  make_components(pipeline, plugins, choice);
  pipeline.tuner = std::make_shared<UntrainedTuner>();
  prepare_chosen(pipeline, model, plugins, choice);
  return pipeline;
}

namespace {

/// The pipeline of `card`, with the states of tuner and verbalizer still to be loaded.
TaskPipeline unloaded(const Model& model, const registry::Registry& plugins, const Card& card, Force force) {
  check_identity(card, model.identity(), force);
  TaskPipeline pipeline;
  pipeline.record = card;
  pipeline.name = card.name;
  pipeline.labels = card.labels;
  pipeline.limit = card.length;
  pipeline.prompt_template = make_recorded<Template>(plugins, CUECARD_TEMPLATE, card.prompt_template, card.name,
                                                     pipeline.record.prompt_template);
  pipeline.verbalizer = make_recorded<Verbalizer>(plugins, CUECARD_VERBALIZER, card.verbalizer, card.name,
                                                  pipeline.record.verbalizer);
  pipeline.tuner = make_recorded<Tuner>(plugins, CUECARD_TUNER, card.tuner, card.name, pipeline.record.tuner);
  if (pipeline.prompt_template->source() != card.template_source)
    pipeline.prompt_template->set_source(card.template_source);
  NamedByOptions template_files;
  if (card.template_state.empty())
    template_files = named_by(plugins, CUECARD_TEMPLATE, pipeline.record.prompt_template, model);
  prepare_task(pipeline, model, template_files.files, {});
  pipeline.prompt_template->load_state(card.template_state);
  pipeline.metric = !card.metrics.empty()  ? card.metrics.back().name
                    : !card.metric.empty() ? card.metric
                                           : default_metric(pipeline.predicts());
  prepare_tuner({&pipeline, 1}, model, {}, {}, target_of(card, model));
  return pipeline;
}

/// Loads what the same component's `state` returned, in the form that a card has it.
template <class Loaded>
void load_own(Loaded& loaded, ComponentState state, const CardComponent& component) {
  for (auto& [name, tensor] : state.tensors)
    tensor =
        tensor.detach().to(at::kCPU, tensor.scalar_type(), /*non_blocking=*/false, /*copy=*/true).contiguous();
  const auto refused = [&](const std::string& text) {
    return registry::HostPluginError(component.plugin, component.component, "load_state",
                                     "it refused the state that `state` returned: " + text);
  };
  try {
    loaded.load_state(state);
  } catch (const PluginError& error) {
    throw refused(registry::text_without_names(error));
  } catch (const Error& error) {
    throw refused(error.what());
  }
}

} // namespace

TaskPipeline pipeline_from_card(const Model& model, const registry::Registry& plugins, const Card& card,
                                Force force) {
  TaskPipeline pipeline = unloaded(model, plugins, card, force);
  pipeline.verbalizer->load_state(card.verbalizer_state);
  pipeline.tuner->load_state(card.tuner_state);
  return pipeline;
}

void try_card(const TaskPipeline& pipeline, const Model& model, const registry::Registry& plugins) {
  const Card card = to_card(pipeline, model);
  const bool tuner = has_tensors(pipeline.tuner->parameters()),
             verbalizer = has_tensors(pipeline.verbalizer->parameters());
  if (pipeline.own_backbone || (!tuner && !verbalizer))
    return;
  const TaskPipeline again = unloaded(model, plugins, card, Force::no_such_flag);
  if (verbalizer)
    load_own(*again.verbalizer, card.verbalizer_state, card.verbalizer);
  if (tuner)
    load_own(*again.tuner, card.tuner_state, card.tuner);
}

void keep_plain_prompt(TaskPipeline& pipeline, const Model& model, const registry::Registry& plugins,
                       const std::vector<std::vector<std::string>>& label_words) {
  Card& record = pipeline.record;
  record.training.settings.set("tuner", record.tuner.component);
  for (const auto& [name, value] : record.tuner.options.values())
    record.training.settings.set("tuner." + name, value);
  std::string triggers; // as ids, since the template only has their text
  for (const int64_t id : pipeline.prompt_template->triggers())
    triggers += (triggers.empty() ? "" : " ") + std::to_string(id);
  if (!triggers.empty())
    record.training.settings.set("trigger-ids", triggers);
  pipeline.tuner = make_chosen<Tuner>(plugins, CUECARD_TUNER, {}, record.tuner);
  pipeline.own_backbone = nullptr;
  if (!label_words.empty()) {
    const ComponentState trained = pipeline.verbalizer->state();
    record.label_words = label_words;
    prepare_verbalizer(pipeline, model, named_by(plugins, CUECARD_VERBALIZER, record.verbalizer, model));
    pipeline.verbalizer->load_state(trained);
  }
  prepare_tuner({&pipeline, 1}, model, {}, {});
}

int64_t card_size(const TaskPipeline& pipeline) {
  Card card = pipeline.record;
  card.tuner_state = pipeline.tuner->state(pipeline.task);
  return card_bytes(card);
}

ComponentStates states_of(const TaskPipeline& pipeline) {
  return {pipeline.tuner->state(pipeline.task), pipeline.verbalizer->state(), pipeline.prompt_template->state(),
          pipeline.prompt_template->source()};
}

Card to_card(const TaskPipeline& pipeline, const Model& model) {
  return to_card(pipeline, model, states_of(pipeline));
}

Card to_card(const TaskPipeline& pipeline, const Model& model, ComponentStates states) {
  Card card = pipeline.record;
  card.created_by = created_by;
  card.backbone = model.identity();
  card.template_source = std::move(states.template_source);
  card.tuner_state = std::move(states.tuner);
  card.verbalizer_state = std::move(states.verbalizer);
  card.template_state = std::move(states.prompt_template);
  return card;
}

} // namespace cuecard
