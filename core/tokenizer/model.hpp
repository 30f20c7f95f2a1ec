/// The step that knows the vocabulary: one word to pieces.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/field.hpp"
#include "tokenizer/pieces.hpp"

namespace cuecard::tokenizer {

/// A piece of a word; `begin` and `end` are byte offsets into the word.
struct Subword {
  int32_t id = 0;
  uint32_t begin = 0;
  uint32_t end = 0;
};

/// Immutable; may be used from any thread.
class Model {
public:
  virtual ~Model() = default;
  /// Appends the pieces of `word`, which is not empty.
  virtual void tokenize(std::string_view word, std::vector<Subword>& to) const = 0;
  /// "WordPiece", "BPE", "Unigram".
  virtual std::string name() const = 0;
};

/// Greedy longest-match-first (Schuster and Nakajima 2012; as in BERT). `pieces` must outlive the model.
std::unique_ptr<const Model> make_wordpiece(const Field& settings, const Pieces& pieces);

/// How a word reaches the BPE model: as characters, or, when the byte-level pre-tokenizer stands last, as the
/// bytes that its alphabet would have spelled.
enum class WordForm { characters, bytes };

using Merges = std::vector<std::pair<std::string, std::string>>;

/// Byte-pair encoding by merge rank (Sennrich et al. 2016). `pieces` must outlive the model.
std::unique_ptr<const Model> make_bpe(const Field& settings, const Pieces& pieces, const Merges& merges,
                                      WordForm form);

/// The likeliest pieces under a unigram language model (Kudo 2018), found by Viterbi's algorithm. `scores` are
/// log-probabilities by id; `pieces` has no gaps and must outlive the model. Pieces for which `never(id)` holds
/// are not found in text: special tokens stand in the vocabulary with the best of scores.
std::unique_ptr<const Model> make_unigram(const Field& settings, const Pieces& pieces,
                                          const std::vector<double>& scores,
                                          const std::function<bool(int64_t)>& never);

} // namespace cuecard::tokenizer
