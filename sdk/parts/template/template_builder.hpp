/// Builds the parts of a GrammarTemplate's prompts from its parsed text, or rejects the text.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <cuecard/parts/template/chat_format.hpp>
#include <cuecard/parts/template/grammar_template.hpp>
#include <cuecard/parts/template/template_grammar.hpp>

#include "template/decoder_layout.hpp"

namespace cuecard {

/// A piece that is the same in every prompt, or an item whose text comes from the example.
struct TemplatePart {
  Piece piece;
  std::optional<TemplateItem> item;
};

/// A template bound to a vocabulary.
struct BuiltTemplate {
  std::vector<std::vector<TemplatePart>> variants; ///< one, or the members of an ensemble
  std::vector<std::string> fields;
  std::vector<SoftSlot> soft_slots;
  std::vector<int64_t> triggers;           ///< token ids, -1 where none has been chosen
  std::vector<TemplateItem> trigger_items; ///< where the text spells them
  int64_t answer_slots = 0;
  std::optional<DecoderLayout> decoder; ///< of an encoder-decoder
};

/// The name under which prompts and `Template::fields` list the field of an item.
std::string field_name(const TemplateItem& item);

class TemplateBuilder {
public:
  TemplateBuilder(const GrammarTemplateSettings& settings, const Vocabulary& vocabulary,
                  const PromptLayout& layout)
      : settings_(settings), vocabulary_(vocabulary), layout_(layout) {}

  /// UsageError that gives line and column.
  BuiltTemplate build();

private:
  void add_variant(ParsedTemplate& variant);
  /// Checks the answer items, adds the implied one, and drops those that a causal model or a decoder does not
  /// reach.
  void resolve_answers(ParsedTemplate& parsed) const;
  void resolve_causal(std::vector<TemplateItem>& items) const;
  void resolve_decoder(std::vector<TemplateItem>& items) const;
  void add_item(const TemplateItem& item);
  void add_soft(const TemplateItem& item);
  void add_triggers(const TemplateItem& item);
  void add_role(const TemplateItem& item, bool awaits_answer);
  /// In a template with roles, all text and fields belong to a turn, and answers to an assistant turn.
  void check_turn(const TemplateItem& item, const ParsedTemplate& parsed) const;
  void add_piece(Piece::Kind kind, std::string text, int64_t slot, bool shortenable);

  const GrammarTemplateSettings& settings_;
  const Vocabulary& vocabulary_;
  const PromptLayout& layout_;
  BuiltTemplate built_;
  std::optional<ChatFormat> chat_;                      ///< of a template with roles
  std::string role_;                                    ///< of the current turn
  std::map<int64_t, std::vector<int64_t>> soft_groups_; ///< slots of each soft_id, in order
};

} // namespace cuecard
