/// From a prompt to token ids: pieces are tokenized, the model's special tokens are added, and a prompt that is too long is truncated
/// where the template allows it.
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

#include "batch/cut_tokens.hpp"

namespace cuecard {

/// One token of a prompt before packing.
struct PromptToken {
  int64_t id = 0;
  int64_t segment = 0;
  int64_t soft_slot = -1;    ///< number of its soft slot, or -1
  int64_t trigger_slot = -1; ///< number of its trigger slot, or -1
  int64_t first_layer = 0;   ///< of a soft slot: Piece::first_layer
  TokenOrigin origin;
};

/// Whether the model computes the same for both; their origins may differ.
bool same_token(const PromptToken& a, const PromptToken& b);

/// A tokenized prompt, ready to be packed.
struct TokenizedPrompt {
  std::vector<PromptToken> input;
  std::vector<PromptToken> output; ///< decoder tokens of an encoder-decoder
  /// Selected positions, ascending: of `output` when that is not empty, else of `input`. For an answer of a
  /// causal model it is the position before the answer, which predicts it.
  std::vector<int64_t> answers;
  /// The target token of each selected position; -1 where the answer is not given. As long as `answers`.
  std::vector<int64_t> targets;
  int64_t choice = 0, variant = 0; ///< those of the Prompt
  int64_t candidate = 0;           ///< number of the given answer that it contains
  CutTokens cut;                   ///< tokens removed by truncation; windows lose none
};

/// Where tokens are removed when a prompt is too long: at the end, at the beginning, or in all shortenable
/// pieces in proportion to their length. `windows`: nowhere; the field whose tokens are selected
/// (OutputPositions) is split over several prompts, each with a window of it and everything else.
enum class Truncate { tail, head, balanced, windows };

std::string name_of(Truncate truncate);
/// nullopt for an unknown name.
std::optional<Truncate> truncate_of_name(std::string_view name);

struct LengthLimit {
  int64_t max_length = 0; ///< tokens of the input side, special tokens and soft slots included; 0: no limit
  Truncate truncate = Truncate::tail;
};

/// The tokenized prompts of `prompt`: more than one only for `Truncate::windows`. `fields` are the template's
/// fields; their order gives the numbers in TokenOrigin::field. An encoder-decoder's output begins with
/// PromptLayout::decoder_start where that is set. DataError (without a line number: the caller knows the line)
/// when the prompt can't be made to fit, when no token precedes the answer slot of a causal model, or when a
/// special token that the template names does not exist.
std::vector<TokenizedPrompt> assemble_windows(const Prompt& prompt, const Vocabulary& vocabulary,
                                              const PromptLayout& target, const LengthLimit& limit = {},
                                              const std::vector<std::string>& fields = {});
/// The first of them.
TokenizedPrompt assemble(const Prompt& prompt, const Vocabulary& vocabulary, const PromptLayout& target,
                         const LengthLimit& limit = {}, const std::vector<std::string>& fields = {});

} // namespace cuecard
