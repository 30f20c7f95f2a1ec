#include "batch/assemble.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "batch/encode_pieces.hpp"
#include "batch/shorten.hpp"

namespace cuecard {

namespace {

std::vector<PromptToken> special_tokens(std::span<const int64_t> ids, int64_t segment) {
  std::vector<PromptToken> tokens(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    tokens[i].id = ids[i];
    tokens[i].segment = segment;
  }
  return tokens;
}

/// Whether the pieces end with the token of `suffix`, which must be a single one.
bool ends_in(const std::vector<EncodedPiece>& encoded_pieces, const std::vector<PromptToken>& suffix) {
  const auto last = std::find_if(encoded_pieces.rbegin(), encoded_pieces.rend(),
                                 [](const EncodedPiece& encoded) { return !encoded.tokens.empty(); });
  if (last == encoded_pieces.rend() || suffix.size() != 1)
    return false;
  const PromptToken& token = last->tokens.back();
  return token.id == suffix[0].id && token.soft_slot < 0 && token.trigger_slot < 0;
}

/// Whether the pieces begin with the token of `prefix`, which must be a single one. Text from data never does: it is never
/// tokenized to special tokens.
bool begins_with(const std::vector<EncodedPiece>& encoded_pieces, const std::vector<PromptToken>& prefix) {
  const auto first =
      std::ranges::find_if(encoded_pieces, [](const EncodedPiece& encoded) { return !encoded.tokens.empty(); });
  if (first == encoded_pieces.end() || prefix.size() != 1)
    return false;
  const PromptToken& token = first->tokens.front();
  return token.id == prefix[0].id && token.soft_slot < 0 && token.trigger_slot < 0;
}

/// Appends the pieces to `tokens`; with `select`, adds the positions and targets of answers to `prompt`.
void append(const std::vector<EncodedPiece>& encoded_pieces, SideAttention attention, bool select,
            std::vector<PromptToken>& tokens, TokenizedPrompt& prompt) {
  bool open_answer = false;
  for (const EncodedPiece& encoded : encoded_pieces) {
    if (attention == SideAttention::causal && open_answer)
      throw DataError(
          "there is text after the answer slot, which a causal model can't use: end the prompt with "
          "the answer slot");
    if (!encoded.answer || !select) {
      tokens.insert(tokens.end(), encoded.tokens.begin(), encoded.tokens.end());
      continue;
    }
    if (attention == SideAttention::full) {
      for (std::size_t i = 0; i < encoded.tokens.size(); ++i) {
        prompt.answers.push_back(static_cast<int64_t>(tokens.size()));
        prompt.targets.push_back(encoded.given ? encoded.targets[i] : -1);
        tokens.push_back(encoded.tokens[i]);
      }
      continue;
    }
    if (tokens.empty())
      throw DataError("no token precedes the answer slot, so a causal model has nothing to predict the answer "
                      "from: give it a text");
    open_answer = !encoded.given;
    if (open_answer) {
      prompt.answers.push_back(static_cast<int64_t>(tokens.size()) - 1);
      prompt.targets.push_back(-1);
    }
    for (const PromptToken& token : encoded.tokens) {
      prompt.answers.push_back(static_cast<int64_t>(tokens.size()) - 1);
      prompt.targets.push_back(token.id);
      tokens.push_back(token);
    }
  }
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// The positions that a verbalizer uses, other than answer slots. `prepended`: number of tokens before the
/// model's own special tokens.
std::vector<int64_t> selected_positions(const std::vector<PromptToken>& tokens,
                                        const OutputPositions& output_positions, SideAttention attention,
                                        int64_t prepended, const std::vector<std::string>& fields) {
  const auto wanted = std::find(fields.begin(), fields.end(), output_positions.field);
  const auto of_field = [&](const PromptToken& token) {
    return token.origin.field >= 0 &&
           (output_positions.field.empty() || token.origin.field == wanted - fields.begin());
  };
  const int64_t sequence_token =
      attention != SideAttention::full ? static_cast<int64_t>(tokens.size()) - 1 : prepended;
  std::vector<int64_t> selected;
  switch (output_positions.kind) {
  case OutputPositions::Kind::answer_slots:
    break;
  case OutputPositions::Kind::sequence:
    selected.push_back(sequence_token);
    break;
  case OutputPositions::Kind::first_token:
    selected.push_back(0);
    break;
  case OutputPositions::Kind::words:
  case OutputPositions::Kind::tokens:
    for (std::size_t i = 0, word = SIZE_MAX; i < tokens.size(); ++i) {
      if (!of_field(tokens[i]))
        continue;
      const bool new_word =
          tokens[i].origin.word >= 0 && static_cast<std::size_t>(tokens[i].origin.word) != word;
      if (output_positions.kind == OutputPositions::Kind::tokens || new_word)
        selected.push_back(static_cast<int64_t>(i));
      word = static_cast<std::size_t>(tokens[i].origin.word);
    }
    break;
  }
  if (const std::string& field = output_positions.field;
      selected.empty() && wanted == fields.end() && !field.empty())
    throw DataError("the verbalizer uses the field \"" + field + "\", and the template has no such field." +
                    did_you_mean(field, fields) +
                    (fields.empty() ? "" : " Its fields: " + listed(fields) + "."));
  if (selected.empty() || tokens.empty())
    throw DataError("the prompt has no token that the verbalizer uses" +
                    (output_positions.field.empty()
                         ? std::string(".")
                         : ": the field \"" + output_positions.field + "\" has none."));
  const bool of_tokens = output_positions.kind == OutputPositions::Kind::words ||
                         output_positions.kind == OutputPositions::Kind::tokens;
  const auto place = std::ranges::lower_bound(selected, sequence_token);
  if (of_tokens && output_positions.with_sequence && (place == selected.end() || *place != sequence_token))
    selected.insert(place, sequence_token);
  return selected;
}

std::string too_long(int64_t length, const LengthLimit& limit) {
  return "the prompt has " + std::to_string(length) + " tokens where the limit is " +
         std::to_string(limit.max_length);
}

} // namespace

bool same_token(const PromptToken& a, const PromptToken& b) {
  return a.id == b.id && a.segment == b.segment && a.soft_slot == b.soft_slot &&
         a.trigger_slot == b.trigger_slot && a.first_layer == b.first_layer;
}

std::vector<TokenizedPrompt> assemble_windows(const Prompt& prompt, const Vocabulary& vocabulary,
                                              const PromptLayout& target, const LengthLimit& limit,
                                              const std::vector<std::string>& fields) {
  const SideAttention attention =
      target.causal && !target.encoder_decoder ? SideAttention::causal : SideAttention::full;
  const auto encoded = [&](const std::vector<Piece>& pieces, SideAttention side) {
    return encode_pieces(pieces, {vocabulary, side, target.masked_targets, fields});
  };
  const std::vector<EncodedPiece> prepended = encoded(prompt.prepended, attention);
  std::vector<EncodedPiece> input = encoded(prompt.input, attention);
  const std::vector<EncodedPiece> output = encoded(prompt.output, SideAttention::decoder);

  // A causal model continues the input, so nothing is appended to it.
  std::vector<PromptToken> prefix = special_tokens(vocabulary.sequence_prefix(), 0);
  if (begins_with(input, prefix))
    prefix.clear(); // as with an end token below: a template that spells it out has it once
  std::vector<PromptToken> suffix;
  if (attention == SideAttention::full)
    suffix =
        special_tokens(vocabulary.sequence_suffix(), prompt.input.empty() ? 0 : prompt.input.back().segment);
  if (target.encoder_decoder && ends_in(input, suffix))
    suffix.clear(); // as in OpenPrompt: an end token from the template is not repeated

  const int64_t length =
      count_tokens(prepended) + count_tokens(input) + static_cast<int64_t>(prefix.size() + suffix.size());
  const int64_t excess = limit.max_length > 0 ? std::max<int64_t>(0, length - limit.max_length) : 0;

  // Positions are selected after truncation, so they always match the tokens.
  const auto assembled = [&](const std::vector<EncodedPiece>& shortened) {
    TokenizedPrompt result;
    result.choice = prompt.choice;
    result.variant = prompt.variant;
    const bool select_answers = target.positions.kind == OutputPositions::Kind::answer_slots;
    // Words and tokens of fields are in the input: they need no output.
    const bool of_input = target.positions.kind == OutputPositions::Kind::words ||
                          target.positions.kind == OutputPositions::Kind::tokens;
    if (target.encoder_decoder && target.decoder_start >= 0 && !of_input)
      result.output = special_tokens(std::span(&target.decoder_start, 1), 0);
    const bool select_input = prompt.output.empty() && result.output.empty() && select_answers;
    result.input.reserve(static_cast<std::size_t>(length - excess));
    append(prepended, attention, select_input, result.input, result);
    result.input.insert(result.input.end(), prefix.begin(), prefix.end());
    append(shortened, attention, select_input, result.input, result);
    result.input.insert(result.input.end(), suffix.begin(), suffix.end());
    if (!of_input)
      append(output, SideAttention::decoder, select_answers, result.output, result);
    if (!select_answers) {
      const bool decoder = !result.output.empty();
      result.answers =
          selected_positions(decoder ? result.output : result.input, target.positions,
                             decoder ? SideAttention::decoder : attention, count_tokens(prepended), fields);
      result.targets.assign(result.answers.size(), -1);
    }
    return result;
  };

  if (excess == 0)
    return {assembled(input)};
  if (limit.truncate == Truncate::windows) {
    const auto field = std::find(fields.begin(), fields.end(), target.positions.field) - fields.begin();
    std::vector<TokenizedPrompt> result;
    for (const std::vector<EncodedPiece>& window : windows(input, excess, field))
      result.push_back(assembled(window));
    if (result.empty())
      throw DataError(too_long(length, limit) + ", and without all of \"" + target.positions.field +
                      "\" it is still too long: raise the limit, or shorten the template");
    return result;
  }
  const int64_t shortenable = count_shortenable_tokens(input);
  if (shortenable < excess)
    throw DataError(
        too_long(length, limit) + ", and only " + std::to_string(shortenable) +
        " of them may be cut: raise the limit, shorten the template, or mark more of it shortenable");
  const std::vector<EncodedPiece> whole = input;
  shorten(input, excess, limit.truncate);
  TokenizedPrompt result = assembled(input);
  result.cut = cut_tokens(whole, input, fields);
  result.cut.limit = limit.max_length;
  return {result};
}

TokenizedPrompt assemble(const Prompt& prompt, const Vocabulary& vocabulary, const PromptLayout& target,
                         const LengthLimit& limit, const std::vector<std::string>& fields) {
  return std::move(assemble_windows(prompt, vocabulary, target, limit, fields).front());
}

} // namespace cuecard
