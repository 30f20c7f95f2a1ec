// Checks and prepares a generator's arguments: settings, banned texts and prompts.
#include <algorithm>

#include <cuecard/error.hpp>

#include "engine/generate/generator.hpp"

namespace cuecard {

void read_last_token(TokenizedPrompt& prompt, const BackboneShape& shape) {
  if (shape.encoder_decoder && prompt.output.empty()) {
    prompt.output.emplace_back();
    prompt.output.back().id = shape.decoder_start;
  }
  const int64_t length = std::ssize(prompt.output.empty() ? prompt.input : prompt.output);
  if (length == 0)
    throw DataError("the prompt is empty, so there is nothing to continue: give it a text");
  prompt.answers = {length - 1};
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
  if (!shape.generates())
    throw UsageError(
        "this model of the family \"" + shape.family +
        "\" can't generate text; use a causal model or an encoder-decoder with a language-model head.");
  check_settings(settings, shape.vocabulary);
}

void check_settings(const GenerateSettings& settings, int64_t vocabulary) {
  const auto refuse = [](const std::string& what) { throw UsageError(what); };
  const auto at_least_one = [&](const char* what, int64_t number) {
    if (number < 1)
      refuse(std::string("the ") + what + " is " + std::to_string(number) + "; it must be 1 or more.");
  };
  at_least_one("maximum of new tokens", settings.max_length);
  at_least_one("number of beams", settings.beams);
  at_least_one("number of sequences to return", settings.returns);
  if (settings.min_length < 0)
    refuse("the minimum of new tokens is " + std::to_string(settings.min_length) + "; it must be 0 or more.");
  if (settings.min_length > settings.max_length)
    refuse("the minimum of " + std::to_string(settings.min_length) + " new tokens exceeds the maximum of " +
           std::to_string(settings.max_length) + "; raise the maximum or lower the minimum.");
  const auto in_range = [&](bool fits, const char* what, double number, const char* range) {
    if (!fits)
      refuse(std::string("the ") + what + " is " + shortest(number) + "; it must be " + range + ".");
  };
  in_range(settings.temperature >= 0, "temperature", settings.temperature, "a number of 0 or more");
  in_range(settings.top_k >= 0, "top-k", static_cast<double>(settings.top_k), "0 or more");
  in_range(settings.top_p > 0 && settings.top_p <= 1, "top-p", settings.top_p, "above 0 and at most 1");
  in_range(settings.min_p >= 0 && settings.min_p <= 1, "min-p", settings.min_p, "between 0 and 1");
  in_range(settings.repetition_penalty > 0, "repetition penalty", settings.repetition_penalty,
           "above 0; 1 means none");
  if (std::ranges::find(settings.stop, "") != settings.stop.end())
    refuse("one of the texts that end the generation is empty; each must have at least one character.");
  if (settings.beams > 1 && settings.temperature > 0)
    refuse("beam search does not sample: use a temperature of 0, or one beam.");
  if (settings.temperature == 0 && settings.returns > settings.beams)
    refuse("the number of sequences to return, " + std::to_string(settings.returns) +
           ", exceeds the number of beams, " + std::to_string(settings.beams) +
           ": use as many beams, or a temperature above 0.");
  for (const std::vector<int64_t>& sequence : settings.banned)
    for (const int64_t id : sequence)
      if (id < 0 || id >= vocabulary)
        refuse("the banned token " + std::to_string(id) + " is outside the model's vocabulary of " +
               std::to_string(vocabulary) + " tokens.");
}

} // namespace cuecard
