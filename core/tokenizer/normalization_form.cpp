#include <algorithm>

#include <unicode/normalizer2.h>
#include <unicode/uniset.h>

#include <cuecard/error.hpp>

#include "tokenizer/normalizer.hpp"
#include "tokenizer/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

void check(UErrorCode status) {
  if (U_FAILURE(status))
    throw Error(std::string("ICU's Unicode data can't be used (") + u_errorName(status) +
                "); reinstall libicu.");
}

const icu::Normalizer2& of_newest_unicode(Form form) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* found = form == Form::nfc    ? icu::Normalizer2::getNFCInstance(status)
                                  : form == Form::nfd  ? icu::Normalizer2::getNFDInstance(status)
                                  : form == Form::nfkc ? icu::Normalizer2::getNFKCInstance(status)
                                                       : icu::Normalizer2::getNFKDInstance(status);
  check(status);
  return *found;
}

const icu::UnicodeSet& unicode_9() {
  static const icu::UnicodeSet* const set = [] {
    UErrorCode status = U_ZERO_ERROR;
    auto* characters = new icu::UnicodeSet(u"[:age=9.0:]", status);
    check(status);
    characters->freeze();
    return characters;
  }();
  return *set;
}

const icu::Normalizer2& normalizer_of(Form form) {
  static const icu::FilteredNormalizer2 forms[] = {{of_newest_unicode(Form::nfc), unicode_9()},
                                                   {of_newest_unicode(Form::nfd), unicode_9()},
                                                   {of_newest_unicode(Form::nfkc), unicode_9()},
                                                   {of_newest_unicode(Form::nfkd), unicode_9()}};
  return forms[static_cast<size_t>(form)];
}

std::string normalized(const icu::Normalizer2& normalizer, std::string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const auto piece = icu::StringPiece(text.data(), static_cast<int32_t>(text.size()));
  const icu::UnicodeString result = normalizer.normalize(icu::UnicodeString::fromUTF8(piece), status);
  check(status);
  std::string utf8;
  return result.toUTF8String(utf8);
}

/// Many marks in a row, decomposed and in canonical order. ICU orders them by insertion, which takes hours
/// where somebody wrote a million; in order, it has nothing to do.
std::string in_canonical_order(std::string_view text) {
  const icu::Normalizer2& canonical = normalizer_of(Form::nfd);
  std::vector<std::pair<int, char32_t>> characters; // combining class and character
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    next_char(text, at);
    const std::string decomposed = normalized(canonical, text.substr(begin, at - begin));
    for (size_t part = 0; part < decomposed.size();) {
      const char32_t character = next_char(decomposed, part);
      characters.emplace_back(canonical.getCombiningClass(static_cast<UChar32>(character)), character);
    }
  }
  const auto starts = [](const auto& character) { return character.first == 0; };
  const auto by_class = [](const auto& left, const auto& right) { return left.first < right.first; };
  for (auto run = characters.begin(); run != characters.end();) {
    const auto end = std::find_if(run, characters.end(), starts);
    std::stable_sort(run, end, by_class);
    run = std::find_if_not(end, characters.end(), starts);
  }
  std::string ordered;
  for (const auto& [combining_class, character] : characters)
    append_utf8(ordered, character);
  return ordered;
}

constexpr size_t many_marks = 256; // bytes

} // namespace

// Goes by the shortest stretches that can be normalised alone, so that every byte keeps its place in the given
// text.
void apply_form(Form form, AlignedText& aligned) {
  if (is_ascii(aligned.text()))
    return;
  const icu::Normalizer2& normalizer = normalizer_of(form);
  const std::string_view text = aligned.text();
  const auto code = [](char32_t character) { return static_cast<UChar32>(character); };
  Rewriter rewriter(aligned);
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t first = next_char(text, at);
    const size_t behind_first = at;
    for (size_t ahead = at; ahead < text.size() && !normalizer.hasBoundaryBefore(code(next_char(text, ahead)));)
      at = ahead;
    const Span span{static_cast<uint32_t>(begin), static_cast<uint32_t>(at)};
    if (at == behind_first && normalizer.isInert(code(first))) {
      rewriter.keep(span);
      continue;
    }
    const std::string result = at - begin < many_marks
                                   ? normalized(normalizer, slice(text, span))
                                   : normalized(normalizer, in_canonical_order(slice(text, span)));
    if (result == slice(text, span))
      rewriter.keep(span);
    else
      rewriter.put(result, span);
  }
  aligned = rewriter.finish();
}

} // namespace cuecard::tokenizer
