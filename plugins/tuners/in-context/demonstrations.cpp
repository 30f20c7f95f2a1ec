#include "demonstrations.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

/// The prompt with the correct answer: of several, the choice given by the label.
const Prompt& correct_prompt(const std::vector<Prompt>& prompts, int64_t label) {
  const auto choice = std::find_if(prompts.begin(), prompts.end(),
                                   [&](const Prompt& prompt) { return prompt.choice == label; });
  return prompts.size() > 1 && choice != prompts.end() ? *choice : prompts.at(0);
}

void append_as_text(const std::vector<Piece>& pieces, std::vector<Piece>& result) {
  for (Piece piece : pieces) {
    if (piece.kind == Piece::Kind::answer)
      piece.kind = Piece::Kind::text;
    // Without a name, so that verbalizers that use tokens of a field use those of the input only.
    piece.field.clear();
    piece.word = -1;
    piece.shortenable = false;
    result.push_back(std::move(piece));
  }
}

std::string key_prefix(std::size_t index) {
  const std::string number = std::to_string(index + 1);
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
  throw DataError("the card's demonstration \"" + key + "\" " + why + "; restore the card's original files.");
}

} // namespace

Demonstration make_demonstration(const Task& task, const Example& example) {
  const std::vector<std::string> answers = task.verbalizer.answer_text(example.label);
  const std::vector<Prompt> prompts = task.prompt_template.render({example, &answers});
  const Prompt& prompt = correct_prompt(prompts, example.label);
  Demonstration demonstration{example, {}};
  append_as_text(prompt.input, demonstration.pieces);
  append_as_text(prompt.output, demonstration.pieces);
  return demonstration;
}

std::map<std::string, std::string> to_texts(const std::vector<Demonstration>& demonstrations,
                                            const std::vector<std::string>& labels) {
  std::map<std::string, std::string> texts;
  for (std::size_t i = 0; i < demonstrations.size(); ++i) {
    const Example& example = demonstrations[i].example;
    const std::string prefix = key_prefix(i);
    texts[prefix + "label"] = labels.at(static_cast<std::size_t>(example.label));
    for (const auto& [name, text] : example.fields)
      texts[prefix + "field." + name] = text;
    for (const auto& [name, words] : example.words)
      texts[prefix + "words." + name] = lines_of(words);
    for (const auto& [name, text] : example.meta)
      texts[prefix + "meta." + name] = text;
  }
  return texts;
}

std::vector<Demonstration> from_texts(const Task& task, const std::map<std::string, std::string>& texts) {
  std::map<std::string, Example> examples; // by number
  for (const auto& [key, text] : texts) {
    const std::size_t dot = key.find('.');
    if (dot == std::string::npos)
      refuse(key, "has no number and field");
    Example& example = examples[key.substr(0, dot)];
    const std::string what = key.substr(dot + 1);
    if (what == "label") {
      const auto label = std::find(task.labels.begin(), task.labels.end(), text);
      if (label == task.labels.end())
        refuse(key, "is \"" + text + "\", which is not one of the card's labels");
      example.label = label - task.labels.begin();
    } else if (what.starts_with("field.")) {
      example.fields[what.substr(6)] = text;
    } else if (what.starts_with("words.")) {
      example.words[what.substr(6)] = words_of(text);
    } else if (what.starts_with("meta.")) {
      example.meta[what.substr(5)] = text;
    } else {
      refuse(key, "is not a label, field, words or meta entry");
    }
  }
  std::vector<Demonstration> demonstrations;
  for (const auto& [number, example] : examples) {
    if (example.label < 0)
      refuse(number, "has no label");
    demonstrations.push_back(make_demonstration(task, example));
  }
  return demonstrations;
}

} // namespace cuecard
