#include "engine/word_field.hpp"

#include <sstream>
#include <string>

namespace cuecard {

void take_words(Example& example, const TaskPipeline& pipeline) {
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

} // namespace cuecard
