/// A template in the language of template_grammar.hpp: parses its text and renders prompts. Template plugins
/// derive from it or own one; the component `manual` is this class as it is.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <cuecard/export.hpp>
#include <cuecard/options.hpp>
#include <cuecard/template.hpp>

namespace cuecard {

/// grammar_template_options.hpp declares an option for each of these.
struct GrammarTemplateSettings {
  std::string text; ///< the template as it is written
  /// Given answers end in the end-of-sequence token. Not for masked models.
  bool predict_eos = false;
  /// The layout of an encoder-decoder's two sides: auto, sentinels, continuation, mask or plain.
  std::string encoder_decoder = "auto";
  /// The chat format of a template with roles: auto, or one of chat_format_names().
  std::string chat_format = "auto";
};

/// Given answers are inserted as they are; the caller adds the leading space that a byte-level vocabulary needs. In a causal model
/// the prompt ends in its only answer slot: of several mask items only the first is used, and any other item after it is an error.
/// An encoder-decoder's answers are on its output side.
///
/// Lifecycle, threads and errors: as Template. `render`, `blank`, the triggers and the soft slots need `prepare` first; a template that was
/// moved from can only be destroyed or assigned to.
class CUECARD_API GrammarTemplate : public Template {
public:
  explicit GrammarTemplate(GrammarTemplateSettings settings);
  /// Reads the options of grammar_template_options.hpp. std::logic_error if the component does not declare one of them.
  explicit GrammarTemplate(const Options& options);
  GrammarTemplate(GrammarTemplate&& other) noexcept;
  GrammarTemplate& operator=(GrammarTemplate&& other) noexcept;
  ~GrammarTemplate() override;

  void prepare(const TemplateTarget& target) override;
  std::vector<std::string> fields() const override;
  std::vector<Prompt> render(const RenderArgs& args) const override;
  Prompt blank() const override;
  const std::vector<SoftSlot>& soft_slots() const override;
  int64_t answer_slots() const override;
  const std::vector<int64_t>& triggers() const override;
  void set_triggers(const std::vector<int64_t>& ids) override;
  std::string source() const override;
  void set_source(const std::string& source) override;

protected:
  /// Changes a rendered prompt. Called for every prompt, choices and variants included, and for the blank prompt, where `example`
  /// is null. It may insert text, fields and special tokens, but no slots: those are numbered by the template's text.
  virtual void finish(Prompt& prompt, const Example* example) const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace cuecard
