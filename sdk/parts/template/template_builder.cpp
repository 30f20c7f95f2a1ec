#include "template/template_builder.hpp"

#include <algorithm>
#include <utility>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

using Kind = TemplateItem::Kind;

std::string place(const TemplateItem& item) {
  return template_place(item.line, item.column);
}

std::vector<TemplateItem>::iterator first_answer(std::vector<TemplateItem>& items) {
  return std::find_if(items.begin(), items.end(),
                      [](const TemplateItem& item) { return item.kind == Kind::answer; });
}

/// The templates between `{"variant"}` items.
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

std::string field_name(const TemplateItem& item) {
  return item.kind == Kind::meta ? "meta." + item.text : item.text;
}

BuiltTemplate TemplateBuilder::build() {
  if (layout_.encoder_decoder)
    built_.decoder = decoder_layout(settings_.encoder_decoder, vocabulary_);
  const OutputPositions::Kind positions = layout_.positions.kind;
  if (built_.decoder &&
      (positions == OutputPositions::Kind::words || positions == OutputPositions::Kind::tokens))
    throw UsageError(
        "this model is an encoder-decoder, whose outputs are those of its decoder, and the verbalizer "
        "needs outputs at the words of the text: choose another verbalizer, or an encoder.");
  const ParsedTemplate parsed = parse_template(settings_.text);
  if (parsed.items.empty())
    throw UsageError("the template is empty: write it into the option \"text\".");
  for (ParsedTemplate& variant : variants_of(parsed)) {
    const int64_t slots_before = std::exchange(built_.answer_slots, 0);
    add_variant(variant);
    if (built_.variants.size() > 1 && built_.answer_slots != slots_before)
      throw UsageError(template_place(variant.end_line, variant.end_column) + ": this variant has " +
                       counted(built_.answer_slots, "answer slot") + ", and the one before it has " +
                       std::to_string(slots_before) + ": give all the same number.");
  }
  return std::move(built_);
}

void TemplateBuilder::add_variant(ParsedTemplate& variant) {
  built_.variants.emplace_back();
  role_.clear();
  resolve_answers(variant);
  for (auto item = variant.items.begin(); item != variant.items.end(); ++item) {
    check_turn(*item, variant);
    if (item->kind == Kind::role)
      add_role(*item, item + 1 != variant.items.end() && (item + 1)->kind == Kind::answer);
    else
      add_item(*item);
  }
}

void TemplateBuilder::resolve_answers(ParsedTemplate& parsed) const {
  std::vector<TemplateItem>& items = parsed.items;
  if (layout_.positions.kind != OutputPositions::Kind::answer_slots && !parsed.has_answer)
    return;
  if (!parsed.has_answer && !parsed.implied_answer)
    throw UsageError(template_place(parsed.end_line, parsed.end_column) +
                     ": the template has no answer slot: put {\"mask\"} where the answer belongs.");
  if (parsed.implied_answer) {
    if (!layout_.causal && !built_.decoder)
      throw UsageError(
          "the template has no answer slot, and a masked model does not continue a text: put {mask} "
          "where the answer belongs.");
    items.emplace_back().kind = Kind::answer;
  }
  if (settings_.predict_eos && (layout_.causal || built_.decoder) && !vocabulary_.special().eos)
    throw UsageError(
        "the option \"predict-eos\" needs an end-of-sequence token, and the model's vocabulary has none.");
  if (built_.decoder)
    return resolve_decoder(items);
  if (layout_.causal)
    return resolve_causal(items);
  if (!vocabulary_.special().mask)
    throw UsageError(place(*first_answer(items)) +
                     ": the model is not causal and its vocabulary has no mask token, so no "
                     "answer is possible here: choose a masked language model.");
  if (settings_.predict_eos)
    throw UsageError("the option \"predict-eos\" is for causal models, and this model is masked.");
}

void TemplateBuilder::resolve_causal(std::vector<TemplateItem>& items) const {
  const auto answer = first_answer(items);
  if (answer == items.begin() && vocabulary_.sequence_prefix().empty())
    throw UsageError(place(*answer) +
                     ": a causal model answers after the text, and no text precedes this answer slot: put it "
                     "after the text.");
  for (auto lost = answer + 1; lost != items.end(); ++lost)
    if (lost->kind != Kind::answer)
      throw UsageError(place(*lost) +
                       ": what follows the answer slot would be lost, because a causal model answers where the "
                       "text ends: move it before the answer slot, or remove it.");
  items.erase(answer + 1, items.end());
}

void TemplateBuilder::resolve_decoder(std::vector<TemplateItem>& items) const {
  const auto answer = first_answer(items);
  if (built_.decoder == DecoderLayout::continuation) {
    if (answer == items.begin())
      throw UsageError(
          place(*answer) +
          ": the decoder continues where the text ends, and no text precedes this answer slot: put it "
          "after the text.");
    items.erase(answer + 1, items.end());
  }
  int64_t slot = 0;
  for (const TemplateItem& item : items)
    if (item.kind == Kind::answer)
      if (const std::string problem = slot_problem(*built_.decoder, vocabulary_, slot++); !problem.empty())
        throw UsageError(place(item) + ": " + problem + ".");
}

void TemplateBuilder::add_piece(Piece::Kind kind, std::string text, int64_t slot, bool shortenable) {
  Piece piece;
  piece.kind = kind;
  piece.text = std::move(text);
  piece.slot = slot;
  piece.shortenable = shortenable;
  built_.variants.back().push_back({std::move(piece), std::nullopt});
}

void TemplateBuilder::add_item(const TemplateItem& item) {
  switch (item.kind) {
  case Kind::text:
    add_piece(Piece::Kind::text, item.prefix + item.text, 0, item.shortenable);
    break;
  case Kind::special:
    if (!vocabulary_.special().of_role(item.text))
      throw UsageError(place(item) + ": the model's vocabulary has no <" + item.text + "> token.");
    add_piece(Piece::Kind::special, item.text, 0, item.shortenable);
    break;
  case Kind::answer:
    add_piece(Piece::Kind::answer, "", built_.answer_slots++, false);
    break;
  case Kind::role:    // see add_role
  case Kind::variant: // separates templates
    break;
  case Kind::soft:
    add_soft(item);
    break;
  case Kind::trigger:
    add_triggers(item);
    break;
  case Kind::field:
  case Kind::meta:
  case Kind::choice:
    built_.variants.back().push_back({Piece(), item});
    if (std::find(built_.fields.begin(), built_.fields.end(), field_name(item)) == built_.fields.end())
      built_.fields.push_back(field_name(item));
    break;
  }
}

void TemplateBuilder::check_turn(const TemplateItem& item, const ParsedTemplate& parsed) const {
  const bool has_turns =
      std::ranges::any_of(parsed.items, [](const TemplateItem& other) { return other.kind == Kind::role; });
  const bool may_stand_alone = item.kind == Kind::role || item.kind == Kind::soft || item.kind == Kind::special;
  if (!has_turns || may_stand_alone)
    return;
  if (role_.empty())
    throw UsageError(place(item) +
                     ": the template has roles, and what precedes the first role belongs to no turn: put it "
                     "after a role.");
  if (item.kind == Kind::answer && role_ != "assistant")
    throw UsageError(place(item) + ": the answer is in the turn of the role " + role_ +
                     ": put {\"role\": \"assistant\"} before it.");
}

void TemplateBuilder::add_role(const TemplateItem& item, bool awaits_answer) {
  if (!chat_)
    chat_ = chat_format(settings_.chat_format, vocabulary_);
  const auto turn = chat_->turns.find(item.text);
  if (turn == chat_->turns.end())
    throw UsageError(place(item) + ": chats in the format " + chat_->name + " have no role " + item.text + ".");
  const std::string close = role_.empty() ? "" : chat_->turns.at(role_).close;
  const bool joined = role_ == "system" && item.text == "user";
  std::string open = joined ? chat_->user_after_system : turn->second.open;
  if (awaits_answer)
    open.erase(open.find_last_not_of(' ') + 1);
  if (const std::string text = close + open; !text.empty())
    add_piece(Piece::Kind::text, text, 0, false);
  role_ = item.text;
}

void TemplateBuilder::add_soft(const TemplateItem& item) {
  const auto known = soft_groups_.find(item.soft_id);
  std::vector<int64_t> slots;
  if (item.soft_id > 0 && known != soft_groups_.end()) {
    slots = known->second;
  } else if (item.has_words) {
    for (const Token& token : vocabulary_.encode_with_specials(item.prefix + item.text)) {
      slots.push_back(static_cast<int64_t>(built_.soft_slots.size()));
      built_.soft_slots.push_back({token.id});
    }
    if (slots.empty())
      throw UsageError(place(item) + ": \"" + item.text +
                       "\" has no token in the model's vocabulary, so no soft slot "
                       "can be initialised from it.");
  } else {
    for (int64_t i = 0; i < item.duplicate; ++i) {
      if (i == 0 || !item.same)
        built_.soft_slots.emplace_back();
      slots.push_back(static_cast<int64_t>(built_.soft_slots.size()) - 1);
    }
  }
  if (item.soft_id > 0)
    soft_groups_[item.soft_id] = slots;
  for (const int64_t slot : slots)
    add_piece(Piece::Kind::soft, "", slot, false);
}

void TemplateBuilder::add_triggers(const TemplateItem& item) {
  int64_t token = -1;
  if (item.has_words) {
    const std::optional<int64_t> id = vocabulary_.id(item.text);
    if (!id)
      throw UsageError(place(item) + ": \"" + item.text +
                       "\" is not a token of the model's vocabulary, in the vocabulary's own spelling.");
    token = *id;
  }
  built_.trigger_items.push_back(item);
  for (int64_t i = 0; i < item.duplicate; ++i) {
    add_piece(Piece::Kind::trigger, item.text, static_cast<int64_t>(built_.triggers.size()), false);
    built_.triggers.push_back(token);
  }
}

} // namespace cuecard
