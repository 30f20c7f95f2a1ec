#include "engine/guarded.hpp"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string_view>

#include <ATen/ops/isfinite.h>

#include <cuecard/error.hpp>

#include "engine/checks/returned_prompts.hpp"
#include "engine/checks/returned_scores.hpp"
#include "engine/checks/returned_state.hpp"
#include "engine/checks/returned_values.hpp"
#include "registry/guard.hpp"
#include "registry/registry.hpp"

namespace cuecard {

namespace {

template <class Interface>
class Guard {
public:
  explicit Guard(Component<Interface> component) : inner_(std::move(component)) {}

protected:
  template <class Call>
  auto guard(const char* function, Call&& call) const {
    try {
      return registry::guarded(inner_.plugin, inner_.name, function, [&]() { return call(*inner_.object); });
    } catch (const UsageError& error) {
      throw UsageError(registry::naming_component(registry::detail::kind_of<Interface>, inner_.plugin,
                                                  inner_.name, error.what()));
    }
  }
  template <class Call>
  const auto& guard_reference(const char* function, Call&& call) const {
    return *registry::guarded(inner_.plugin, inner_.name, function, [&]() { return &call(*inner_.object); });
  }

  const std::string& name() const { return inner_.name; }
  const std::string& plugin() const { return inner_.plugin; }
  bool trains_tensors() const { return inner_.trains_tensors; }

private:
  Component<Interface> inner_;
};

class GuardedBackbone final : public Backbone, Guard<Backbone> {
public:
  using Guard::Guard;
  const BackboneShape& shape() const override {
    return guard_reference("shape", [](const Backbone& b) -> const BackboneShape& { return b.shape(); });
  }
  at::Device device() const override {
    return guard("device", [](const Backbone& b) { return b.device(); });
  }
  at::Tensor token_vectors(TokenTable table, const at::Tensor& ids) const override {
    return guard("token_vectors", [&](const Backbone& b) {
      at::Tensor rows = b.token_vectors(table, ids);
      check_token_vectors(rows, ids, b.device());
      return rows;
    });
  }
  at::Tensor token_dot_products(TokenTable table, const at::Tensor& rows) const override {
    return guard("token_dot_products", [&](const Backbone& b) { return b.token_dot_products(table, rows); });
  }
  at::Tensor forward(const ForwardArgs& args) const override {
    return guard("forward", [&](const Backbone& b) { return b.forward(args); });
  }
  at::Tensor project(const ProjectArgs& args) const override {
    return guard("project", [&](const Backbone& b) { return b.project(args); });
  }
  const std::map<std::string, at::Tensor>& weights() const override {
    return guard_reference(
        "weights", [](const Backbone& b) -> const std::map<std::string, at::Tensor>& { return b.weights(); });
  }
  const std::vector<LinearLayer>& linear_layers() const override {
    return guard_reference("linear_layers", [](const Backbone& b) -> const std::vector<LinearLayer>& {
      return b.linear_layers();
    });
  }
};

/// The template that a task has by default. Its errors about an example concern the template's text, and need no
/// component name.
constexpr std::string_view plain_template = "manual";

class GuardedTemplate final : public Template, Guard<Template> {
public:
  using Guard::Guard;
  void prepare(const TemplateTarget& target) override {
    layout_ = target.layout;
    vocabulary_ = &target.vocabulary;
    guard("prepare", [&](Template& t) { t.prepare(target); });
  }
  std::vector<std::string> fields() const override {
    return guard("fields", [](const Template& t) { return t.fields(); });
  }
  std::vector<Prompt> render(const RenderArgs& args) const override {
    try {
      return guard("render", [&](const Template& t) {
        std::vector<Prompt> prompts = t.render(args);
        check_rendered(prompts, t, layout_);
        return prompts;
      });
    } catch (const DataError& error) {
      if (name() == plain_template)
        throw;
      throw DataError("template \"" + name() + "\" of the plugin \"" + plugin() + "\": " + error.what());
    }
  }
  Prompt blank() const override {
    return guard("blank", [&](const Template& t) {
      Prompt prompt = t.blank();
      check_rendered({prompt}, t, layout_);
      return prompt;
    });
  }
  const std::vector<SoftSlot>& soft_slots() const override {
    return guard_reference("soft_slots", [&](const Template& t) -> const std::vector<SoftSlot>& {
      const std::vector<SoftSlot>& slots = t.soft_slots();
      if (vocabulary_)
        check_soft_slots(slots, *vocabulary_);
      return slots;
    });
  }
  int64_t answer_slots() const override {
    return guard("answer_slots", [](const Template& t) {
      const int64_t slots = t.answer_slots();
      if (slots < 0)
        throw Error("it returned " + std::to_string(slots) + "; expected a number of answer slots");
      return slots;
    });
  }
  const std::vector<int64_t>& triggers() const override {
    return guard_reference("triggers",
                           [](const Template& t) -> const std::vector<int64_t>& { return t.triggers(); });
  }
  void set_triggers(const std::vector<int64_t>& ids) override {
    guard("set_triggers", [&](Template& t) { t.set_triggers(ids); });
  }
  std::string source() const override {
    return guard("source", [](const Template& t) {
      std::string source = t.source();
      check_source(source);
      return source;
    });
  }
  void set_source(const std::string& source) override {
    guard("set_source", [&](Template& t) { t.set_source(source); });
  }
  ComponentState state() const override {
    return guard("state", [](const Template& t) {
      ComponentState state = t.state();
      check_state(state);
      return state;
    });
  }
  void load_state(const ComponentState& state) override {
    guard("load_state", [&](Template& t) { t.load_state(state); });
  }

private:
  PromptLayout layout_; ///< set by `prepare`, like the vocabulary
  const Vocabulary* vocabulary_ = nullptr;
};

/// The parameters of a tuner or verbalizer, which must be the same tensors at each call. `backbone`: null before `prepare`.
template <class Trained>
std::vector<ParameterGroup> checked_parameters(Trained& trained, const Backbone* backbone) {
  std::vector<ParameterGroup> groups = trained.parameters();
  if (backbone)
    check_parameters(groups, backbone->device());
  check_same_parameters(groups, trained.parameters());
  return groups;
}

class GuardedVerbalizer final : public Verbalizer, Guard<Verbalizer> {
public:
  using Guard::Guard;
  void prepare(const VerbalizerTarget& target) override {
    guard("prepare", [&](Verbalizer& v) { v.prepare(target); });
    backbone_ = &target.backbone;
    labels_ = std::ssize(target.labels);
    const OutputPositions::Kind positions = output_positions().kind;
    const bool labels = positions != OutputPositions::Kind::tokens && !generation();
    scored_labels_ = labels ? std::ssize(target.labels) : 0;
    weighs_labels_ = labels && positions != OutputPositions::Kind::words;
  }
  OutputPositions output_positions() const override {
    return guard("output_positions", [](const Verbalizer& v) {
      OutputPositions positions = v.output_positions();
      check_output_positions(positions);
      return positions;
    });
  }
  int64_t num_answer_slots() const override {
    return guard("num_answer_slots", [](const Verbalizer& v) {
      const int64_t slots = v.num_answer_slots();
      if (slots < 0)
        throw Error("it returned " + std::to_string(slots) +
                    "; expected a number of answer slots, or 0 for any");
      return slots;
    });
  }
  bool supports_multi_label() const override {
    return guard("supports_multi_label", [](const Verbalizer& v) { return v.supports_multi_label(); });
  }
  OutputRequest output_request() const override {
    return guard("output_request", [&](const Verbalizer& v) {
      OutputRequest request = v.output_request();
      if (backbone_)
        check_output_request(request, *backbone_);
      return request;
    });
  }
  std::vector<std::vector<std::string>> given_answers(const GivenAnswersArgs& args) const override {
    auto answers = guard("given_answers", [&](const Verbalizer& v) { return v.given_answers(args); });
    if (!answers.empty())
      gives_answers_ = true;
    return answers;
  }
  std::vector<int64_t> label_representatives() const override {
    return guard("label_representatives", [&](const Verbalizer& v) {
      std::vector<int64_t> representatives = v.label_representatives();
      check_representatives(representatives, labels_);
      return representatives;
    });
  }
  void calibrate(Scorer& scorer) override {
    guard("calibrate", [&](Verbalizer& v) { v.calibrate(scorer); });
  }
  void fit(const VerbalizerFitArgs& args) override {
    guard("fit", [&](Verbalizer& v) { v.fit(args); });
  }
  Scores score(const ScoreArgs& args) const override {
    return guard("score", [&](const Verbalizer& v) {
      Scores scores = v.score(args);
      check_scores(scores, args, {scored_labels_, gives_answers_});
      return scores;
    });
  }
  at::Tensor loss(const LossArgs& args) const override {
    return guard("loss", [&](const Verbalizer& v) {
      const at::Tensor loss = v.loss(args);
      check_loss(loss, args.scores);
      return loss;
    });
  }
  double weight(const Batch& batch) const override {
    return guard("weight", [&](const Verbalizer& v) {
      const double weight = v.weight(batch);
      check_weight(weight, weighs_labels_
                               ? std::ranges::count_if(batch.examples,
                                                       [](const Example* each) { return each->label >= 0; })
                               : 0);
      return weight;
    });
  }
  std::vector<Decision> decide(const DecideArgs& args) const override {
    return guard("decide", [&](const Verbalizer& v) { return v.decide(args); });
  }
  std::vector<std::string> answer_text(int64_t label) const override {
    return guard("answer_text", [&](const Verbalizer& v) { return v.answer_text(label); });
  }
  std::optional<GenerateSettings> generation() const override {
    return guard("generation", [](const Verbalizer& v) { return v.generation(); });
  }
  std::vector<ParameterGroup> parameters() override {
    return guard("parameters", [&](Verbalizer& v) { return checked_parameters(v, backbone_); });
  }
  ComponentState state() const override {
    return guard("state", [](const Verbalizer& v) {
      ComponentState state = v.state();
      check_state(state);
      return state;
    });
  }
  void load_state(const ComponentState& state) override {
    guard("load_state", [&](Verbalizer& v) { v.load_state(state); });
  }

private:
  const Backbone* backbone_ = nullptr; ///< set by `prepare`, like the rest
  int64_t labels_ = 0;
  int64_t scored_labels_ = 0;                       ///< scores of each decision; 0: any number
  mutable std::atomic<bool> gives_answers_ = false; ///< has given some
  bool weighs_labels_ = false;                      ///< the loss has a term for every example with a label
};

class GuardedTuner final : public Tuner, Guard<Tuner> {
public:
  using Guard::Guard;
  void prepare(const Problem& problem) override {
    backbone_ = &problem.backbone;
    vocabulary_ = &problem.vocabulary;
    tasks_.clear();
    for (const Task& task : problem.tasks)
      tasks_.push_back({&task.prompt_template, task.verbalizer.output_positions().kind});
    guard("prepare", [&](Tuner& t) { t.prepare(problem); });
  }
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override {
    guard("edit", [&](const Tuner& t) {
      const PromptsBefore before(prompts);
      t.edit(prompts, args);
      EditLimits limits{*backbone_, vocabulary_};
      if (const TaskParts* task = task_of(args.task)) {
        limits.keeps_answers = task->positions == OutputPositions::Kind::answer_slots;
        limits.triggers = std::ssize(task->prompt_template->triggers());
      }
      check_edited(prompts, before, limits);
    });
  }
  bool wants_representation() const override {
    return guard("wants_representation", [](const Tuner& t) { return t.wants_representation(); });
  }
  InputFeatures input_features() const override {
    return guard("input_features", [&](const Tuner& t) {
      const InputFeatures features = t.input_features();
      if (backbone_)
        check_input_features(features, *backbone_);
      return features;
    });
  }
  Conditioning condition(const ConditionArgs& args) const override {
    return guard("condition", [&](const Tuner& t) {
      Conditioning conditioning = t.condition(args);
      const TaskParts* task = task_of(args.task);
      check_conditioning(conditioning, args, args.inputs.defined() ? t.input_features().soft_slots : 0,
                         task && conditioning.triggers.defined() ? std::ssize(task->prompt_template->triggers())
                                                                 : -1,
                         *backbone_);
      if (const std::string part = not_finite_in(conditioning);
          !part.empty() && !(args.pass.training && has_diverged()))
        throw Error("it returned " + part + " with NaN or infinite values; expected finite ones");
      return conditioning;
    });
  }
  TensorMap replaced_weights() const override {
    return guard("replaced_weights", [&](const Tuner& t) {
      TensorMap weights = t.replaced_weights();
      if (backbone_)
        check_own_weights(weights, backbone_->device());
      return weights;
    });
  }
  std::vector<ParameterGroup> parameters() override {
    return guard("parameters", [&](Tuner& t) { return checked_parameters(t, backbone_); });
  }
  FitRequest defaults(const FitRequest& request) const override {
    return guard("defaults", [&](const Tuner& t) {
      FitRequest filled = t.defaults(request);
      check_defaults(filled, request);
      return filled;
    });
  }
  FitReport fit(Engine& engine) override {
    if (trains_tensors())
      require_parameters(engine);
    return guard("fit", [&](Tuner& t) {
      FitReport report = t.fit(engine);
      check_report(report, engine.problem().tasks);
      return report;
    });
  }
  ComponentState state(int64_t task) const override {
    return guard("state", [&](const Tuner& t) {
      ComponentState state = t.state(task);
      check_state(state);
      return state;
    });
  }
  void load_state(const ComponentState& state) override {
    guard("load_state", [&](Tuner& t) { t.load_state(state); });
  }
  bool adopt(const Conditioning& trained, std::string& why) override {
    return guard("adopt", [&](Tuner& t) { return t.adopt(trained, why); });
  }

private:
  struct TaskParts {
    const Template* prompt_template;
    OutputPositions::Kind positions;
  };

  /// Null if the tuner was not prepared for it.
  const TaskParts* task_of(int64_t task) const {
    return task >= 0 && task < std::ssize(tasks_) ? &tasks_[static_cast<std::size_t>(task)] : nullptr;
  }

  /// Whether training has made the parameters NaN or infinite: then the errors that follow are not the plugin's
  /// fault.
  bool has_diverged() const {
    const auto finite = [](const at::Tensor& tensor) {
      return at::isfinite(tensor.detach()).all().item<bool>();
    };
    return guard("parameters", [&](auto& t) {
      return std::ranges::any_of(t.parameters(), [&](const ParameterGroup& group) {
        return !std::ranges::all_of(group.tensors, finite);
      });
    });
  }

  void require_parameters(Engine& engine) {
    for (const Task& task : engine.problem().tasks)
      if (has_tensors(task.verbalizer.parameters()))
        return;
    guard("parameters", [](Tuner& t) {
      if (!has_tensors(t.parameters()))
        throw Error("it returned no tensor; expected what is trained, because the plugin's manifest declares "
                    "CUECARD_TRAINS_TENSORS");
    });
  }

  const Backbone* backbone_ = nullptr; ///< set by `prepare`, like the rest
  const Vocabulary* vocabulary_ = nullptr;
  std::vector<TaskParts> tasks_;
};

} // namespace

std::shared_ptr<Backbone> guarded(Component<Backbone> component) {
  return std::make_shared<GuardedBackbone>(std::move(component));
}
std::shared_ptr<Template> guarded(Component<Template> component) {
  return std::make_shared<GuardedTemplate>(std::move(component));
}
std::shared_ptr<Verbalizer> guarded(Component<Verbalizer> component) {
  return std::make_shared<GuardedVerbalizer>(std::move(component));
}
std::shared_ptr<Tuner> guarded(Component<Tuner> component) {
  return std::make_shared<GuardedTuner>(std::move(component));
}

} // namespace cuecard
