#include <algorithm>

#include <ATen/ops/isfinite.h>

#include "engine/checks/returned_prompts.hpp"
#include "engine/checks/returned_scores.hpp"
#include "engine/guarded/guard.hpp"

namespace cuecard {

namespace {

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
    return guard("state", [&](Tuner& t) { return trained_state(t, task); });
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

std::shared_ptr<Tuner> guarded(Component<Tuner> component) {
  return std::make_shared<GuardedTuner>(std::move(component));
}

} // namespace cuecard
