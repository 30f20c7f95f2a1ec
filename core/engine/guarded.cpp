#include "engine/guarded.hpp"

#include <cuecard/error.hpp>

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

class GuardedTemplate final : public Template, Guard<Template> {
public:
  using Guard::Guard;
  void prepare(const TemplateTarget& target) override {
    guard("prepare", [&](Template& t) { t.prepare(target); });
  }
  std::vector<std::string> fields() const override {
    return guard("fields", [](const Template& t) { return t.fields(); });
  }
  std::vector<Prompt> render(const RenderArgs& args) const override {
    return guard("render", [&](const Template& t) { return t.render(args); });
  }
  Prompt blank() const override {
    return guard("blank", [](const Template& t) { return t.blank(); });
  }
  const std::vector<SoftSlot>& soft_slots() const override {
    return guard_reference("soft_slots",
                           [](const Template& t) -> const std::vector<SoftSlot>& { return t.soft_slots(); });
  }
  int64_t answer_slots() const override {
    return guard("answer_slots", [](const Template& t) { return t.answer_slots(); });
  }
  const std::vector<int64_t>& triggers() const override {
    return guard_reference("triggers",
                           [](const Template& t) -> const std::vector<int64_t>& { return t.triggers(); });
  }
  void set_triggers(const std::vector<int64_t>& ids) override {
    guard("set_triggers", [&](Template& t) { t.set_triggers(ids); });
  }
  std::string source() const override {
    return guard("source", [](const Template& t) { return t.source(); });
  }
  void set_source(const std::string& source) override {
    guard("set_source", [&](Template& t) { t.set_source(source); });
  }
};

class GuardedVerbalizer final : public Verbalizer, Guard<Verbalizer> {
public:
  using Guard::Guard;
  void prepare(const VerbalizerTarget& target) override {
    guard("prepare", [&](Verbalizer& v) { v.prepare(target); });
  }
  OutputPositions output_positions() const override {
    return guard("output_positions", [](const Verbalizer& v) { return v.output_positions(); });
  }
  int64_t num_answer_slots() const override {
    return guard("num_answer_slots", [](const Verbalizer& v) { return v.num_answer_slots(); });
  }
  bool supports_multi_label() const override {
    return guard("supports_multi_label", [](const Verbalizer& v) { return v.supports_multi_label(); });
  }
  OutputRequest output_request() const override {
    return guard("output_request", [](const Verbalizer& v) { return v.output_request(); });
  }
  std::vector<std::vector<std::string>> given_answers(const GivenAnswersArgs& args) const override {
    return guard("given_answers", [&](const Verbalizer& v) { return v.given_answers(args); });
  }
  std::vector<int64_t> label_representatives() const override {
    return guard("label_representatives", [](const Verbalizer& v) { return v.label_representatives(); });
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
      check_scores(scores, args);
      return scores;
    });
  }
  at::Tensor loss(const LossArgs& args) const override {
    return guard("loss", [&](const Verbalizer& v) {
      const at::Tensor loss = v.loss(args);
      check_loss(loss);
      return loss;
    });
  }
  double weight(const Batch& batch) const override {
    return guard("weight", [&](const Verbalizer& v) { return v.weight(batch); });
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
    return guard("parameters", [](Verbalizer& v) { return v.parameters(); });
  }
  ComponentState state() const override {
    return guard("state", [](const Verbalizer& v) { return v.state(); });
  }
  void load_state(const ComponentState& state) override {
    guard("load_state", [&](Verbalizer& v) { v.load_state(state); });
  }
};

class GuardedTuner final : public Tuner, Guard<Tuner> {
public:
  using Guard::Guard;
  void prepare(const Problem& problem) override {
    backbone_ = &problem.backbone;
    guard("prepare", [&](Tuner& t) { t.prepare(problem); });
  }
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override {
    guard("edit", [&](const Tuner& t) {
      t.edit(prompts, args);
      check_prompts(prompts, *backbone_);
    });
  }
  bool wants_representation() const override {
    return guard("wants_representation", [](const Tuner& t) { return t.wants_representation(); });
  }
  InputFeatures input_features() const override {
    return guard("input_features", [](const Tuner& t) { return t.input_features(); });
  }
  Conditioning condition(const ConditionArgs& args) const override {
    return guard("condition", [&](const Tuner& t) {
      Conditioning conditioning = t.condition(args);
      check_conditioning(conditioning, args, *backbone_);
      return conditioning;
    });
  }
  TensorMap replaced_weights() const override {
    return guard("replaced_weights", [](const Tuner& t) { return t.replaced_weights(); });
  }
  std::vector<ParameterGroup> parameters() override {
    return guard("parameters", [](Tuner& t) { return t.parameters(); });
  }
  FitRequest defaults(const FitRequest& request) const override {
    return guard("defaults", [&](const Tuner& t) { return t.defaults(request); });
  }
  FitReport fit(Engine& engine) override {
    return guard("fit", [&](Tuner& t) { return t.fit(engine); });
  }
  ComponentState state(int64_t task) const override {
    return guard("state", [&](const Tuner& t) { return t.state(task); });
  }
  void load_state(const ComponentState& state) override {
    guard("load_state", [&](Tuner& t) { t.load_state(state); });
  }
  bool adopt(const Conditioning& trained, std::string& why) override {
    return guard("adopt", [&](Tuner& t) { return t.adopt(trained, why); });
  }

private:
  const Backbone* backbone_ = nullptr; ///< set by `prepare`
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
