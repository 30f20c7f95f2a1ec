/// A prompt becomes token rows: pieces are encoded one by one, the model's special tokens go around them, and
/// what is too long is cut where the template allows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cuecard/batch.hpp>
#include <cuecard/prompt.hpp>
#include <cuecard/template.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard {

/// One row of a prompt before packing.
struct TokenRow {
  int64_t id = 0;
  int64_t segment = 0;
  int64_t soft_slot = -1;    ///< number of the soft slot that stands here, or -1
  int64_t trigger_slot = -1; ///< number of the trigger slot that stands here, or -1
  RowOrigin origin;
};

/// Whether a model computes the same for both, wherever they come from.
bool same_row(const TokenRow& a, const TokenRow& b);

/// A prompt as rows, ready to be packed.
struct TokenizedPrompt {
  std::vector<TokenRow> input;
  std::vector<TokenRow> output; ///< decoder rows of an encoder-decoder
  /// Rows that are read, ascending: of `output` when that is not empty, else of `input`. For an answer of a
  /// causal model the row in front of it, whose next token the answer is.
  std::vector<int64_t> answers;
  /// The token that should stand at each read position; -1 where the answer is not given. As long as `answers`.
  std::vector<int64_t> targets;
  int64_t choice = 0, variant = 0; ///< Prompt's
  int64_t candidate = 0;           ///< which of the given answers stands there
  int64_t cut = 0;                 ///< tokens that truncation took away
};

/// Where tokens are taken from when a prompt is too long: from the end, from the beginning, or from all
/// shortenable pieces in proportion to their length. `windows`: from none; the field that is read (Reading) is
/// laid in several prompts, each with a window of it and everything else.
enum class Truncate { tail, head, balanced, windows };

std::string name_of(Truncate truncate);
/// None for a name that is none of theirs.
std::optional<Truncate> truncate_of_name(std::string_view name);

struct LengthLimit {
  int64_t max_length = 0; ///< rows of the input side, special tokens and soft slots included; 0: no limit
  Truncate truncate = Truncate::tail;
};

/// The prompts of one, more than one only for `Truncate::windows`.
/// `fields` are those that the template reads, by which origins are numbered (RowOrigin::field).
/// An encoder-decoder's output begins with PromptTarget::decoder_start, where one is given.
/// Throws DataError (without a line number: the caller knows the line) when the prompt can't be made to fit,
/// when nothing stands in front of a causal model's answer slot, or when a special token that the template
/// names does not exist.
std::vector<TokenizedPrompt> assemble_windows(const Prompt& prompt, const Vocabulary& vocabulary,
                                              const PromptTarget& target, const LengthLimit& limit = {},
                                              const std::vector<std::string>& fields = {});
/// The only one of them, or the first.
TokenizedPrompt assemble(const Prompt& prompt, const Vocabulary& vocabulary, const PromptTarget& target,
                         const LengthLimit& limit = {}, const std::vector<std::string>& fields = {});

} // namespace cuecard
