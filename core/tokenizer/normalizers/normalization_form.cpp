#include <algorithm>

#include <unicode/normalizer2.h>
#include <unicode/uniset.h>

#include <cuecard/error.hpp>

#include "tokenizer/normalizers/normalizer.hpp"
#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

void check(UErrorCode status) {
  if (U_FAILURE(status))
    throw Error(std::string("ICU's Unicode data can't be used (") + u_errorName(status) +
                "); reinstall libicu.");
}

const icu::Normalizer2& newest_normalizer(Form form) {
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
  static const icu::FilteredNormalizer2 forms[] = {{newest_normalizer(Form::nfc), unicode_9()},
                                                   {newest_normalizer(Form::nfd), unicode_9()},
                                                   {newest_normalizer(Form::nfkc), unicode_9()},
                                                   {newest_normalizer(Form::nfkd), unicode_9()}};
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

/// A long run of combining marks, decomposed and in canonical order. ICU sorts marks by insertion, which takes
/// hours for a million of them, but is fast if they are already sorted.
std::string canonically_ordered(std::string_view text) {
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

constexpr size_t long_run = 256; // bytes

} // namespace

// Normalises the shortest segments between normalisation boundaries, so that offsets stay precise.
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
    const size_t first_end = at;
    for (size_t ahead = at; ahead < text.size() && !normalizer.hasBoundaryBefore(code(next_char(text, ahead)));)
      at = ahead;
    const Span span{static_cast<uint32_t>(begin), static_cast<uint32_t>(at)};
    if (at == first_end && normalizer.isInert(code(first))) {
      rewriter.keep(span);
      continue;
    }
    const std::string result = at - begin < long_run
                                   ? normalized(normalizer, slice(text, span))
                                   : normalized(normalizer, canonically_ordered(slice(text, span)));
    if (result == slice(text, span))
      rewriter.keep(span);
    else
      rewriter.put(result, span);
  }
  aligned = rewriter.finish();
}

} // namespace cuecard::tokenizer
