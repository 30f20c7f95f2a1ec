#include "batch/assemble.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "batch/shorten.hpp"

namespace cuecard {

namespace {

/// What a row of a side sees.
enum class Sight {
  whole,  ///< each row sees all others: an answer slot is a mask token
  causal, ///< each row sees only what stands in front: an answer slot is what comes next
  decoder ///< the same on an output side, where a slot may stay open in front of another: sentinels divide them
};

/// The token that a marker or a spelling names.
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
                    " token, but the model's vocabulary has none: take it out of the "
                    "template or choose a model that has one");
  return *id;
}

int64_t trigger_id(const Vocabulary& vocabulary, const Piece& piece) {
  if (piece.text.empty())
    return 0;
  const std::optional<int64_t> id = vocabulary.id(piece.text);
  if (!id)
    throw DataError("the trigger \"" + piece.text + "\" is no token of the model's vocabulary");
  return *id;
}

/// Encodes pieces one by one.
class PieceEncoder {
public:
  PieceEncoder(const Vocabulary& vocabulary, bool masked_targets, const std::vector<std::string>& fields)
      : vocabulary_(vocabulary), masked_targets_(masked_targets), fields_(fields) {}

  std::vector<Stretch> encode(const std::vector<Piece>& pieces, Sight sight) const {
    std::vector<Stretch> stretches;
    stretches.reserve(pieces.size());
    bool behind_given_answer = false;
    for (const Piece& piece : pieces) {
      Stretch stretch = encode(piece, sight);
      // A special token right behind a given answer is the answer's end, and to be learned like it.
      if (behind_given_answer && piece.kind == Piece::Kind::special)
        stretch.answer = stretch.given = true;
      behind_given_answer = stretch.given;
      stretches.push_back(std::move(stretch));
    }
    return stretches;
  }

private:
  TokenRow row(const Piece& piece, int64_t id) const {
    TokenRow row;
    row.id = id;
    row.segment = piece.segment;
    if (piece.kind == Piece::Kind::field) {
      const auto field = std::find(fields_.begin(), fields_.end(), piece.field);
      row.origin.field = field == fields_.end() ? -1 : static_cast<int32_t>(field - fields_.begin());
      row.origin.word = static_cast<int32_t>(piece.word);
    }
    return row;
  }

  std::vector<TokenRow> rows(const Piece& piece, const std::vector<Token>& tokens) const {
    std::vector<TokenRow> rows;
    rows.reserve(tokens.size());
    for (const Token& token : tokens) {
      rows.push_back(row(piece, token.id));
      rows.back().origin.begin = std::max<int64_t>(0, int64_t{token.begin} - piece.lead);
      rows.back().origin.end = std::max<int64_t>(0, int64_t{token.end} - piece.lead);
    }
    return rows;
  }

  Stretch encode(const Piece& piece, Sight sight) const {
    Stretch stretch;
    stretch.shortenable = piece.shortenable;
    switch (piece.kind) {
    case Piece::Kind::text:
      stretch.rows = rows(piece, vocabulary_.encode_with_specials(piece.text));
      break;
    case Piece::Kind::field:
      stretch.rows = rows(piece, vocabulary_.encode(piece.text));
      break;
    case Piece::Kind::special:
      stretch.rows.push_back(row(piece, required_special(vocabulary_, piece.text)));
      break;
    case Piece::Kind::soft:
      // Soft rows hold any valid id: the tuner's rows replace the embedding.
      stretch.rows.push_back(row(piece, 0));
      stretch.rows.back().soft_slot = piece.slot;
      break;
    case Piece::Kind::trigger:
      stretch.rows.push_back(row(piece, trigger_id(vocabulary_, piece)));
      stretch.rows.back().trigger_slot = piece.slot;
      break;
    case Piece::Kind::answer:
      encode_answer(piece, sight, stretch);
      break;
    }
    return stretch;
  }

  void encode_answer(const Piece& piece, Sight sight, Stretch& stretch) const {
    stretch.answer = true;
    stretch.shortenable = false;
    stretch.given = !piece.text.empty();
    if (sight == Sight::whole) {
      const int64_t mask = required_special(vocabulary_, "mask");
      if (!stretch.given) {
        stretch.rows.push_back(row(piece, mask));
        return;
      }
      // openprompt-surface 1.4: a masked model doesn't see the answer that it shall give.
      if (!masked_targets_)
        throw DataError("the answer \"" + piece.text +
                        "\" is given, but a masked model can't be taught by answers "
                        "that stand in its input: leave the answer out, or use a causal model");
      stretch.rows = rows(piece, vocabulary_.encode(piece.text));
      for (TokenRow& each : stretch.rows) {
        stretch.targets.push_back(each.id);
        each.id = mask;
      }
      require_rows(piece, stretch);
      return;
    }
    if (stretch.given) {
      stretch.rows = rows(piece, vocabulary_.encode(piece.text));
      require_rows(piece, stretch);
    }
  }

  static void require_rows(const Piece& piece, const Stretch& stretch) {
    if (stretch.rows.empty())
      throw DataError("the answer \"" + piece.text + "\" has no token in the model's vocabulary");
  }

  const Vocabulary& vocabulary_;
  bool masked_targets_;
  const std::vector<std::string>& fields_;
};

std::vector<TokenRow> special_rows(std::span<const int64_t> ids, int64_t segment) {
  std::vector<TokenRow> rows(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    rows[i].id = ids[i];
    rows[i].segment = segment;
  }
  return rows;
}

/// Whether the last row of the stretches is the one row of `suffix`.
bool ends_in(const std::vector<Stretch>& stretches, const std::vector<TokenRow>& suffix) {
  const auto last = std::find_if(stretches.rbegin(), stretches.rend(),
                                 [](const Stretch& stretch) { return !stretch.rows.empty(); });
  if (last == stretches.rend() || suffix.size() != 1)
    return false;
  const TokenRow& row = last->rows.back();
  return row.id == suffix[0].id && row.soft_slot < 0 && row.trigger_slot < 0;
}

/// Lays stretches behind `rows`; when `read`, notes which rows are read for the answers and what should come.
void lay(const std::vector<Stretch>& stretches, Sight sight, bool read, std::vector<TokenRow>& rows,
         TokenizedPrompt& prompt) {
  bool open_answer = false;
  for (const Stretch& stretch : stretches) {
    if (sight == Sight::causal && open_answer)
      throw DataError(
          "something stands behind a causal model's answer slot, where it would never be read: end the "
          "prompt with the answer slot");
    if (!stretch.answer || !read) {
      rows.insert(rows.end(), stretch.rows.begin(), stretch.rows.end());
      continue;
    }
    if (sight == Sight::whole) {
      for (std::size_t i = 0; i < stretch.rows.size(); ++i) {
        prompt.answers.push_back(static_cast<int64_t>(rows.size()));
        prompt.targets.push_back(stretch.given ? stretch.targets[i] : -1);
        rows.push_back(stretch.rows[i]);
      }
      continue;
    }
    if (rows.empty())
      throw DataError(
          "nothing stands in front of the causal model's answer slot, so there is no row to read the "
          "answer from: give it a text");
    open_answer = !stretch.given;
    if (open_answer) {
      prompt.answers.push_back(static_cast<int64_t>(rows.size()) - 1);
      prompt.targets.push_back(-1);
    }
    for (const TokenRow& row : stretch.rows) {
      prompt.answers.push_back(static_cast<int64_t>(rows.size()) - 1);
      prompt.targets.push_back(row.id);
      rows.push_back(row);
    }
  }
}

/// Rows other than answer slots that a verbalizer reads. `front`: how many rows stand in front of the model's
/// own special tokens.
std::vector<int64_t> rows_to_read(const std::vector<TokenRow>& rows, const Reading& reading, Sight sight,
                                  int64_t front, const std::vector<std::string>& fields) {
  const auto wanted = std::find(fields.begin(), fields.end(), reading.field);
  const auto of_field = [&](const TokenRow& row) {
    return row.origin.field >= 0 && (reading.field.empty() || row.origin.field == wanted - fields.begin());
  };
  std::vector<int64_t> read;
  switch (reading.rows) {
  case Reading::Rows::answers:
    break;
  case Reading::Rows::sequence:
    read.push_back(sight != Sight::whole ? static_cast<int64_t>(rows.size()) - 1 : front);
    break;
  case Reading::Rows::first:
    read.push_back(0);
    break;
  case Reading::Rows::words:
  case Reading::Rows::tokens:
    for (std::size_t i = 0, word = SIZE_MAX; i < rows.size(); ++i) {
      if (!of_field(rows[i]))
        continue;
      const bool new_word = rows[i].origin.word >= 0 && static_cast<std::size_t>(rows[i].origin.word) != word;
      if (reading.rows == Reading::Rows::tokens || new_word)
        read.push_back(static_cast<int64_t>(i));
      word = static_cast<std::size_t>(rows[i].origin.word);
    }
    break;
  }
  if (read.empty() || rows.empty())
    throw DataError(
        "none of the prompt's tokens is one that the verbalizer reads" +
        (reading.field.empty() ? std::string(".") : ": the field \"" + reading.field + "\" has none."));
  return read;
}

std::string too_long(int64_t length, const LengthLimit& limit) {
  return "the prompt has " + std::to_string(length) + " tokens where the limit is " +
         std::to_string(limit.max_length);
}

} // namespace

bool same_row(const TokenRow& a, const TokenRow& b) {
  return a.id == b.id && a.segment == b.segment && a.soft_slot == b.soft_slot &&
         a.trigger_slot == b.trigger_slot;
}

std::vector<TokenizedPrompt> assemble_windows(const Prompt& prompt, const Vocabulary& vocabulary,
                                              const PromptTarget& target, const LengthLimit& limit,
                                              const std::vector<std::string>& fields) {
  const Sight sight = target.causal && !target.encoder_decoder ? Sight::causal : Sight::whole;
  const PieceEncoder encoder(vocabulary, target.masked_targets, fields);
  const std::vector<Stretch> front = encoder.encode(prompt.front, sight);
  std::vector<Stretch> input = encoder.encode(prompt.input, sight);
  const std::vector<Stretch> output = encoder.encode(prompt.output, Sight::decoder);

  // A causal model goes on where the input ends, so nothing is put behind it.
  const std::vector<TokenRow> prefix = special_rows(vocabulary.sequence_prefix(), 0);
  std::vector<TokenRow> suffix;
  if (sight == Sight::whole)
    suffix = special_rows(vocabulary.sequence_suffix(), prompt.input.empty() ? 0 : prompt.input.back().segment);
  if (target.encoder_decoder && ends_in(input, suffix))
    suffix.clear(); // openprompt-surface 1.4: an end that the template wrote is not doubled

  const int64_t length =
      count_rows(front) + count_rows(input) + static_cast<int64_t>(prefix.size() + suffix.size());
  const int64_t excess = limit.max_length > 0 ? std::max<int64_t>(0, length - limit.max_length) : 0;

  // Which rows are read is decided here, after the cut: so an answer slot never loses its row.
  const auto laid = [&](const std::vector<Stretch>& shortened) {
    TokenizedPrompt result;
    result.choice = prompt.choice;
    result.variant = prompt.variant;
    result.cut = excess;
    const bool read_answers = target.reading.rows == Reading::Rows::answers;
    // Words and tokens of fields stand in the input: no output is laid for them.
    const bool of_input =
        target.reading.rows == Reading::Rows::words || target.reading.rows == Reading::Rows::tokens;
    if (target.encoder_decoder && target.decoder_start >= 0 && !of_input)
      result.output = special_rows(std::span(&target.decoder_start, 1), 0);
    const bool read_input = prompt.output.empty() && result.output.empty() && read_answers;
    result.input.reserve(static_cast<std::size_t>(length - excess));
    lay(front, sight, read_input, result.input, result);
    result.input.insert(result.input.end(), prefix.begin(), prefix.end());
    lay(shortened, sight, read_input, result.input, result);
    result.input.insert(result.input.end(), suffix.begin(), suffix.end());
    if (!of_input)
      lay(output, Sight::decoder, read_answers, result.output, result);
    if (!read_answers) {
      const bool decoder = !result.output.empty();
      result.answers = rows_to_read(decoder ? result.output : result.input, target.reading,
                                    decoder ? Sight::decoder : sight, count_rows(front), fields);
      result.targets.assign(result.answers.size(), -1);
    }
    return result;
  };

  if (excess == 0)
    return {laid(input)};
  if (limit.truncate == Truncate::windows) {
    const auto field = std::find(fields.begin(), fields.end(), target.reading.field) - fields.begin();
    std::vector<TokenizedPrompt> result;
    for (const std::vector<Stretch>& window : windows(input, excess, field))
      result.push_back(laid(window));
    if (result.empty())
      throw DataError(too_long(length, limit) + ", and without all of \"" + target.reading.field +
                      "\" it is still longer: raise the limit, or shorten the template");
    return result;
  }
  const int64_t shortenable = count_shortenable_rows(input);
  if (shortenable < excess)
    throw DataError(
        too_long(length, limit) + ", and only " + std::to_string(shortenable) +
        " of them may be cut: raise the limit, shorten the template, or mark more of it shortenable");
  shorten(input, excess, limit.truncate);
  return {laid(input)};
}

TokenizedPrompt assemble(const Prompt& prompt, const Vocabulary& vocabulary, const PromptTarget& target,
                         const LengthLimit& limit, const std::vector<std::string>& fields) {
  return std::move(assemble_windows(prompt, vocabulary, target, limit, fields).front());
}

} // namespace cuecard
