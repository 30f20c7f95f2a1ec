#include "engine/guarded.hpp"

#include "registry/guard.hpp"

namespace cuecard {

namespace {

template <class Interface>
class Guard {
public:
  explicit Guard(Component<Interface> component) : inner_(std::move(component)) {}

protected:
  template <class Call>
  auto guard(const char* method, Call&& call) const {
    return registry::guarded(inner_.plugin, inner_.name, method, [&]() { return call(*inner_.object); });
  }
  template <class Call>
  const auto& guard_reference(const char* method, Call&& call) const {
    return *registry::guarded(inner_.plugin, inner_.name, method, [&]() { return &call(*inner_.object); });
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
  at::Tensor embedding_rows(const at::Tensor& ids) const override {
    return guard("embedding_rows", [&](const Backbone& b) { return b.embedding_rows(ids); });
  }
  at::Tensor output_rows(const at::Tensor& ids) const override {
    return guard("output_rows", [&](const Backbone& b) { return b.output_rows(ids); });
  }
  at::Tensor forward(const ForwardArgs& args) const override {
    return guard("forward", [&](const Backbone& b) { return b.forward(args); });
  }
  at::Tensor read(const at::Tensor& hidden, const Readout& readout) const override {
    return guard("read", [&](const Backbone& b) { return b.read(hidden, readout); });
  }
  const std::map<std::string, at::Tensor>& weights() const override {
    return guard_reference(
        "weights", [](const Backbone& b) -> const std::map<std::string, at::Tensor>& { return b.weights(); });
  }
};

class GuardedTemplate final : public Template, Guard<Template> {
public:
  using Guard::Guard;
  void prepare(const Vocabulary& vocabulary, const PromptTarget& target) override {
    guard("prepare", [&](Template& t) { t.prepare(vocabulary, target); });
  }
  std::vector<std::string> fields() const override {
    return guard("fields", [](const Template& t) { return t.fields(); });
  }
  std::vector<Prompt> render(const Example& example, const std::vector<std::string>* answers) const override {
    return guard("render", [&](const Template& t) { return t.render(example, answers); });
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
  int64_t trigger_slots() const override {
    return guard("trigger_slots", [](const Template& t) { return t.trigger_slots(); });
  }
  void set_triggers(const std::vector<int64_t>& ids) override {
    guard("set_triggers", [&](Template& t) { t.set_triggers(ids); });
  }
  std::string source() const override {
    return guard("source", [](const Template& t) { return t.source(); });
  }
};

class GuardedVerbalizer final : public Verbalizer, Guard<Verbalizer> {
public:
  using Guard::Guard;
  void prepare(const VerbalizerTarget& target) override {
    guard("prepare", [&](Verbalizer& v) { v.prepare(target); });
  }
  int64_t answers() const override {
    return guard("answers", [](const Verbalizer& v) { return v.answers(); });
  }
  Readout readout() const override {
    return guard("readout", [](const Verbalizer& v) { return v.readout(); });
  }
  void calibrate(Scorer& scorer) override {
    guard("calibrate", [&](Verbalizer& v) { v.calibrate(scorer); });
  }
  void fit(Scorer& scorer, const std::vector<const Example*>& examples) override {
    guard("fit", [&](Verbalizer& v) { v.fit(scorer, examples); });
  }
  Scores score(const at::Tensor& values, const Batch& batch) const override {
    return guard("score", [&](const Verbalizer& v) { return v.score(values, batch); });
  }
  at::Tensor loss(const Scores& scores, const Batch& batch) const override {
    return guard("loss", [&](const Verbalizer& v) { return v.loss(scores, batch); });
  }
  std::vector<std::string> answer_text(int64_t label) const override {
    return guard("answer_text", [&](const Verbalizer& v) { return v.answer_text(label); });
  }
  std::vector<ParameterGroup> parameters() override {
    return guard("parameters", [](Verbalizer& v) { return v.parameters(); });
  }
  TensorMap export_tensors() const override {
    return guard("export_tensors", [](const Verbalizer& v) { return v.export_tensors(); });
  }
  void import_tensors(const TensorMap& tensors) override {
    guard("import_tensors", [&](Verbalizer& v) { v.import_tensors(tensors); });
  }
};

class GuardedTuner final : public Tuner, Guard<Tuner> {
public:
  using Guard::Guard;
  void prepare(const Problem& problem) override {
    guard("prepare", [&](Tuner& t) { t.prepare(problem); });
  }
  void edit(Prompt& prompt, const Example& example) const override {
    guard("edit", [&](const Tuner& t) { t.edit(prompt, example); });
  }
  Conditioning condition(int64_t task) const override {
    return guard("condition", [&](const Tuner& t) { return t.condition(task); });
  }
  std::vector<ParameterGroup> parameters() override {
    return guard("parameters", [](Tuner& t) { return t.parameters(); });
  }
  FitSettings defaults(const FitSettings& asked) const override {
    return guard("defaults", [&](const Tuner& t) { return t.defaults(asked); });
  }
  FitReport fit(Engine& engine) override {
    return guard("fit", [&](Tuner& t) { return t.fit(engine); });
  }
  TensorMap export_tensors() const override {
    return guard("export_tensors", [](const Tuner& t) { return t.export_tensors(); });
  }
  void import_tensors(const TensorMap& tensors) override {
    guard("import_tensors", [&](Tuner& t) { t.import_tensors(tensors); });
  }
  TensorMap checkpoint_tensors() override {
    return guard("checkpoint_tensors", [](Tuner& t) { return t.checkpoint_tensors(); });
  }
  void restore_checkpoint(const TensorMap& tensors) override {
    guard("restore_checkpoint", [&](Tuner& t) { t.restore_checkpoint(tensors); });
  }
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
