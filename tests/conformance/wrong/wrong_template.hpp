/// The SDK's template, right or with one fault.
#pragma once

#include <stdexcept>
#include <string>

#include <cuecard/parts/template/grammar_template.hpp>

#include "fault.hpp"

namespace wrong {

class Template final : public cuecard::GrammarTemplate {
public:
  using GrammarTemplate::GrammarTemplate;

  std::string source() const override {
    return has("writes-another-source") ? "so " + GrammarTemplate::source() : GrammarTemplate::source();
  }
  cuecard::ComponentState state() const override {
    return has("loads-another-state") ? cuecard::ComponentState{{}, {{"opening", "so"}}}
                                      : cuecard::ComponentState{};
  }
  void load_state(const cuecard::ComponentState& state) override {
    if (has("loads-another-state") && !state.empty())
      opening_ = "and";
  }

protected:
  void finish(cuecard::Prompt& prompt, const cuecard::Example*) const override {
    if (!opening_.empty())
      prompt.input.insert(prompt.input.begin(), cuecard::Piece::text_of(opening_));
    if (has("counts-prompts"))
      prompt.input.insert(prompt.input.begin(), cuecard::Piece::text_of(std::to_string(++rendered_)));
    for (cuecard::Piece& piece : prompt.input) {
      if (has("can't-be-cut"))
        piece.shortenable = false;
      if (piece.kind != cuecard::Piece::Kind::field)
        continue;
      if (has("reads-ascii"))
        for (const char letter : piece.text)
          if (static_cast<unsigned char>(letter) > 127)
            throw std::runtime_error("not in the table");
      if (has("fields-are-text"))
        piece.kind = cuecard::Piece::Kind::text;
    }
  }

private:
  mutable int64_t rendered_ = 0;
  std::string opening_;
};

} // namespace wrong
