#include "batch/assemble.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "batch/shorten.hpp"

namespace cuecard {

namespace {

/// Which tokens of its side a token attends to.
enum class Attention {
  full,   ///< all tokens: an answer slot is a mask token
  causal, ///< itself and those before it: an answer slot is the next token
  decoder ///< causal, on an output side, where an open slot may precede another one: sentinels separate them
};

/// The id of the token that `marker` names: a kind of special token, or the token's text.
std::optional<int64_t> special_id(const Vocabulary& vocabulary, std::string_view marker) {
  const SpecialTokens& special = vocabulary.special();
  if (marker == "mask")
    return special.mask;
  if (marker == "eos")
    return special.eos;
  if (marker == "bos")
    return special.bos;
  if (marker == "sep")
    return special.sep;
  if (marker == "cls")
    return special.cls;
  if (marker == "pad")
    return special.pad;
  return vocabulary.id(marker);
}

int64_t required_special(const Vocabulary& vocabulary, const std::string& marker) {
  const std::optional<int64_t> id = special_id(vocabulary, marker);
  if (!id)
    throw DataError("the prompt has a " + (marker.front() == '<' ? marker : "<" + marker + ">") +
                    " token, but the model's vocabulary has none: remove it from the "
                    "template or choose a model that has one");
  return *id;
}

int64_t trigger_id(const Vocabulary& vocabulary, const Piece& piece) {
  if (piece.text.empty())
    return 0;
  const std::optional<int64_t> id = vocabulary.id(piece.text);
  if (!id)
    throw DataError("the trigger \"" + piece.text + "\" is not a token of the model's vocabulary");
  return *id;
}

/// Encodes pieces one by one.
class PieceEncoder {
public:
  PieceEncoder(const Vocabulary& vocabulary, bool masked_targets, const std::vector<std::string>& fields)
      : vocabulary_(vocabulary), masked_targets_(masked_targets), fields_(fields) {}

  std::vector<Stretch> encode(const std::vector<Piece>& pieces, Attention attention) const {
    std::vector<Stretch> stretches;
    stretches.reserve(pieces.size());
    bool after_given_answer = false;
    for (const Piece& piece : pieces) {
      Stretch stretch = encode(piece, attention);
      // A special token right after a given answer ends the answer, so it is a target too.
      if (after_given_answer && piece.kind == Piece::Kind::special)
        stretch.answer = stretch.given = true;
      after_given_answer = stretch.given;
      stretches.push_back(std::move(stretch));
    }
    return stretches;
  }

private:
  PromptToken token_of(const Piece& piece, int64_t id) const {
    PromptToken token;
    token.id = id;
    token.segment = piece.segment;
    if (piece.kind == Piece::Kind::field) {
      const auto field = std::find(fields_.begin(), fields_.end(), piece.field);
      token.origin.field = field == fields_.end() ? -1 : static_cast<int32_t>(field - fields_.begin());
      token.origin.word = static_cast<int32_t>(piece.word);
    }
    return token;
  }

  std::vector<PromptToken> tokens_of(const Piece& piece, const std::vector<Token>& encoded) const {
    std::vector<PromptToken> tokens;
    tokens.reserve(encoded.size());
    for (const Token& token : encoded) {
      tokens.push_back(token_of(piece, token.id));
      tokens.back().origin.begin = std::max<int64_t>(0, int64_t{token.begin} - piece.lead);
      tokens.back().origin.end = std::max<int64_t>(0, int64_t{token.end} - piece.lead);
    }
    return tokens;
  }

  Stretch encode(const Piece& piece, Attention attention) const {
    Stretch stretch;
    stretch.shortenable = piece.shortenable;
    switch (piece.kind) {
    case Piece::Kind::text:
      stretch.rows = tokens_of(piece, vocabulary_.encode_with_specials(piece.text));
      break;
    case Piece::Kind::field:
      stretch.rows = tokens_of(piece, vocabulary_.encode(piece.text));
      break;
    case Piece::Kind::special:
      stretch.rows.push_back(token_of(piece, required_special(vocabulary_, piece.text)));
      break;
    case Piece::Kind::soft:
      // Any valid id will do: the tuner's vector replaces the embedding.
      stretch.rows.push_back(token_of(piece, 0));
      stretch.rows.back().soft_slot = piece.slot;
      stretch.rows.back().first_layer = piece.first_layer;
      break;
    case Piece::Kind::trigger:
      stretch.rows.push_back(token_of(piece, trigger_id(vocabulary_, piece)));
      stretch.rows.back().trigger_slot = piece.slot;
      break;
    case Piece::Kind::answer:
      encode_answer(piece, attention, stretch);
      break;
    }
    return stretch;
  }

  void encode_answer(const Piece& piece, Attention attention, Stretch& stretch) const {
    stretch.answer = true;
    stretch.shortenable = false;
    stretch.given = !piece.text.empty();
    if (attention == Attention::full) {
      const int64_t mask = required_special(vocabulary_, "mask");
      if (!stretch.given) {
        stretch.rows.push_back(token_of(piece, mask));
        return;
      }
      // As in OpenPrompt, a masked model does not see the answer that it must predict.
      if (!masked_targets_)
        throw DataError("the answer \"" + piece.text +
                        "\" is given, but a masked model can't be trained on answers "
                        "that are in its input: omit the answer, or use a causal model");
      stretch.rows = tokens_of(piece, vocabulary_.encode(piece.text));
      for (PromptToken& each : stretch.rows) {
        stretch.targets.push_back(each.id);
        each.id = mask;
      }
      require_tokens(piece, stretch);
      return;
    }
    if (stretch.given) {
      stretch.rows = tokens_of(piece, vocabulary_.encode(piece.text));
      require_tokens(piece, stretch);
    }
  }

  static void require_tokens(const Piece& piece, const Stretch& stretch) {
    if (stretch.rows.empty())
      throw DataError("the answer \"" + piece.text + "\" has no token in the model's vocabulary");
  }

  const Vocabulary& vocabulary_;
  bool masked_targets_;
  const std::vector<std::string>& fields_;
};

std::vector<PromptToken> special_tokens(std::span<const int64_t> ids, int64_t segment) {
  std::vector<PromptToken> tokens(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    tokens[i].id = ids[i];
    tokens[i].segment = segment;
  }
  return tokens;
}

/// Whether the stretches end with the token of `suffix`, which must be a single one.
bool ends_in(const std::vector<Stretch>& stretches, const std::vector<PromptToken>& suffix) {
  const auto last = std::find_if(stretches.rbegin(), stretches.rend(),
                                 [](const Stretch& stretch) { return !stretch.rows.empty(); });
  if (last == stretches.rend() || suffix.size() != 1)
    return false;
  const PromptToken& token = last->rows.back();
  return token.id == suffix[0].id && token.soft_slot < 0 && token.trigger_slot < 0;
}

/// Whether the stretches begin with the token of `prefix`, which must be a single one. Text of a row never does: there it is no
/// special token.
bool begins_with(const std::vector<Stretch>& stretches, const std::vector<PromptToken>& prefix) {
  const auto first = std::find_if(stretches.begin(), stretches.end(),
                                  [](const Stretch& stretch) { return !stretch.rows.empty(); });
  if (first == stretches.end() || prefix.size() != 1)
    return false;
  const PromptToken& token = first->rows.front();
  return token.id == prefix[0].id && token.soft_slot < 0 && token.trigger_slot < 0;
}

/// Appends stretches to `tokens`; with `select`, adds the positions and targets of answers to `prompt`.
void append(const std::vector<Stretch>& stretches, Attention attention, bool select,
            std::vector<PromptToken>& tokens, TokenizedPrompt& prompt) {
  bool open_answer = false;
  for (const Stretch& stretch : stretches) {
    if (attention == Attention::causal && open_answer)
      throw DataError(
          "there is text after the answer slot, which a causal model can't use: end the prompt with "
          "the answer slot");
    if (!stretch.answer || !select) {
      tokens.insert(tokens.end(), stretch.rows.begin(), stretch.rows.end());
      continue;
    }
    if (attention == Attention::full) {
      for (std::size_t i = 0; i < stretch.rows.size(); ++i) {
        prompt.answers.push_back(static_cast<int64_t>(tokens.size()));
        prompt.targets.push_back(stretch.given ? stretch.targets[i] : -1);
        tokens.push_back(stretch.rows[i]);
      }
      continue;
    }
    if (tokens.empty())
      throw DataError("no token precedes the answer slot, so a causal model has nothing to predict the answer "
                      "from: give it a text");
    open_answer = !stretch.given;
    if (open_answer) {
      prompt.answers.push_back(static_cast<int64_t>(tokens.size()) - 1);
      prompt.targets.push_back(-1);
    }
    for (const PromptToken& token : stretch.rows) {
      prompt.answers.push_back(static_cast<int64_t>(tokens.size()) - 1);
      prompt.targets.push_back(token.id);
      tokens.push_back(token);
    }
  }
}

/// The positions that a verbalizer uses, other than answer slots. `prepended`: number of tokens before the
/// model's own special tokens.
std::vector<int64_t> selected_positions(const std::vector<PromptToken>& tokens,
                                        const OutputPositions& output_positions, Attention attention,
                                        int64_t prepended, const std::vector<std::string>& fields) {
  const auto wanted = std::find(fields.begin(), fields.end(), output_positions.field);
  const auto of_field = [&](const PromptToken& token) {
    return token.origin.field >= 0 &&
           (output_positions.field.empty() || token.origin.field == wanted - fields.begin());
  };
  std::vector<int64_t> selected;
  switch (output_positions.kind) {
  case OutputPositions::Kind::answer_slots:
    break;
  case OutputPositions::Kind::sequence:
    selected.push_back(attention != Attention::full ? static_cast<int64_t>(tokens.size()) - 1 : prepended);
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
  if (selected.empty() || tokens.empty())
    throw DataError("the prompt has no token that the verbalizer uses" +
                    (output_positions.field.empty()
                         ? std::string(".")
                         : ": the field \"" + output_positions.field + "\" has none."));
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
  const Attention attention = target.causal && !target.encoder_decoder ? Attention::causal : Attention::full;
  const PieceEncoder encoder(vocabulary, target.masked_targets, fields);
  const std::vector<Stretch> prepended = encoder.encode(prompt.prepended, attention);
  std::vector<Stretch> input = encoder.encode(prompt.input, attention);
  const std::vector<Stretch> output = encoder.encode(prompt.output, Attention::decoder);

  // A causal model continues the input, so nothing is appended to it.
  std::vector<PromptToken> prefix = special_tokens(vocabulary.sequence_prefix(), 0);
  if (begins_with(input, prefix))
    prefix.clear(); // as with an end token below: a template that spells it out has it once
  std::vector<PromptToken> suffix;
  if (attention == Attention::full)
    suffix =
        special_tokens(vocabulary.sequence_suffix(), prompt.input.empty() ? 0 : prompt.input.back().segment);
  if (target.encoder_decoder && ends_in(input, suffix))
    suffix.clear(); // as in OpenPrompt: an end token from the template is not repeated

  const int64_t length =
      count_rows(prepended) + count_rows(input) + static_cast<int64_t>(prefix.size() + suffix.size());
  const int64_t excess = limit.max_length > 0 ? std::max<int64_t>(0, length - limit.max_length) : 0;

  // Positions are selected after truncation, so they always match the tokens.
  const auto assembled = [&](const std::vector<Stretch>& shortened) {
    TokenizedPrompt result;
    result.choice = prompt.choice;
    result.variant = prompt.variant;
    result.cut = excess;
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
      append(output, Attention::decoder, select_answers, result.output, result);
    if (!select_answers) {
      const bool decoder = !result.output.empty();
      result.answers =
          selected_positions(decoder ? result.output : result.input, target.positions,
                             decoder ? Attention::decoder : attention, count_rows(prepended), fields);
      result.targets.assign(result.answers.size(), -1);
    }
    return result;
  };

  if (excess == 0)
    return {assembled(input)};
  if (limit.truncate == Truncate::windows) {
    const auto field = std::find(fields.begin(), fields.end(), target.positions.field) - fields.begin();
    std::vector<TokenizedPrompt> result;
    for (const std::vector<Stretch>& window : windows(input, excess, field))
      result.push_back(assembled(window));
    if (result.empty())
      throw DataError(too_long(length, limit) + ", and without all of \"" + target.positions.field +
                      "\" it is still too long: raise the limit, or shorten the template");
    return result;
  }
  const int64_t shortenable = count_shortenable_rows(input);
  if (shortenable < excess)
    throw DataError(
        too_long(length, limit) + ", and only " + std::to_string(shortenable) +
        " of them may be cut: raise the limit, shorten the template, or mark more of it shortenable");
  shorten(input, excess, limit.truncate);
  return {assembled(input)};
}

TokenizedPrompt assemble(const Prompt& prompt, const Vocabulary& vocabulary, const PromptLayout& target,
                         const LengthLimit& limit, const std::vector<std::string>& fields) {
  return std::move(assemble_windows(prompt, vocabulary, target, limit, fields).front());
}

} // namespace cuecard
