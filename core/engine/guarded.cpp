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
  at::Tensor token_rows(TokenTable table, const at::Tensor& ids) const override {
    return guard("token_rows", [&](const Backbone& b) { return b.token_rows(table, ids); });
  }
  at::Tensor token_products(TokenTable table, const at::Tensor& rows) const override {
    return guard("token_products", [&](const Backbone& b) { return b.token_products(table, rows); });
  }
  at::Tensor forward(const ForwardArgs& args) const override {
    return guard("forward", [&](const Backbone& b) { return b.forward(args); });
  }
  at::Tensor read(const ReadArgs& args) const override {
    return guard("read", [&](const Backbone& b) { return b.read(args); });
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
  Reading reading() const override {
    return guard("reading", [](const Verbalizer& v) { return v.reading(); });
  }
  int64_t answers() const override {
    return guard("answers", [](const Verbalizer& v) { return v.answers(); });
  }
  Readout readout() const override {
    return guard("readout", [](const Verbalizer& v) { return v.readout(); });
  }
  std::vector<std::vector<std::string>> given_answers(const Example& example, bool learn) const override {
    return guard("given_answers", [&](const Verbalizer& v) { return v.given_answers(example, learn); });
  }
  void calibrate(Scorer& scorer) override {
    guard("calibrate", [&](Verbalizer& v) { v.calibrate(scorer); });
  }
  void fit(Scorer& scorer, const std::vector<const Example*>& examples, Moment moment) override {
    guard("fit", [&](Verbalizer& v) { v.fit(scorer, examples, moment); });
  }
  Scores score(const at::Tensor& values, const Batch& batch, const Pass& pass) const override {
    return guard("score", [&](const Verbalizer& v) { return v.score(values, batch, pass); });
  }
  at::Tensor loss(const Scores& scores, const Batch& batch) const override {
    return guard("loss", [&](const Verbalizer& v) { return v.loss(scores, batch); });
  }
  double weight(const Batch& batch) const override {
    return guard("weight", [&](const Verbalizer& v) { return v.weight(batch); });
  }
  std::vector<Decision> decide(const Scores& scores, const Batch& batch) const override {
    return guard("decide", [&](const Verbalizer& v) { return v.decide(scores, batch); });
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
  Learned export_learned() const override {
    return guard("export_learned", [](const Verbalizer& v) { return v.export_learned(); });
  }
  void import_learned(const Learned& learned) override {
    guard("import_learned", [&](Verbalizer& v) { v.import_learned(learned); });
  }
};

class GuardedTuner final : public Tuner, Guard<Tuner> {
public:
  using Guard::Guard;
  void prepare(const Problem& problem) override {
    guard("prepare", [&](Tuner& t) { t.prepare(problem); });
  }
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override {
    guard("edit", [&](const Tuner& t) { t.edit(prompts, args); });
  }
  bool wants_likeness() const override {
    return guard("wants_likeness", [](const Tuner& t) { return t.wants_likeness(); });
  }
  Conditioning condition(int64_t task, const Pass& pass) const override {
    return guard("condition", [&](const Tuner& t) { return t.condition(task, pass); });
  }
  TensorMap replaced_weights() const override {
    return guard("replaced_weights", [](const Tuner& t) { return t.replaced_weights(); });
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
  Learned export_learned(int64_t task) const override {
    return guard("export_learned", [&](const Tuner& t) { return t.export_learned(task); });
  }
  void import_learned(const Learned& learned) override {
    guard("import_learned", [&](Tuner& t) { t.import_learned(learned); });
  }
  bool adopt(const Conditioning& learned, std::string& why) override {
    return guard("adopt", [&](Tuner& t) { return t.adopt(learned, why); });
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
