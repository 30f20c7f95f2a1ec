#include <string_view>

#include "engine/checks/returned_prompts.hpp"
#include "engine/checks/returned_scores.hpp"
#include "engine/guarded/guard.hpp"

namespace cuecard {

namespace {

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
    return guard("fields", [](const Template& t) {
      std::vector<std::string> fields = t.fields();
      check_fields(fields);
      return fields;
    });
  }
  std::vector<Prompt> render(const RenderArgs& args) const override {
    try {
      return guard("render", [&](const Template& t) {
        std::vector<Prompt> prompts = t.render(args);
        check_rendered(prompts, t, layout_);
        check_trigger_slots(prompts, std::ssize(t.triggers()));
        return prompts;
      });
    } catch (const DataError& error) {
      const bool named = std::string_view(error.what()) == registry::worded("", plugin(), name());
      if (named || name() == plain_template)
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
    return guard_reference("triggers", [&](const Template& t) -> const std::vector<int64_t>& {
      const std::vector<int64_t>& triggers = t.triggers();
      if (vocabulary_)
        check_triggers(triggers, *vocabulary_);
      return triggers;
    });
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
    return guard("state", [](const Template& t) { return checked_state(t.state()); });
  }
  void load_state(const ComponentState& state) override {
    guard("load_state", [&](Template& t) { t.load_state(state); });
  }

private:
  PromptLayout layout_; ///< set by `prepare`, like the vocabulary
  const Vocabulary* vocabulary_ = nullptr;
};

} // namespace

std::shared_ptr<Template> guarded(Component<Template> component) {
  return std::make_shared<GuardedTemplate>(std::move(component));
}

} // namespace cuecard
