// Guards and other proxies are written by hand, and most virtual functions have a default: a proxy without an override would
// call that default instead of forwarding to the wrapped object. So the headers are compared with the source.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

namespace {

/// The number of declarations of each function: overloads are compared by their number.
using Functions = std::map<std::string, int>;

bool in_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

std::string without_comments(const std::string& source) {
  std::string code;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source.compare(i, 2, "//") == 0)
      i = std::min(source.find('\n', i), source.size() - 1);
    code += source[i];
  }
  return code;
}

std::string file_text(const std::string& path) {
  std::ifstream file(std::filesystem::path(CUECARD_SOURCE_DIR) / path);
  std::stringstream text;
  text << file.rdbuf();
  REQUIRE_MESSAGE(!text.str().empty(), path);
  return without_comments(text.str());
}

/// The text between the braces of class `name`; `source` must define it once.
std::string class_body(const std::string& source, const std::string& name) {
  for (std::size_t at = source.find("class "); at != std::string::npos; at = source.find("class ", at + 1)) {
    const std::size_t open = source.find_first_of("{;", at);
    if (open == std::string::npos || source[open] == ';')
      continue;
    std::istringstream head(source.substr(at, source.find_first_of(":{", at) - at));
    std::vector<std::string> words;
    for (std::string word; head >> word;)
      words.push_back(word);
    if (std::find(words.begin(), words.end(), name) == words.end())
      continue;
    int depth = 0;
    for (std::size_t i = open; i < source.size(); ++i) {
      depth += source[i] == '{' ? 1 : source[i] == '}' ? -1 : 0;
      if (depth == 0)
        return source.substr(open + 1, i - open - 1);
    }
  }
  FAIL("no class " << name);
  return {};
}

/// The name that ends just before `end`, spaces ignored.
std::string name_before(std::string_view text, std::size_t end) {
  while (end > 0 && std::isspace(static_cast<unsigned char>(text[end - 1])))
    --end;
  std::size_t begin = end;
  while (begin > 0 && in_name(text[begin - 1]))
    --begin;
  const bool destructor = begin > 0 && text[begin - 1] == '~';
  return destructor ? "" : std::string(text.substr(begin, end - begin));
}

/// Calls `use` with the position of each `word` in `text`.
template <class Use>
void for_each_word(const std::string& text, std::string_view word, Use&& use) {
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    if ((at == 0 || !in_name(text[at - 1])) && !in_name(text[at + word.size()]))
      use(at);
}

/// Functions that are declared `virtual`, without the destructor.
Functions virtual_functions(const std::string& body) {
  Functions functions;
  for_each_word(body, "virtual", [&](std::size_t at) {
    if (const std::string name = name_before(body, body.find('(', at)); !name.empty())
      ++functions[name];
  });
  return functions;
}

/// Functions that are declared `override`.
Functions overrides(const std::string& body) {
  Functions functions;
  for_each_word(body, "override", [&](std::size_t at) {
    std::size_t open = body.rfind(')', at);
    for (int depth = 1; depth > 0 && open > 0;)
      depth += body[--open] == ')' ? 1 : body[open] == '(' ? -1 : 0;
    ++functions[name_before(body, open)];
  });
  return functions;
}

} // namespace

TEST_CASE("the comparison finds a forgotten function, also one of several overloads") {
  const std::string header = R"(
    class Other;
    class API Thing { // virtual int in_a_comment();
    public:
      virtual ~Thing() = default;
      virtual const std::map<std::string, int>& table() const = 0;
      virtual void use(const std::function<void(int)>& each) { each(1); }
      virtual void use(int);
      virtual int forgotten() const { return 0; }
      int plain();
    };)";
  const std::string source = R"(
    class GuardedThing final : public Thing, Guard<Thing> {
      const std::map<std::string, int>& table() const override {
        return guard([](const Thing& t) { return t.table(); });
      }
      void use(const std::function<void(int)>& each) override { guard([&](Thing& t) { t.use(each); }); }
    };)";
  CHECK(virtual_functions(class_body(without_comments(header), "Thing")) ==
        Functions{{"table", 1}, {"use", 2}, {"forgotten", 1}});
  CHECK(overrides(class_body(source, "GuardedThing")) == Functions{{"table", 1}, {"use", 1}});
}

TEST_CASE("every guard and proxy overrides every virtual function of its interface") {
  struct Proxy {
    std::string interface, header, known; ///< `known`: one of its virtual functions
    std::string name, file;
  };
  const std::string guards = "core/engine/guarded/guarded_", spies = "core/conformance/spied_tuner.hpp";
  for (const Proxy& proxy : std::vector<Proxy>{
           {"Backbone", "backbone", "forward", "GuardedBackbone", guards + "backbone.cpp"},
           {"Template", "template", "render", "GuardedTemplate", guards + "template.cpp"},
           {"Verbalizer", "verbalizer", "decide", "GuardedVerbalizer", guards + "verbalizer.cpp"},
           {"Tuner", "tuner", "condition", "GuardedTuner", guards + "tuner.cpp"},
           {"Vocabulary", "vocabulary", "encode_parts", "CoveredVocabulary",
            "core/engine/covered_vocabulary.cpp"},
           {"Weights", "weights", "matrix", "Overlay", "core/engine/model.cpp"},
           {"Engine", "tuner", "training_batches", "PassingEngine", spies},
           {"TokenSearch", "extensions/token_search", "scores", "PassingEngine", spies},
           {"Tuner", "tuner", "condition", "SpiedTuner", spies}}) {
    CAPTURE(proxy.name);
    CAPTURE(proxy.interface);
    const Functions declared = virtual_functions(
        class_body(file_text("sdk/include/cuecard/" + proxy.header + ".hpp"), proxy.interface));
    const Functions overridden = overrides(class_body(file_text(proxy.file), proxy.name));
    REQUIRE(declared.contains(proxy.known));
    for (const auto& [function, count] : declared) {
      CAPTURE(function);
      CHECK((overridden.contains(function) ? overridden.at(function) : 0) == count);
    }
  }
}
