/// Turns an example into prompts.
///
/// Lifecycle: created, `prepare` once, `load_state` for a saved card, then the rest. Threads: const functions may run concurrently
/// after `prepare` has returned; the others are called from one thread while nothing else runs. Errors: UsageError for an invalid
/// template, DataError for an example that can't be rendered; anything else is reported as a failure of the plugin.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <cuecard/component_state.hpp>
#include <cuecard/example.hpp>
#include <cuecard/prompt.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard {

/// A soft slot that a template placed in its text.
struct SoftSlot {
  /// Token whose word embedding it is initialised from, 0 to Vocabulary::size() - 1, or none: the tuner's own initialisation.
  std::optional<int64_t> initial_token;
};

/// The properties of a model that determine the layout of a prompt.
struct PromptLayout {
  bool causal = false;            ///< BackboneShape::causal
  bool encoder_decoder = false;   ///< BackboneShape::encoder_decoder
  int64_t decoder_start = -1;     ///< BackboneShape::decoder_start
  OutputPositions positions = {}; ///< unless they are `answer_slots`, a template needs no answer slot
  /// In a masked model, a given answer of k tokens becomes k mask tokens to predict. If false, a given answer is an error.
  bool masked_targets = false;
  int64_t segments = 0; ///< BackboneShape::segments
};

/// What a template is prepared for. References are valid as long as the template.
struct TemplateTarget {
  const Vocabulary& vocabulary;
  PromptLayout layout = {};
  /// Contents of the files named by options of type CUECARD_FILE, by option. Empty when the template's state is loaded from a card.
  std::map<std::string, std::string> files = {};
};

/// Arguments of `Template::render`.
struct RenderArgs {
  const Example& example;
  /// If set, a text that is not empty for each answer slot, in order (teacher forcing, demonstrations): DataError if there are too few.
  /// Null: slots stay open.
  const std::vector<std::string>* answers = nullptr;
};

/// The interface of templates.
class Template {
public:
  virtual ~Template() = default;

  /// Parses the template's text and binds it to a vocabulary. UsageError that gives line and column.
  virtual void prepare(const TemplateTarget& target) = 0;

  /// Names of the fields, and of side data as `meta.NAME`, that it reads: each once, none empty.
  virtual std::vector<std::string> fields() const = 0;

  /// The prompts of an example, at least one, which differ in Prompt::choice or Prompt::variant. Each trigger slot is in one of them or
  /// more. DataError, naming the field, if the example lacks one.
  virtual std::vector<Prompt> render(const RenderArgs& args) const = 0;

  /// The prompt with every field empty: the content-free input of contextual calibration (Zhao et al. 2021, section 5).
  virtual Prompt blank() const = 0;

  /// Soft slots by number. The reference is valid until `prepare`, `set_source` or `load_state`; so is that of `triggers`.
  virtual const std::vector<SoftSlot>& soft_slots() const = 0;
  /// Number of answer slots in one prompt, 0 or more; Piece::slot numbers them from 0.
  virtual int64_t answer_slots() const = 0;

  /// Token ids in the trigger slots, 0 to Vocabulary::size() - 1; -1 where none has been chosen yet.
  virtual const std::vector<int64_t>& triggers() const = 0;
  /// Puts tokens into the trigger slots, one per slot, each in the range of `triggers`. UsageError for another number of ids.
  virtual void set_triggers(const std::vector<int64_t>& ids) = 0;

  /// The template as a person would write it, with the tokens of `triggers` in their places; "" from a template without a text.
  virtual std::string source() const = 0;
  /// Replaces the template by `source` and renumbers its slots. UsageError that gives line and column.
  virtual void set_source(const std::string& source) = 0;

  /// What the card stores besides `source`, such as data read from `TemplateTarget::files`.
  virtual ComponentState state() const { return {}; }
  /// Loads what `state` returned, after `prepare` for the same vocabulary. The state comes from a file: DataError if it is
  /// incomplete or does not fit. The default ignores it.
  virtual void load_state(const ComponentState&) {}
};

} // namespace cuecard
