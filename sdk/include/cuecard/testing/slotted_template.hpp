/// For tests of tuners that only need a template's soft slots, or that derive what it renders.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <cuecard/template.hpp>

namespace cuecard::testing {

/// One prompt without pieces, and the given soft slots.
class SlottedTemplate : public Template {
public:
  explicit SlottedTemplate(std::vector<SoftSlot> slots) : slots_(std::move(slots)) {}

  void prepare(const TemplateTarget&) override {}
  std::vector<std::string> fields() const override { return {}; }
  std::vector<Prompt> render(const RenderArgs&) const override { return {Prompt{}}; }
  Prompt blank() const override { return {}; }
  const std::vector<SoftSlot>& soft_slots() const override { return slots_; }
  int64_t answer_slots() const override { return 1; }
  const std::vector<int64_t>& triggers() const override { return triggers_; }
  void set_triggers(const std::vector<int64_t>&) override {}
  std::string source() const override { return {}; }
  void set_source(const std::string&) override {}

private:
  std::vector<SoftSlot> slots_;
  std::vector<int64_t> triggers_;
};

} // namespace cuecard::testing
