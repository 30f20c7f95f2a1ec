/// The template component `manual`: a text with fields, answer slots and soft slots, in the language of
/// cuecard/parts/template_grammar.hpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/chat_format.hpp>
#include <cuecard/parts/template_grammar.hpp>
#include <cuecard/template.hpp>

#include "decoder_layout.hpp"

namespace cuecard::manual {

/// The name by which prompts and `Template::fields` know what an item reads.
inline std::string field_name(const TemplateItem& item) {
  return item.kind == TemplateItem::Kind::meta ? "meta." + item.text : item.text;
}

/// Answers given to `render` are laid as they are: whoever gives them writes the space in front that the words
/// of a byte-level vocabulary need. A causal model reads one answer slot, at the end: of several mask items the
/// first counts, and any other item behind it is refused. An encoder-decoder's answers stand on its output side
/// (decoder_layout.hpp).
class ManualTemplate final : public Template {
public:
  explicit ManualTemplate(const Options& options);

  void prepare(const Vocabulary& vocabulary, const PromptTarget& target) override;
  std::vector<std::string> fields() const override { return fields_; }
  std::vector<Prompt> render(const Example& example, const std::vector<std::string>* answers) const override;
  Prompt blank() const override;
  const std::vector<SoftSlot>& soft_slots() const override { return soft_slots_; }
  int64_t answer_slots() const override { return answer_slots_; }
  const std::vector<int64_t>& triggers() const override { return triggers_; }
  void set_triggers(const std::vector<int64_t>& ids) override;
  std::string source() const override;
  void set_source(const std::string& source) override;

private:
  /// A piece that every prompt has, or an item that reads the example.
  struct Part {
    Piece piece;
    std::optional<TemplateItem> reads;
  };

  void add_variant(ParsedTemplate& variant, const Vocabulary& vocabulary, const PromptTarget& target);
  void settle_answers(ParsedTemplate& parsed, const Vocabulary& vocabulary, const PromptTarget& target) const;
  void settle_causal(std::vector<TemplateItem>& items, const Vocabulary& vocabulary) const;
  void settle_decoder(std::vector<TemplateItem>& items, const Vocabulary& vocabulary) const;
  void add_item(const TemplateItem& item, const Vocabulary& vocabulary);
  void add_soft(const TemplateItem& item, const Vocabulary& vocabulary);
  void add_triggers(const TemplateItem& item, const Vocabulary& vocabulary);
  void add_role(const TemplateItem& item, bool awaits_answer, const Vocabulary& vocabulary);
  /// In a template with roles everything that is read or written belongs to a turn, an answer to the
  /// assistant's.
  void check_turn(const TemplateItem& item, const ParsedTemplate& parsed) const;
  void add_piece(Piece::Kind kind, std::string text, int64_t slot, bool shortenable);
  /// Pieces of one field, or of the alternative `choice`. Without an example it is empty.
  void lay_field(const TemplateItem& item, const Example* example, std::size_t choice,
                 std::vector<Piece>& pieces) const;
  void lay_answer(const Piece& answer, const std::vector<std::string>* answers,
                  std::vector<Piece>& pieces) const;
  Prompt lay_out(const std::vector<Part>& parts, const Example* example,
                 const std::vector<std::string>* answers, std::size_t choice) const;
  /// How many alternatives the choice items of one variant read; 1 without such items.
  static std::size_t choices_of(const std::vector<Part>& parts, const Example& example);

  std::string text_, asked_layout_, asked_chat_;
  bool predict_eos_;
  std::optional<DecoderLayout> decoder_;    ///< of an encoder-decoder
  std::optional<ChatFormat> chat_;          ///< of a template with roles
  std::string role_;                        ///< of the turn that is being laid
  std::vector<std::vector<Part>> variants_; ///< one, or the members of an ensemble
  std::vector<std::string> fields_;
  std::vector<SoftSlot> soft_slots_;
  /// Slots of each soft_id, in the order in which they stand.
  std::map<int64_t, std::vector<int64_t>> soft_groups_;
  std::vector<int64_t> triggers_;           ///< token ids, -1 where none was chosen
  std::vector<TemplateItem> trigger_items_; ///< where in the text they are spelled
  const Vocabulary* vocabulary_ = nullptr;  ///< null before `prepare`
  PromptTarget target_;                     ///< of the last `prepare`
  int64_t answer_slots_ = 0;
};

} // namespace cuecard::manual
