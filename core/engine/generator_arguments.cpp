// What a generator is asked for: settings that make sense, and prompts that a text can be written behind.
#include <algorithm>

#include <cuecard/error.hpp>

#include "engine/generator.hpp"

namespace cuecard {

void read_last_row(TokenizedPrompt& prompt, const BackboneShape& shape) {
  if (shape.encoder_decoder && prompt.output.empty()) {
    prompt.output.emplace_back();
    prompt.output.back().id = shape.decoder_start;
  }
  const int64_t rows = std::ssize(prompt.output.empty() ? prompt.input : prompt.output);
  if (rows == 0)
    throw DataError("the prompt is empty, so there is nothing to write behind: give it a text");
  prompt.answers = {rows - 1};
  prompt.targets = {-1};
}

std::vector<std::vector<int64_t>> banned_sequences(const Vocabulary& vocabulary, const std::string& text) {
  std::vector<std::vector<int64_t>> sequences;
  for (const std::string& spelled : {text, " " + text}) {
    std::vector<int64_t> ids;
    for (const Token& token : vocabulary.encode(spelled))
      ids.push_back(token.id);
    if (std::find(sequences.begin(), sequences.end(), ids) == sequences.end())
      sequences.push_back(std::move(ids));
  }
  return sequences;
}

void check(const GenerateSettings& settings, const BackboneShape& shape) {
  const auto refuse = [](const std::string& what) { throw UsageError(what); };
  if (!shape.generates())
    refuse("a model of the family \"" + shape.family +
           "\" as it is stored here can't write text; use a causal model or an encoder-decoder with a "
           "language-model head.");
  if (settings.max_length < 1 || settings.beams < 1 || settings.returns < 1)
    refuse("writing takes at least one token, one beam and one text to return.");
  if (settings.min_length > settings.max_length)
    refuse("at least " + std::to_string(settings.min_length) + " tokens shall be written and at most " +
           std::to_string(settings.max_length) + "; raise the second or lower the first.");
  if (!(settings.temperature >= 0) || !(settings.top_p > 0 && settings.top_p <= 1) ||
      !(settings.min_p >= 0 && settings.min_p <= 1) || settings.top_k < 0)
    refuse("a temperature is 0 or more, top-p above 0 and at most 1, min-p between 0 and 1, top-k 0 or more.");
  if (!(settings.repetition_penalty > 0))
    refuse("a repetition penalty is above 0; 1 is none.");
  if (settings.beams > 1 && settings.temperature > 0)
    refuse("beams are searched and not drawn: use a temperature of 0, or one beam.");
  if (settings.temperature == 0 && settings.returns > settings.beams)
    refuse(std::to_string(settings.returns) + " texts can't come of " + std::to_string(settings.beams) +
           " beams: use as many beams, or a temperature above 0.");
  for (const std::vector<int64_t>& sequence : settings.banned)
    for (const int64_t id : sequence)
      if (id < 0 || id >= shape.vocabulary)
        refuse("the banned token " + std::to_string(id) + " is none of the model's " +
               std::to_string(shape.vocabulary) + ".");
}

} // namespace cuecard
