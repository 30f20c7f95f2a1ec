#include "tokenizer/pre_tokenizers/pre_tokenizer.hpp"

#include <algorithm>

#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

class Sequence final : public PreTokenizer {
public:
  Sequence(const Field& settings, bool encode_bytes) {
    const std::vector<Field> steps = settings.at("pretokenizers").items();
    for (size_t step = 0; step < steps.size(); ++step)
      steps_.push_back(make_pre_tokenizer(steps[step], encode_bytes || step + 1 < steps.size()));
  }

  void apply(Words& words) const override {
    for (const auto& step : steps_)
      step->apply(words);
  }

private:
  std::vector<std::unique_ptr<const PreTokenizer>> steps_;
};

/// Splits at whitespace and isolates punctuation.
class BertPreTokenizer final : public PreTokenizer {
public:
  void apply(Words& words) const override {
    std::vector<Span> pieces;
    const std::string& text = words.text.text();
    for (const Span word : words.spans) {
      uint32_t begin = word.begin;
      for (size_t at = word.begin; at < word.end;) {
        const auto here = static_cast<uint32_t>(at);
        const char32_t character = next_char(text, at);
        const bool punctuation = is_punctuation(character);
        if (!punctuation && !is_space(character))
          continue;
        if (begin < here)
          pieces.push_back({begin, here});
        begin = static_cast<uint32_t>(at);
        if (punctuation)
          pieces.push_back({here, begin});
      }
      if (begin < word.end)
        pieces.push_back({begin, word.end});
    }
    words.spans = std::move(pieces);
  }
};

/// Splits at the characters of a class.
class SplitAtCharacters final : public PreTokenizer {
public:
  using Class = bool (*)(char32_t);
  SplitAtCharacters(Class characters, Behavior behavior) : characters_(characters), behavior_(behavior) {}

  void apply(Words& words) const override {
    std::vector<Span> pieces;
    std::vector<Segment> segments;
    for (const Span word : words.spans) {
      segments.clear();
      for (size_t at = word.begin; at < word.end;) {
        const auto begin = static_cast<uint32_t>(at);
        const bool matched = characters_(next_char(words.text.text(), at));
        const auto end = static_cast<uint32_t>(at);
        if (!matched && !segments.empty() && !segments.back().matched)
          segments.back().span.end = end;
        else
          segments.push_back({{begin, end}, matched});
      }
      append_splits(segments, behavior_, pieces);
    }
    words.spans = std::move(pieces);
  }

private:
  Class characters_;
  Behavior behavior_;
};

/// Runs of word characters and runs of other characters: `\w+|[^\w\s]+`.
class Whitespace final : public PreTokenizer {
public:
  void apply(Words& words) const override {
    std::vector<Span> pieces;
    for (const Span word : words.spans) {
      enum { space, inside, outside } last = space;
      for (size_t at = word.begin; at < word.end;) {
        const auto begin = static_cast<uint32_t>(at);
        const char32_t character = next_char(words.text.text(), at);
        const auto kind = is_word(character) ? inside : is_space(character) ? space : outside;
        if (kind != space && kind == last)
          pieces.back().end = static_cast<uint32_t>(at);
        else if (kind != space)
          pieces.push_back({begin, static_cast<uint32_t>(at)});
        last = kind;
      }
    }
    words.spans = std::move(pieces);
  }
};

/// Splits at the matches of a pattern or, if inverted, at the text between them.
class Split final : public PreTokenizer {
public:
  Split(std::unique_ptr<const Pattern> pattern, Behavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void apply(Words& words) const override {
    std::vector<Span> pieces, found;
    std::vector<Segment> segments;
    for (const Span word : words.spans) {
      found.clear();
      segments.clear();
      pattern_->find_all(slice(words.text.text(), word), found);
      uint32_t at = word.begin;
      for (const Span match : found) {
        const Span span{word.begin + match.begin, word.begin + match.end};
        if (at < span.begin)
          segments.push_back({{at, span.begin}, invert_});
        segments.push_back({span, !invert_});
        at = span.end;
      }
      if (at < word.end)
        segments.push_back({{at, word.end}, invert_});
      append_splits(segments, behavior_, pieces);
    }
    words.spans = std::move(pieces);
  }

private:
  std::unique_ptr<const Pattern> pattern_;
  Behavior behavior_;
  bool invert_;
};

} // namespace

void append_splits(const std::vector<Segment>& segments, Behavior behavior, std::vector<Span>& to) {
  const size_t before = to.size();
  const auto reverse_new = [&] { std::reverse(to.begin() + static_cast<std::ptrdiff_t>(before), to.end()); };
  bool previous_matched = false;
  const auto joins = [&](const Segment& segment) {
    const bool joined = behavior == Behavior::contiguous ? segment.matched == previous_matched
                                                         : segment.matched && !previous_matched;
    previous_matched = segment.matched;
    return joined && to.size() > before;
  };
  switch (behavior) {
  case Behavior::removed:
  case Behavior::isolated:
    for (const Segment& segment : segments)
      if (behavior == Behavior::isolated || !segment.matched)
        to.push_back(segment.span);
    break;
  case Behavior::contiguous:
  case Behavior::merged_with_previous:
    for (const Segment& segment : segments)
      if (joins(segment))
        to.back().end = segment.span.end;
      else
        to.push_back(segment.span);
    break;
  case Behavior::merged_with_next:
    for (size_t at = segments.size(); at-- > 0;)
      if (joins(segments[at]))
        to.back().begin = segments[at].span.begin;
      else
        to.push_back(segments[at].span);
    reverse_new();
    break;
  }
  to.erase(std::remove_if(to.begin() + static_cast<std::ptrdiff_t>(before), to.end(),
                          [](Span span) { return span.empty(); }),
           to.end());
}

Behavior read_behavior(const Field& settings, Behavior fallback) {
  const auto field = settings.find("behavior");
  if (!field)
    return fallback;
  const std::string name = field->string();
  if (name == "Removed")
    return Behavior::removed;
  if (name == "Isolated")
    return Behavior::isolated;
  if (name == "MergedWithPrevious")
    return Behavior::merged_with_previous;
  if (name == "MergedWithNext")
    return Behavior::merged_with_next;
  if (name == "Contiguous")
    return Behavior::contiguous;
  field->fail_unknown(name, {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"});
}

bool ends_with_byte_level(const Field& settings) {
  const std::string type = settings.at("type").string();
  if (type != "Sequence")
    return type == "ByteLevel";
  const std::vector<Field> steps = settings.at("pretokenizers").items();
  return !steps.empty() && ends_with_byte_level(steps.back());
}

std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const Field& settings, bool encode_bytes) {
  const std::string type = settings.at("type").string();
  if (type == "BertPreTokenizer")
    return std::make_unique<BertPreTokenizer>();
  if (type == "ByteLevel")
    return make_byte_level(settings, encode_bytes);
  if (type == "Sequence")
    return std::make_unique<Sequence>(settings, encode_bytes);
  if (type == "Split")
    return std::make_unique<Split>(make_pattern(settings.at("pattern")),
                                   read_behavior(settings, Behavior::isolated), settings.flag("invert", false));
  if (type == "CharDelimiterSplit")
    return std::make_unique<Split>(make_literal(settings.at("delimiter").character()), Behavior::removed,
                                   false);
  if (type == "Digits") {
    const bool individual = settings.flag("individual_digits", false);
    return std::make_unique<SplitAtCharacters>(is_digit,
                                               individual ? Behavior::isolated : Behavior::contiguous);
  }
  if (type == "Punctuation")
    return std::make_unique<SplitAtCharacters>(is_punctuation, read_behavior(settings, Behavior::isolated));
  if (type == "Whitespace")
    return std::make_unique<Whitespace>();
  if (type == "WhitespaceSplit")
    return std::make_unique<SplitAtCharacters>(is_space, Behavior::removed);
  if (type == "Metaspace")
    return make_metaspace(settings);
  if (type == "UnicodeScripts")
    return make_unicode_scripts();
  if (type == "FixedLength")
    return make_fixed_length(settings);
  settings.at("type").fail_unknown(type, {"BertPreTokenizer", "ByteLevel", "Sequence", "Split", "Digits",
                                          "Punctuation", "Whitespace", "WhitespaceSplit", "Metaspace",
                                          "CharDelimiterSplit", "UnicodeScripts", "FixedLength"});
}

} // namespace cuecard::tokenizer
