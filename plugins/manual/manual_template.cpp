#include "manual_template.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

namespace cuecard::manual {

namespace {

using Kind = TemplateItem::Kind;

std::string place(const TemplateItem& item) {
  return template_place(item.line, item.column);
}

std::string field_name(const TemplateItem& item) {
  return item.kind == Kind::meta ? "meta." + item.text : item.text;
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

/// The text as a template item writes it.
std::string quoted(const std::string& text) {
  std::string written = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      written += '\\';
    if (c == '\n')
      written += "\\n";
    else
      written += c;
  }
  return written + '"';
}

std::vector<TemplateItem>::iterator first_answer(std::vector<TemplateItem>& items) {
  return std::find_if(items.begin(), items.end(),
                      [](const TemplateItem& item) { return item.kind == Kind::answer; });
}

template <class Map>
std::string names_of(const Map& map) {
  std::string names;
  for (const auto& [name, value] : map)
    names += (names.empty() ? "" : ", ") + name;
  return names;
}

[[noreturn]] void refuse_missing(const TemplateItem& item, const Example& example) {
  const bool meta = item.kind == Kind::meta;
  std::string has = names_of(meta ? example.meta : example.fields);
  if (!meta && !example.words.empty())
    has += (has.empty() ? "" : ", ") + names_of(example.words);
  throw DataError("the example has no " + std::string(meta ? "side data \"" : "field \"") + item.text +
                  "\", which the template reads at line " + std::to_string(item.line) + ", column " +
                  std::to_string(item.column) + "; it has " + (has.empty() ? "none" : has));
}

} // namespace

ManualTemplate::ManualTemplate(const Options& options)
    : text_(options.text("text")), asked_layout_(options.text("encoder-decoder")),
      predict_eos_(options.flag("predict-eos")) {}

void ManualTemplate::prepare(const Vocabulary& vocabulary, const PromptTarget& target) {
  decoder_ = std::nullopt;
  if (target.encoder_decoder)
    decoder_ = decoder_layout(asked_layout_, vocabulary);
  const Reading::Rows rows = target.reading.rows;
  if (decoder_ && (rows == Reading::Rows::words || rows == Reading::Rows::tokens))
    throw UsageError("this model is an encoder-decoder, which is read in its decoder, and the verbalizer reads "
                     "words of the text: choose another verbalizer, or an encoder");
  ParsedTemplate parsed = parse_template(text_);
  if (parsed.items.empty())
    throw UsageError("the template is empty: write it into the option \"text\"");
  parts_.clear();
  fields_.clear();
  soft_slots_.clear();
  soft_groups_.clear();
  triggers_.clear();
  trigger_items_.clear();
  vocabulary_ = &vocabulary;
  answer_slots_ = 0;
  settle_answers(parsed, vocabulary, target);
  for (const TemplateItem& item : parsed.items)
    add_item(item, vocabulary);
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
  parts_.push_back({std::move(piece), std::nullopt});
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
  case Kind::soft:
    add_soft(item, vocabulary);
    break;
  case Kind::trigger:
    add_triggers(item, vocabulary);
    break;
  case Kind::field:
  case Kind::meta:
    parts_.push_back({Piece(), item});
    if (std::find(fields_.begin(), fields_.end(), field_name(item)) == fields_.end())
      fields_.push_back(field_name(item));
    break;
  }
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

void ManualTemplate::lay_field(const TemplateItem& item, const Example* example,
                               std::vector<Piece>& pieces) const {
  Piece piece;
  piece.kind = Piece::Kind::field;
  piece.field = field_name(item);
  piece.shortenable = item.shortenable;

  std::string value;
  if (example != nullptr) {
    const auto& texts = item.kind == Kind::meta ? example->meta : example->fields;
    const auto text = texts.find(item.text);
    const auto words = item.kind == Kind::meta ? example->words.end() : example->words.find(item.text);
    if (text != texts.end()) {
      value = text->second;
    } else if (words == example->words.end()) {
      refuse_missing(item, *example);
    } else if (item.filter && joins_words(*item.filter)) {
      value = filter_words(*item.filter, words->second);
    } else {
      // A piece per word, each behind a space but the first, whose prefix the template decides.
      std::string prefix = item.prefix;
      for (std::size_t i = 0; i < words->second.size(); ++i, prefix = " ") {
        const std::string word = item.filter ? filter_text(*item.filter, words->second[i]) : words->second[i];
        piece.word = static_cast<int64_t>(i);
        piece.text = word.empty() ? "" : prefix + word;
        piece.lead = word.empty() ? 0 : static_cast<int32_t>(prefix.size());
        pieces.push_back(piece);
      }
      return;
    }
  }
  if (item.filter)
    value = filter_text(*item.filter, value);
  // An empty field leaves no bare space behind (openprompt-surface, case roberta-03).
  piece.text = value.empty() ? "" : item.prefix + value;
  piece.lead = value.empty() ? 0 : static_cast<int32_t>(item.prefix.size());
  pieces.push_back(std::move(piece));
}

void ManualTemplate::lay_answer(const Piece& answer, const std::vector<std::string>* answers,
                                std::vector<Piece>& pieces) const {
  if (decoder_) {
    if (std::optional<Piece> asked = input_piece(*decoder_, answer.slot))
      pieces.push_back(std::move(*asked));
    return;
  }
  pieces.push_back(answer);
  if (answers == nullptr)
    return;
  pieces.back().text = (*answers)[static_cast<std::size_t>(answer.slot)];
  if (predict_eos_) {
    Piece end;
    end.kind = Piece::Kind::special;
    end.text = "eos";
    pieces.push_back(std::move(end));
  }
}

Prompt ManualTemplate::lay_out(const Example* example, const std::vector<std::string>* answers) const {
  if (answers != nullptr && static_cast<int64_t>(answers->size()) < answer_slots_)
    throw DataError("the template has " + std::to_string(answer_slots_) + " answer slots, and " +
                    std::to_string(answers->size()) + " answers are given");
  for (int64_t slot = 0; answers != nullptr && slot < answer_slots_; ++slot)
    if ((*answers)[static_cast<std::size_t>(slot)].empty())
      throw DataError("answer " + std::to_string(slot + 1) + " of the template is given as an empty text");
  Prompt prompt;
  prompt.input.reserve(parts_.size() + 1);
  for (const Part& part : parts_) {
    if (part.reads) {
      lay_field(*part.reads, example, prompt.input);
      continue;
    }
    if (part.piece.kind == Piece::Kind::answer) {
      lay_answer(part.piece, answers, prompt.input);
      continue;
    }
    prompt.input.push_back(part.piece);
    if (part.piece.kind == Piece::Kind::trigger) {
      const int64_t token = triggers_[static_cast<std::size_t>(part.piece.slot)];
      prompt.input.back().text = token < 0 ? "" : vocabulary_->piece(token);
    }
  }
  if (decoder_)
    prompt.output = output_pieces(*decoder_, *vocabulary_, answer_slots_, answers, predict_eos_);
  return prompt;
}

std::vector<Prompt> ManualTemplate::render(const Example& example,
                                           const std::vector<std::string>* answers) const {
  return {lay_out(&example, answers)};
}

Prompt ManualTemplate::blank() const {
  return lay_out(nullptr, nullptr);
}

void ManualTemplate::set_triggers(const std::vector<int64_t>& ids) {
  if (ids.size() != triggers_.size())
    throw UsageError("the template has " + std::to_string(triggers_.size()) + " trigger slots, and " +
                     std::to_string(ids.size()) + " trigger tokens are given");
  triggers_ = ids;
}

std::string ManualTemplate::source() const {
  std::string written;
  std::size_t copied = 0, slot = 0;
  for (const TemplateItem& item : trigger_items_) {
    written.append(text_, copied, item.begin - copied);
    for (int64_t i = 0; i < item.duplicate; ++i, ++slot) {
      const int64_t token = triggers_[slot];
      written += token < 0 ? "{\"trigger\"}" : "{\"trigger\": " + quoted(vocabulary_->piece(token)) + "}";
    }
    copied = item.end;
  }
  return written.append(text_, copied);
}

} // namespace cuecard::manual
