#include <cuecard/parts/template/grammar_template.hpp>

#include <algorithm>
#include <utility>

#include <cuecard/error.hpp>

#include "template/template_builder.hpp"

namespace cuecard {

namespace {

using Kind = TemplateItem::Kind;

/// The text as written in a template item.
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

/// The texts of a choice item, one per prompt of the example.
const std::vector<std::string>& alternatives_of(const TemplateItem& item, const Example& example) {
  const auto found = example.words.find(item.text);
  if (found == example.words.end()) {
    const std::string has = names_of(example.words);
    throw DataError("the example has no list of alternatives \"" + item.text +
                    "\", which the template uses at line " + std::to_string(item.line) + ", column " +
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
  std::vector<std::string> known;
  for (const auto& [name, text] : meta ? example.meta : example.fields)
    known.push_back(name);
  for (const auto& [name, words] : example.words)
    if (!meta)
      known.push_back(name);
  constexpr std::size_t shortest_name = 3; // any two letters are near each other
  const std::string near = item.text.size() < shortest_name ? "" : nearest(item.text, known);
  throw DataError("the example has no " + std::string(meta ? "side data \"" : "field \"") + item.text +
                  "\", which the template uses at line " + std::to_string(item.line) + ", column " +
                  std::to_string(item.column) + (near.empty() ? "" : " (did you mean \"" + near + "\"?)") +
                  "; it has " + (has.empty() ? "none" : has));
}

/// Pieces of one field, or of the alternative `choice`. Without an example the field is empty.
void append_field(const TemplateItem& item, const Example* example, std::size_t choice,
                  std::vector<Piece>& pieces) {
  Piece piece = Piece::field_of(field_name(item), "");
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
      // A piece per word, with a leading space; the prefix of the first is the template's.
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
  // An empty field leaves no leading space.
  piece.text = value.empty() ? "" : item.prefix + value;
  piece.lead = value.empty() ? 0 : static_cast<int32_t>(item.prefix.size());
  pieces.push_back(std::move(piece));
}

/// The number of alternatives of one variant's choice items; 1 without such items.
std::size_t count_choices(const std::vector<TemplatePart>& parts, const Example& example) {
  std::size_t choices = 1;
  for (const TemplatePart& part : parts) {
    if (!part.item || part.item->kind != Kind::choice)
      continue;
    const std::size_t alternatives = alternatives_of(*part.item, example).size();
    if (choices > 1 && alternatives != choices)
      throw DataError("the list \"" + part.item->text + "\" has " + std::to_string(alternatives) +
                      " alternatives, and another list of the template has " + std::to_string(choices));
    choices = alternatives;
  }
  return choices;
}

} // namespace

struct GrammarTemplate::State {
  GrammarTemplateSettings settings;
  BuiltTemplate built;
  const Vocabulary* vocabulary = nullptr; ///< null before `prepare`
  PromptLayout layout = {};               ///< of the last `prepare`
  std::map<std::string, std::string> files = {};

  void append_answer(const Piece& answer, const std::vector<std::string>* answers,
                     std::vector<Piece>& pieces) const {
    if (built.decoder) {
      if (std::optional<Piece> marker = input_piece(*built.decoder, answer.slot))
        pieces.push_back(std::move(*marker));
      return;
    }
    pieces.push_back(answer);
    if (answers == nullptr)
      return;
    pieces.back().text = (*answers)[static_cast<std::size_t>(answer.slot)];
    if (settings.predict_eos)
      pieces.push_back(Piece::special_token("eos"));
  }

  void check_answers(const std::vector<std::string>& answers) const {
    if (static_cast<int64_t>(answers.size()) < built.answer_slots)
      throw DataError("the template has " + counted(built.answer_slots, "answer slot") + ", and " +
                      counted(answers.size(), "answer") + (answers.size() == 1 ? " is given" : " are given"));
    for (int64_t slot = 0; slot < built.answer_slots; ++slot)
      if (answers[static_cast<std::size_t>(slot)].empty())
        throw DataError("answer " + std::to_string(slot + 1) + " of the template is given as an empty text");
  }

  Prompt render(const std::vector<TemplatePart>& parts, const Example* example,
                const std::vector<std::string>* answers, std::size_t choice) const {
    if (answers != nullptr)
      check_answers(*answers);
    Prompt prompt;
    prompt.choice = static_cast<int64_t>(choice);
    prompt.input.reserve(parts.size() + 1);
    for (const TemplatePart& part : parts) {
      if (part.item) {
        append_field(*part.item, example, choice, prompt.input);
        continue;
      }
      if (part.piece.kind == Piece::Kind::answer) {
        append_answer(part.piece, answers, prompt.input);
        continue;
      }
      prompt.input.push_back(part.piece);
      if (part.piece.kind == Piece::Kind::trigger) {
        const int64_t token = built.triggers[static_cast<std::size_t>(part.piece.slot)];
        prompt.input.back().text = token < 0 ? "" : vocabulary->piece(token);
      }
    }
    if (built.decoder)
      prompt.output =
          output_pieces(*built.decoder, *vocabulary, built.answer_slots, answers, settings.predict_eos);
    return prompt;
  }
};

GrammarTemplate::GrammarTemplate(GrammarTemplateSettings settings) : state_(std::make_unique<State>()) {
  state_->settings = std::move(settings);
}

GrammarTemplate::GrammarTemplate(const Options& options)
    : GrammarTemplate(GrammarTemplateSettings{options.text("text"), options.flag("predict-eos"),
                                              options.text("encoder-decoder"), options.text("chat-format")}) {}

GrammarTemplate::GrammarTemplate(GrammarTemplate&&) noexcept = default;
GrammarTemplate& GrammarTemplate::operator=(GrammarTemplate&&) noexcept = default;
GrammarTemplate::~GrammarTemplate() = default;

void GrammarTemplate::prepare(const TemplateTarget& target) {
  State& state = *state_;
  state.vocabulary = &target.vocabulary;
  state.layout = target.layout;
  state.files = target.files;
  state.built = {};
  state.built = TemplateBuilder(state.settings, target.vocabulary, state.layout).build();
}

std::vector<std::string> GrammarTemplate::fields() const {
  return state_->built.fields;
}

std::vector<Prompt> GrammarTemplate::render(const RenderArgs& args) const {
  std::vector<Prompt> prompts;
  for (std::size_t variant = 0; variant < state_->built.variants.size(); ++variant) {
    const std::vector<TemplatePart>& parts = state_->built.variants[variant];
    const std::size_t choices = count_choices(parts, args.example);
    for (std::size_t choice = 0; choice < choices; ++choice) {
      prompts.push_back(state_->render(parts, &args.example, args.answers, choice));
      prompts.back().variant = static_cast<int64_t>(variant);
      finish(prompts.back(), &args.example);
    }
  }
  return prompts;
}

Prompt GrammarTemplate::blank() const {
  Prompt prompt = state_->render(state_->built.variants.at(0), nullptr, nullptr, 0);
  finish(prompt, nullptr);
  return prompt;
}

void GrammarTemplate::finish(Prompt&, const Example*) const {}

const std::vector<SoftSlot>& GrammarTemplate::soft_slots() const {
  return state_->built.soft_slots;
}

int64_t GrammarTemplate::answer_slots() const {
  return state_->built.answer_slots;
}

const std::vector<int64_t>& GrammarTemplate::triggers() const {
  return state_->built.triggers;
}

void GrammarTemplate::set_triggers(const std::vector<int64_t>& ids) {
  std::vector<int64_t>& triggers = state_->built.triggers;
  if (ids.size() != triggers.size())
    throw UsageError("the template has " + counted(triggers.size(), "trigger slot") + ", and " +
                     counted(ids.size(), "trigger token") + (ids.size() == 1 ? " is given." : " are given."));
  triggers = ids;
}

void GrammarTemplate::set_source(const std::string& source) {
  state_->settings.text = source;
  if (state_->vocabulary)
    prepare({*state_->vocabulary, state_->layout, state_->files});
}

std::string GrammarTemplate::source() const {
  const State& state = *state_;
  std::string written;
  std::size_t copied = 0, slot = 0;
  for (const TemplateItem& item : state.built.trigger_items) {
    written.append(state.settings.text, copied, item.begin - copied);
    for (int64_t i = 0; i < item.duplicate; ++i, ++slot) {
      const int64_t token = state.built.triggers[slot];
      written += token < 0 ? "{\"trigger\"}" : "{\"trigger\": " + quoted(state.vocabulary->piece(token)) + "}";
    }
    copied = item.end;
  }
  return written.append(state.settings.text, copied);
}

} // namespace cuecard
