// Every file of cases/ is one template, one example and the expected tokens; cases/README.md says how they were
// made.
#include "lay_out.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tokenizer/tokenizer.hpp"

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

const std::filesystem::path project = CUECARD_SOURCE_DIR;

struct CaseFile {
  LayoutCase given;
  std::string model;
  std::string tokens, targets, initial, error;
  int64_t cut = 0;
};

std::string unescaped(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == 't');
    result += escape ? (text[++i] == 'n' ? '\n' : '\t') : text[i];
  }
  return result;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);)
    parts.push_back(part);
  return parts;
}

void read_line(const std::string& key, const std::string& value, CaseFile& file) {
  LayoutCase& given = file.given;
  const auto named = [&](const std::string& kind) { return key.rfind(kind + " ", 0) == 0; };
  const std::string name = key.substr(std::min(key.size(), key.find(' ') + 1));
  if (key == "model")
    file.model = value;
  else if (key == "template")
    given.text = value;
  else if (named("field"))
    given.example.fields[name] = value;
  else if (named("meta"))
    given.example.meta[name] = value;
  else if (named("words"))
    given.example.words[name] = split(value, '|');
  else if (key == "answer")
    given.example.answers.push_back(value);
  else if (key == "predict-eos")
    given.predict_eos = value == "yes";
  else if (key == "max-length")
    given.limit.max_length = std::stoll(value);
  else if (key == "truncate")
    given.limit.truncate = truncate_of_name(value).value();
  else if (key == "tokens")
    file.tokens = value;
  else if (key == "targets")
    file.targets = value;
  else if (key == "initial")
    file.initial = value;
  else if (key == "cut")
    file.cut = std::stoll(value);
  else if (key == "error")
    file.error = value;
  else
    FAIL("unknown key " << key);
}

CaseFile read_case(const std::filesystem::path& path) {
  CaseFile file;
  std::ifstream stream(path);
  for (std::string line; std::getline(stream, line);) {
    if (line.empty() || line[0] == '#')
      continue;
    const std::size_t colon = line.find(": ");
    REQUIRE(colon != std::string::npos);
    read_line(line.substr(0, colon), unescaped(line.substr(colon + 2)), file);
  }
  file.given.causal = file.model.rfind("llama", 0) == 0;
  file.given.give_answers = !file.given.example.answers.empty();
  return file;
}

/// Tokens by their pieces, `~n` for soft slot n from 1, `*` after each selected token.
std::string spell(const Layout& layout, const Vocabulary& vocabulary) {
  std::string spelling;
  for (std::size_t i = 0; i < layout.tokens.input.size(); ++i) {
    const PromptToken& token = layout.tokens.input[i];
    spelling += spelling.empty() ? "" : " ";
    spelling += token.soft_slot < 0 ? vocabulary.piece(token.id) : "~" + std::to_string(token.soft_slot + 1);
    for (const int64_t answer : layout.tokens.answers)
      spelling += answer == static_cast<int64_t>(i) ? "*" : "";
  }
  return spelling;
}

std::string spell_targets(const Layout& layout, const Vocabulary& vocabulary) {
  std::string spelling;
  for (const int64_t target : layout.tokens.targets)
    if (target >= 0)
      spelling += (spelling.empty() ? "" : " ") + vocabulary.piece(target);
  return spelling;
}

std::string spell_initial(const Layout& layout, const Vocabulary& vocabulary) {
  std::string spelling;
  for (const SoftSlot& slot : layout.soft_slots)
    spelling +=
        (spelling.empty() ? "" : " ") + (slot.initial_token ? vocabulary.piece(*slot.initial_token) : "-");
  return spelling;
}

} // namespace

TEST_CASE("templates become the expected tokens") {
  std::map<std::string, std::shared_ptr<const Vocabulary>> vocabularies;
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(project / "tests/templates/cases")) {
    if (entry.path().extension() != ".txt")
      continue;
    ++seen;
    const std::string name = entry.path().stem();
    CAPTURE(name);
    const CaseFile file = read_case(entry.path());
    std::shared_ptr<const Vocabulary>& vocabulary = vocabularies[file.model];
    if (!vocabulary)
      vocabulary = read_tokenizer_json(project / "tests/golden/models" / file.model / "tokenizer.json");
    const Layout layout = lay_out(file.given, *vocabulary);
    if (!file.error.empty()) {
      CAPTURE(layout.message);
      CHECK(layout.message.find(file.error) != std::string::npos);
      continue;
    }
    CHECK(layout.message == "");
    CHECK(spell(layout, *vocabulary) == file.tokens);
    CHECK(spell_targets(layout, *vocabulary) == file.targets);
    CHECK(spell_initial(layout, *vocabulary) == file.initial);
    CHECK(layout.tokens.cut.total() == file.cut);
  }
  CHECK(seen == 28);
}
