/// How a template's items become the parts of its prompts, or are refused.
#include "manual_template.hpp"

#include <algorithm>
#include <utility>

#include <cuecard/error.hpp>

namespace cuecard::manual {

namespace {

using Kind = TemplateItem::Kind;

std::string place(const TemplateItem& item) {
  return template_place(item.line, item.column);
}

bool has_special(const Vocabulary& vocabulary, const std::string& marker) {
  const SpecialTokens& special = vocabulary.special();
  return marker == "mask"  ? special.mask.has_value()
         : marker == "eos" ? special.eos.has_value()
         : marker == "bos" ? special.bos.has_value()
         : marker == "sep" ? special.sep.has_value()
         : marker == "cls" ? special.cls.has_value()
                           : special.pad.has_value();
}

std::vector<TemplateItem>::iterator first_answer(std::vector<TemplateItem>& items) {
  return std::find_if(items.begin(), items.end(),
                      [](const TemplateItem& item) { return item.kind == Kind::answer; });
}

/// The templates that `{"variant"}` parts, each with its own items.
std::vector<ParsedTemplate> variants_of(const ParsedTemplate& parsed) {
  std::vector<ParsedTemplate> variants;
  const auto begin = [&]() {
    variants.push_back(parsed);
    variants.back().items.clear();
    variants.back().has_answer = false;
  };
  begin();
  for (const TemplateItem& item : parsed.items) {
    if (item.kind == Kind::variant) {
      variants.back().end_line = item.line;
      variants.back().end_column = item.column;
      begin();
      continue;
    }
    variants.back().has_answer |= item.kind == Kind::answer;
    variants.back().items.push_back(item);
  }
  return variants;
}

} // namespace

void ManualTemplate::prepare(const Vocabulary& vocabulary, const PromptTarget& target) {
  decoder_ = std::nullopt;
  if (target.encoder_decoder)
    decoder_ = decoder_layout(asked_layout_, vocabulary);
  const Reading::Rows rows = target.reading.rows;
  if (decoder_ && (rows == Reading::Rows::words || rows == Reading::Rows::tokens))
    throw UsageError("this model is an encoder-decoder, which is read in its decoder, and the verbalizer reads "
                     "words of the text: choose another verbalizer, or an encoder");
  const ParsedTemplate parsed = parse_template(text_);
  if (parsed.items.empty())
    throw UsageError("the template is empty: write it into the option \"text\"");
  variants_.clear();
  fields_.clear();
  soft_slots_.clear();
  soft_groups_.clear();
  triggers_.clear();
  trigger_items_.clear();
  chat_ = std::nullopt;
  vocabulary_ = &vocabulary;
  target_ = target;
  for (ParsedTemplate& variant : variants_of(parsed)) {
    const int64_t slots_before = std::exchange(answer_slots_, 0);
    add_variant(variant, vocabulary, target);
    if (variants_.size() > 1 && answer_slots_ != slots_before)
      throw UsageError(template_place(variant.end_line, variant.end_column) + ": this variant has " +
                       std::to_string(answer_slots_) + " answer slots, and the one in front of it has " +
                       std::to_string(slots_before) + ": give all the same number");
  }
}

void ManualTemplate::add_variant(ParsedTemplate& variant, const Vocabulary& vocabulary,
                                 const PromptTarget& target) {
  variants_.emplace_back();
  role_.clear();
  settle_answers(variant, vocabulary, target);
  for (auto item = variant.items.begin(); item != variant.items.end(); ++item) {
    check_turn(*item, variant);
    if (item->kind == Kind::role)
      add_role(*item, item + 1 != variant.items.end() && (item + 1)->kind == Kind::answer, vocabulary);
    else
      add_item(*item, vocabulary);
  }
}

void ManualTemplate::settle_answers(ParsedTemplate& parsed, const Vocabulary& vocabulary,
                                    const PromptTarget& target) const {
  std::vector<TemplateItem>& items = parsed.items;
  if (target.reading.rows != Reading::Rows::answers && !parsed.has_answer)
    return;
  if (!parsed.has_answer && !parsed.implied_answer)
    throw UsageError(template_place(parsed.end_line, parsed.end_column) +
                     ": the template has no answer slot: put {\"mask\"} where the answer shall stand");
  if (parsed.implied_answer) {
    if (!target.causal && !decoder_)
      throw UsageError(
          "the template has no answer slot, and a masked model does not continue a text: put {mask} "
          "where the answer shall stand");
    items.emplace_back().kind = Kind::answer;
  }
  if (predict_eos_ && (target.causal || decoder_) && !vocabulary.special().eos)
    throw UsageError(
        "the option \"predict-eos\" needs an end-of-sequence token, and the model's vocabulary has none");
  if (decoder_)
    return settle_decoder(items, vocabulary);
  if (target.causal)
    return settle_causal(items, vocabulary);
  if (!vocabulary.special().mask)
    throw UsageError(place(*first_answer(items)) +
                     ": the model is not causal and its vocabulary has no mask token, so no "
                     "answer can stand here: choose a masked language model");
  if (predict_eos_)
    throw UsageError("the option \"predict-eos\" is for causal models, and this model is masked");
}

void ManualTemplate::settle_causal(std::vector<TemplateItem>& items, const Vocabulary& vocabulary) const {
  const auto answer = first_answer(items);
  if (answer == items.begin() && vocabulary.sequence_prefix().empty())
    throw UsageError(place(*answer) +
                     ": a causal model reads the answer behind the text, and nothing stands in "
                     "front of this answer slot: put it behind the text");
  for (auto lost = answer + 1; lost != items.end(); ++lost)
    if (lost->kind != Kind::answer)
      throw UsageError(place(*lost) +
                       ": what stands behind the answer slot would be lost, because a causal model "
                       "reads the answer where the text ends: move it in front of the answer slot, or "
                       "take it out");
  items.erase(answer + 1, items.end());
}

void ManualTemplate::settle_decoder(std::vector<TemplateItem>& items, const Vocabulary& vocabulary) const {
  const auto answer = first_answer(items);
  if (decoder_ == DecoderLayout::continuation) {
    if (answer == items.begin())
      throw UsageError(place(*answer) +
                       ": the decoder goes on where the text ends, and nothing stands in front of "
                       "this answer slot: put it behind the text");
    items.erase(answer + 1, items.end()); // openprompt-surface 1.4: the text stops here
  }
  int64_t slot = 0;
  for (const TemplateItem& item : items)
    if (item.kind == Kind::answer)
      if (const std::string problem = slot_problem(*decoder_, vocabulary, slot++); !problem.empty())
        throw UsageError(place(item) + ": " + problem);
}

void ManualTemplate::add_piece(Piece::Kind kind, std::string text, int64_t slot, bool shortenable) {
  Piece piece;
  piece.kind = kind;
  piece.text = std::move(text);
  piece.slot = slot;
  piece.shortenable = shortenable;
  variants_.back().push_back({std::move(piece), std::nullopt});
}

void ManualTemplate::add_item(const TemplateItem& item, const Vocabulary& vocabulary) {
  switch (item.kind) {
  case Kind::text:
    add_piece(Piece::Kind::text, item.prefix + item.text, 0, item.shortenable);
    break;
  case Kind::special:
    if (!has_special(vocabulary, item.text))
      throw UsageError(place(item) + ": the model's vocabulary has no <" + item.text + "> token");
    add_piece(Piece::Kind::special, item.text, 0, item.shortenable);
    break;
  case Kind::answer:
    add_piece(Piece::Kind::answer, "", answer_slots_++, false);
    break;
  case Kind::role:    // `add_role` does these
  case Kind::variant: // parts templates, and is no piece of one
    break;
  case Kind::soft:
    add_soft(item, vocabulary);
    break;
  case Kind::trigger:
    add_triggers(item, vocabulary);
    break;
  case Kind::field:
  case Kind::meta:
  case Kind::choice:
    variants_.back().push_back({Piece(), item});
    if (std::find(fields_.begin(), fields_.end(), field_name(item)) == fields_.end())
      fields_.push_back(field_name(item));
    break;
  }
}

void ManualTemplate::check_turn(const TemplateItem& item, const ParsedTemplate& parsed) const {
  const bool has_turns =
      std::ranges::any_of(parsed.items, [](const TemplateItem& other) { return other.kind == Kind::role; });
  const bool may_stand_alone = item.kind == Kind::role || item.kind == Kind::soft || item.kind == Kind::special;
  if (!has_turns || may_stand_alone)
    return;
  if (role_.empty())
    throw UsageError(place(item) + ": the template has roles, and what stands in front of the first belongs to "
                                   "no turn: put it behind a role");
  if (item.kind == Kind::answer && role_ != "assistant")
    throw UsageError(place(item) + ": the answer stands in the turn of the role " + role_ +
                     ": put {\"role\": \"assistant\"} in front of it");
}

void ManualTemplate::add_role(const TemplateItem& item, bool awaits_answer, const Vocabulary& vocabulary) {
  if (!chat_)
    chat_ = chat_format(asked_chat_, vocabulary);
  const auto turn = chat_->turns.find(item.text);
  if (turn == chat_->turns.end())
    throw UsageError(place(item) + ": chats in the format " + chat_->name + " have no role " + item.text);
  const std::string close = role_.empty() ? "" : chat_->turns.at(role_).close;
  const bool joined = role_ == "system" && item.text == "user";
  std::string open = joined ? chat_->user_behind_system : turn->second.open;
  if (awaits_answer)
    open.erase(open.find_last_not_of(' ') + 1);
  if (const std::string text = close + open; !text.empty())
    add_piece(Piece::Kind::text, text, 0, false);
  role_ = item.text;
}

void ManualTemplate::add_soft(const TemplateItem& item, const Vocabulary& vocabulary) {
  const auto known = soft_groups_.find(item.soft_id);
  std::vector<int64_t> slots;
  if (item.soft_id > 0 && known != soft_groups_.end()) {
    slots = known->second;
  } else if (item.has_words) {
    for (const Token& token : vocabulary.encode_with_specials(item.prefix + item.text)) {
      slots.push_back(static_cast<int64_t>(soft_slots_.size()));
      soft_slots_.push_back({token.id});
    }
    if (slots.empty())
      throw UsageError(place(item) + ": \"" + item.text +
                       "\" has no token in the model's vocabulary, so no soft slot "
                       "can start from it");
  } else {
    for (int64_t i = 0; i < item.duplicate; ++i) {
      if (i == 0 || !item.same)
        soft_slots_.emplace_back();
      slots.push_back(static_cast<int64_t>(soft_slots_.size()) - 1);
    }
  }
  if (item.soft_id > 0)
    soft_groups_[item.soft_id] = slots;
  for (const int64_t slot : slots)
    add_piece(Piece::Kind::soft, "", slot, false);
}

void ManualTemplate::add_triggers(const TemplateItem& item, const Vocabulary& vocabulary) {
  int64_t token = -1;
  if (item.has_words) {
    const std::optional<int64_t> id = vocabulary.id(item.text);
    if (!id)
      throw UsageError(place(item) + ": \"" + item.text +
                       "\" is no token of the model's vocabulary, as the vocabulary spells them");
    token = *id;
  }
  trigger_items_.push_back(item);
  for (int64_t i = 0; i < item.duplicate; ++i) {
    add_piece(Piece::Kind::trigger, item.text, static_cast<int64_t>(triggers_.size()), false);
    triggers_.push_back(token);
  }
}

} // namespace cuecard::manual
