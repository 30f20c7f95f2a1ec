/// What a row gives a method that labels words: the field that it reads is words, and no text beside them.
#pragma once

#include <sstream>
#include <string>

#include <cuecard/example.hpp>

#include "engine/method.hpp"

namespace cuecard::host {

/// A text in the place of words is its words, between blanks.
inline void take_words(Example& example, const Method& method) {
  const std::string& field = method.target.reading.field;
  const auto text = example.fields.find(field);
  if (!method.labels_words() || text == example.fields.end())
    return;
  if (!example.words.contains(field)) {
    std::istringstream stream(text->second);
    for (std::string word; stream >> word;)
      example.words[field].push_back(word);
  }
  example.fields.erase(text);
}

} // namespace cuecard::host
