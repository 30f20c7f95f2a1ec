/// The part of a text in generation that further tokens can't change.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <cuecard/scorer.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard {

class GrowingText {
public:
  /// `vocabulary` must outlive it.
  GrowingText(const Vocabulary& vocabulary, const GenerateSettings& settings)
      : vocabulary_(vocabulary), stop_(settings.stop) {
    for (const std::string& stop : stop_)
      held_back_ = std::max(held_back_, stop.size());
  }

  /// The text of tokens `ids` up to a stop text, without what may be the beginning of one and without an incomplete character.
  std::string so_far(std::span<const int64_t> ids) const {
    std::string text = vocabulary_.decode(ids);
    std::size_t end = text.size() - std::min(text.size(), held_back_);
    for (const std::string& stop : stop_)
      if (!stop.empty()) // a token may go on after a stop text
        end = std::min(end, text.find(stop));
    // A character whose bytes span several tokens decodes to U+FFFD until it is complete.
    while (end >= 3 && text.compare(end - 3, 3, "\xEF\xBF\xBD") == 0)
      end -= 3;
    while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
      --end;
    text.resize(end);
    return text;
  }

private:
  const Vocabulary& vocabulary_;
  const std::vector<std::string> stop_;
  std::size_t held_back_ = 0;
};

} // namespace cuecard
