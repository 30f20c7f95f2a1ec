#include "manifest.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

using Word = std::pair<uint32_t, const char*>;

constexpr std::array<Word, 4> kind_words{{{CUECARD_BACKBONE, "backbone"},
                                          {CUECARD_TEMPLATE, "template"},
                                          {CUECARD_VERBALIZER, "verbalizer"},
                                          {CUECARD_TUNER, "tuner"}}};
constexpr std::array<Word, 4> trains_words{{{CUECARD_TRAINS_NOTHING, "nothing"},
                                            {CUECARD_TRAINS_TOKENS, "tokens"},
                                            {CUECARD_TRAINS_TENSORS, "tensors"},
                                            {CUECARD_TRAINS_WEIGHTS, "weights"}}};
constexpr std::array<Word, 6> option_words{{{CUECARD_FLAG, "flag"},
                                            {CUECARD_INTEGER, "integer"},
                                            {CUECARD_NUMBER, "number"},
                                            {CUECARD_TEXT, "text"},
                                            {CUECARD_FILE, "file"},
                                            {CUECARD_CARD, "card"}}};
constexpr std::array<Word, 2> stdlib_words{{{CUECARD_LIBSTDCXX, "libstdc++"}, {CUECARD_LIBCXX, "libc++"}}};
constexpr std::array<Word, 7> flag_words{{{CUECARD_CXX11_ABI, "cxx11-abi"},
                                          {CUECARD_GLIBCXX_DEBUG, "glibcxx-debug"},
                                          {CUECARD_NDEBUG, "ndebug"},
                                          {CUECARD_ASAN, "asan"},
                                          {CUECARD_TSAN, "tsan"},
                                          {CUECARD_MSAN, "msan"},
                                          {CUECARD_UBSAN, "ubsan"}}};

template <std::size_t N>
std::string word_of(const std::array<Word, N>& words, uint32_t value) {
  for (const auto& [known, word] : words)
    if (known == value)
      return word;
  return "";
}

template <std::size_t N>
std::optional<uint32_t> value_of(const std::array<Word, N>& words, std::string_view name) {
  for (const auto& [value, word] : words)
    if (name == word)
      return value;
  return std::nullopt;
}

bool is_kebab_case(const std::string& name) {
  if (name.empty() || name.size() > 64 || name.front() == '-' || name.back() == '-')
    return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && !(c == '-' && name[i - 1] != '-'))
      return false;
  }
  return true;
}

/// These texts are printed on terminals, so they must not contain control characters.
bool is_one_line(const std::string& text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return false;
  return true;
}

class Checker {
public:
  explicit Checker(const std::string& origin) : origin_(origin) {}

  void require(bool holds, const std::string& sentence) const {
    if (!holds)
      throw DataError(origin_ + ": " + sentence);
  }
  void name(const std::string& what, const std::string& value) const {
    require(is_kebab_case(value),
            what + " is \"" + (is_one_line(value) ? value : "(unprintable)") +
                "\"; expected lower-case letters, digits and single hyphens, at most 64.");
  }
  void line(const std::string& what, const std::string& value) const {
    require(is_one_line(value), what + " contains a control character; expected one line of text.");
  }

  void option(const std::string& component, const OptionInfo& option) const {
    name("the name of an option of " + component, option.name);
    const std::string what = "option \"" + option.name + "\" of " + component;
    require(!option_type_name(option.type).empty(),
            what + " has the unknown type " + std::to_string(option.type) + ".");
    require(!option.minimum || !option.maximum || *option.minimum <= *option.maximum,
            what + " has a minimum above its maximum.");
    require(option.choices.empty() || option.type == CUECARD_TEXT,
            what + " has choices but is not a text option.");
    line("the help of " + what, option.help);
    line("the source of " + what, option.source);
    line("what is needed by " + what, option.needs);
    for (const std::string& choice : option.choices)
      line("a choice of " + what, choice);
    try {
      parse_option(option, option.value);
    } catch (const UsageError& error) {
      require(false, what + " has an invalid default: " + error.what());
    }
  }

  void needs(const std::string& what, const ComponentInfo& component, const OptionInfo& option) const {
    if (option.needs.empty())
      return;
    const Needs needs = needs_of(option);
    const auto other = std::ranges::find(component.options, needs.option, &OptionInfo::name);
    bool valid = other != component.options.end() && other->name != option.name && !needs.values.empty();
    for (std::size_t i = 0; valid && i < needs.values.size(); ++i) {
      try {
        parse_option(*other, needs.values[i]);
      } catch (const UsageError&) {
        valid = false;
      }
    }
    require(valid, what + " declares that its option \"" + option.name +
                       "\" needs something that is not OPTION=VALUE of another option.");
  }

  void component(const ComponentInfo& component) const {
    const std::string kind = kind_name(component.kind);
    require(!kind.empty(), "a component has the unknown kind " + std::to_string(component.kind) + ".");
    name("the name of a " + kind, component.name);
    const std::string what = kind + " \"" + component.name + "\"";
    line("the summary of " + what, component.summary);
    require(!trains_name(component.trains).empty(), what + " has an unknown value of \"trains\".");
    require((component.kind == CUECARD_BACKBONE) == !component.model_types.empty(),
            what + (component.kind == CUECARD_BACKBONE ? " lists no model type."
                                                       : " lists model types, which only backbones may."));
    std::set<std::string> seen;
    for (const std::string& type : component.model_types) {
      line("a model type of " + what, type);
      require(!type.empty() && seen.insert(type).second, what + " has an empty or repeated model type.");
    }
    for (const std::string& type : component.adopts)
      line("an adapter type of " + what, type);
    require(component.adopts.empty() || component.kind == CUECARD_TUNER,
            what + " lists adapter types, which only tuners may.");
    seen.clear();
    for (const OptionInfo& each : component.options) {
      option(what, each);
      require(seen.insert(each.name).second, what + " declares the option \"" + each.name + "\" twice.");
    }
    for (const OptionInfo& each : component.options)
      needs(what, component, each);
  }

private:
  const std::string& origin_;
};

} // namespace

bool Manifest::readable() const {
  return abi_kind == CUECARD_ABI_CXX && abi_major == CUECARD_ABI_MAJOR && abi_minor <= CUECARD_ABI_MINOR;
}

std::string kind_name(uint32_t kind) {
  return word_of(kind_words, kind);
}
std::string trains_name(uint32_t trains) {
  return word_of(trains_words, trains);
}
std::string option_type_name(uint32_t type) {
  return word_of(option_words, type);
}
std::string stdlib_name(uint32_t stdlib) {
  return word_of(stdlib_words, stdlib);
}
std::vector<std::string> abi_flag_names(uint32_t flags) {
  std::vector<std::string> names;
  for (const auto& [bit, word] : flag_words)
    if (flags & bit)
      names.emplace_back(word);
  return names;
}

uint32_t kind_value(std::string_view name) {
  return value_of(kind_words, name).value_or(0);
}
std::optional<uint32_t> trains_value(std::string_view name) {
  return value_of(trains_words, name);
}
uint32_t option_type_value(std::string_view name) {
  return value_of(option_words, name).value_or(0);
}
uint32_t stdlib_value(std::string_view name) {
  return value_of(stdlib_words, name).value_or(0);
}
uint32_t abi_flag_value(std::string_view name) {
  return value_of(flag_words, name).value_or(0);
}

void check(const Manifest& manifest, const std::string& origin) {
  const Checker checker(origin);
  checker.name("the plugin's id", manifest.id);
  checker.require(!manifest.version.empty() && manifest.version.size() <= 64,
                  "the plugin's version is empty or longer than 64 characters.");
  checker.line("the version", manifest.version);
  checker.line("the file name", manifest.file);
  checker.line("the platform", manifest.platform);
  if (!manifest.readable())
    return;
  checker.line("the licence", manifest.license);
  checker.line("the homepage", manifest.homepage);
  checker.line("the compiler", manifest.compiler);
  uint32_t known_flags = 0;
  for (const auto& [bit, word] : flag_words)
    known_flags |= bit;
  checker.require(!(manifest.abi_flags & ~known_flags), "the build flags contain an unknown bit.");
  checker.require(!stdlib_name(manifest.stdlib).empty(), "it was built with an unknown C++ standard library.");
  checker.require(!manifest.components.empty(), "it has no components.");
  std::set<std::pair<uint32_t, std::string>> seen;
  for (const ComponentInfo& component : manifest.components) {
    checker.component(component);
    checker.require(seen.insert({component.kind, component.name}).second,
                    "it declares the " + kind_name(component.kind) + " \"" + component.name + "\" twice.");
  }
}

} // namespace cuecard
