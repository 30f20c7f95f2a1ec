/// Splits the text that a pipeline labels word by word.
#pragma once

#include <sstream>
#include <string>

#include <cuecard/example.hpp>

#include "engine/task_pipeline.hpp"

namespace cuecard::host {

/// If `pipeline` labels words and the field is a text, replaces the text by its words, split at white space.
inline void take_words(Example& example, const TaskPipeline& pipeline) {
  const std::string& field = pipeline.layout.positions.field;
  const auto text = example.fields.find(field);
  if (!pipeline.labels_words() || text == example.fields.end())
    return;
  if (!example.words.contains(field)) {
    std::istringstream stream(text->second);
    for (std::string word; stream >> word;)
      example.words[field].push_back(word);
  }
  example.fields.erase(text);
}

} // namespace cuecard::host
