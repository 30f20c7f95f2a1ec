#include "demonstrations.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

/// The prompt that shows the right answer: of several it is the choice that the label names.
const Prompt& shown_of(const std::vector<Prompt>& prompts, int64_t label) {
  const auto chosen = std::find_if(prompts.begin(), prompts.end(),
                                   [&](const Prompt& prompt) { return prompt.choice == label; });
  return prompts.size() > 1 && chosen != prompts.end() ? *chosen : prompts.at(0);
}

void append_shown(const std::vector<Piece>& pieces, std::vector<Piece>& shown) {
  for (Piece piece : pieces) {
    if (piece.kind == Piece::Kind::answer)
      piece.kind = Piece::Kind::text;
    // A field without a name is nobody's: verbalizers that read a field read the input's alone.
    piece.field.clear();
    piece.word = -1;
    piece.shortenable = false;
    shown.push_back(std::move(piece));
  }
}

std::string row_key(std::size_t row) {
  std::string number = std::to_string(row + 1);
  return std::string(number.size() < 6 ? 6 - number.size() : 0, '0') + number + ".";
}

std::string lines_of(const std::vector<std::string>& words) {
  std::string lines;
  for (std::size_t i = 0; i < words.size(); ++i)
    lines += (i ? "\n" : "") + words[i];
  return lines;
}

std::vector<std::string> words_of(const std::string& lines) {
  std::vector<std::string> words(1);
  for (const char c : lines)
    c == '\n' ? (void)words.emplace_back() : words.back().push_back(c);
  return words;
}

[[noreturn]] void refuse(const std::string& key, const std::string& why) {
  throw DataError("the card's demonstration \"" + key + "\" " + why + "; use the card as it was written.");
}

} // namespace

Demonstration demonstrated(const Task& task, const Example& example) {
  const std::vector<std::string> answers = task.verbalizer.answer_text(example.label);
  const std::vector<Prompt> prompts = task.prompt_template.render(example, &answers);
  const Prompt& prompt = shown_of(prompts, example.label);
  Demonstration shown{example, {}};
  append_shown(prompt.input, shown.pieces);
  append_shown(prompt.output, shown.pieces);
  return shown;
}

std::map<std::string, std::string> written(const std::vector<Demonstration>& demonstrations,
                                           const std::vector<std::string>& labels) {
  std::map<std::string, std::string> texts;
  for (std::size_t i = 0; i < demonstrations.size(); ++i) {
    const Example& example = demonstrations[i].example;
    const std::string row = row_key(i);
    texts[row + "label"] = labels.at(static_cast<std::size_t>(example.label));
    for (const auto& [name, text] : example.fields)
      texts[row + "field." + name] = text;
    for (const auto& [name, words] : example.words)
      texts[row + "words." + name] = lines_of(words);
    for (const auto& [name, text] : example.meta)
      texts[row + "meta." + name] = text;
  }
  return texts;
}

std::vector<Demonstration> read_demonstrations(const Task& task,
                                               const std::map<std::string, std::string>& texts) {
  std::map<std::string, Example> rows;
  for (const auto& [key, text] : texts) {
    const std::size_t dot = key.find('.');
    if (dot == std::string::npos)
      refuse(key, "is no row and field");
    Example& example = rows[key.substr(0, dot)];
    const std::string what = key.substr(dot + 1);
    if (what == "label") {
      const auto label = std::find(task.labels.begin(), task.labels.end(), text);
      if (label == task.labels.end())
        refuse(key, "is \"" + text + "\", which is none of the card's labels");
      example.label = label - task.labels.begin();
    } else if (what.starts_with("field.")) {
      example.fields[what.substr(6)] = text;
    } else if (what.starts_with("words.")) {
      example.words[what.substr(6)] = words_of(text);
    } else if (what.starts_with("meta.")) {
      example.meta[what.substr(5)] = text;
    } else {
      refuse(key, "is no label, field, words or meta");
    }
  }
  std::vector<Demonstration> demonstrations;
  for (const auto& [number, example] : rows) {
    if (example.label < 0)
      refuse(number, "has no label");
    demonstrations.push_back(demonstrated(task, example));
  }
  return demonstrations;
}

} // namespace cuecard
