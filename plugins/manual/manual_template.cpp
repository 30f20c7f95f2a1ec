#include "manual_template.hpp"

#include <algorithm>
#include <utility>

#include <cuecard/error.hpp>

namespace cuecard::manual {

namespace {

using Kind = TemplateItem::Kind;

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

template <class Map>
std::string names_of(const Map& map) {
  std::string names;
  for (const auto& [name, value] : map)
    names += (names.empty() ? "" : ", ") + name;
  return names;
}

/// What a choice item reads: as many texts as the example gives prompts.
const std::vector<std::string>& alternatives_of(const TemplateItem& item, const Example& example) {
  const auto found = example.words.find(item.text);
  if (found == example.words.end()) {
    const std::string has = names_of(example.words);
    throw DataError("the example has no list of alternatives \"" + item.text +
                    "\", which the template reads at line " + std::to_string(item.line) + ", column " +
                    std::to_string(item.column) + "; its lists are " + (has.empty() ? "none" : has));
  }
  if (found->second.size() < 2)
    throw DataError("the list \"" + item.text + "\" has " + std::to_string(found->second.size()) +
                    (found->second.empty() ? " alternatives" : " alternative") +
                    ", and a choice is between two or more");
  return found->second;
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
      asked_chat_(options.text("chat-format")), predict_eos_(options.flag("predict-eos")) {}

void ManualTemplate::lay_field(const TemplateItem& item, const Example* example, std::size_t choice,
                               std::vector<Piece>& pieces) const {
  Piece piece;
  piece.kind = Piece::Kind::field;
  piece.field = field_name(item);
  piece.shortenable = item.shortenable;

  std::string value;
  if (example != nullptr && item.kind == Kind::choice) {
    value = alternatives_of(item, *example)[choice];
  } else if (example != nullptr) {
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

std::size_t ManualTemplate::choices_of(const std::vector<Part>& parts, const Example& example) {
  std::size_t choices = 1;
  for (const Part& part : parts) {
    if (!part.reads || part.reads->kind != Kind::choice)
      continue;
    const std::size_t alternatives = alternatives_of(*part.reads, example).size();
    if (choices > 1 && alternatives != choices)
      throw DataError("the list \"" + part.reads->text + "\" has " + std::to_string(alternatives) +
                      " alternatives, and another that the template reads has " + std::to_string(choices));
    choices = alternatives;
  }
  return choices;
}

Prompt ManualTemplate::lay_out(const std::vector<Part>& parts, const Example* example,
                               const std::vector<std::string>* answers, std::size_t choice) const {
  if (answers != nullptr && static_cast<int64_t>(answers->size()) < answer_slots_)
    throw DataError("the template has " + std::to_string(answer_slots_) + " answer slots, and " +
                    std::to_string(answers->size()) + " answers are given");
  for (int64_t slot = 0; answers != nullptr && slot < answer_slots_; ++slot)
    if ((*answers)[static_cast<std::size_t>(slot)].empty())
      throw DataError("answer " + std::to_string(slot + 1) + " of the template is given as an empty text");
  Prompt prompt;
  prompt.choice = static_cast<int64_t>(choice);
  prompt.input.reserve(parts.size() + 1);
  for (const Part& part : parts) {
    if (part.reads) {
      lay_field(*part.reads, example, choice, prompt.input);
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
  std::vector<Prompt> prompts;
  for (std::size_t variant = 0; variant < variants_.size(); ++variant) {
    const std::vector<Part>& parts = variants_[variant];
    const std::size_t choices = choices_of(parts, example);
    for (std::size_t choice = 0; choice < choices; ++choice) {
      prompts.push_back(lay_out(parts, &example, answers, choice));
      prompts.back().variant = static_cast<int64_t>(variant);
    }
  }
  return prompts;
}

Prompt ManualTemplate::blank() const {
  return lay_out(variants_.at(0), nullptr, nullptr, 0);
}

void ManualTemplate::set_triggers(const std::vector<int64_t>& ids) {
  if (ids.size() != triggers_.size())
    throw UsageError("the template has " + std::to_string(triggers_.size()) + " trigger slots, and " +
                     std::to_string(ids.size()) + " trigger tokens are given");
  triggers_ = ids;
}

void ManualTemplate::set_source(const std::string& source) {
  text_ = source;
  if (vocabulary_)
    prepare(*vocabulary_, PromptTarget(target_));
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
