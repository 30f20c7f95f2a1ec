/// The model: splits one word into pieces of the vocabulary.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/files/field.hpp"
#include "tokenizer/models/pieces.hpp"

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
  /// Appends the pieces of `word`, which must not be empty.
  virtual void tokenize(std::string_view word, std::vector<Subword>& to) const = 0;
  /// "WordPiece", "WordLevel", "BPE", "Unigram".
  virtual std::string name() const = 0;
};

/// Greedy longest-match-first (Schuster and Nakajima 2012; as in BERT). `pieces` must outlive the model.
std::unique_ptr<const Model> make_wordpiece(const Field& settings, const Pieces& pieces);

/// A token for each word that is in the vocabulary, the unknown token for others. `pieces` must outlive the model.
std::unique_ptr<const Model> make_wordlevel(const Field& settings, const Pieces& pieces);

/// Input of the BPE model: characters or, when the byte-level pre-tokenizer is the last one, raw bytes instead
/// of characters of its alphabet.
enum class WordForm { characters, bytes };

using Merges = std::vector<std::pair<std::string, std::string>>;

/// Byte-pair encoding by merge rank (Sennrich et al. 2016). `pieces` must outlive the model. `merges_name` begins errors about
/// merges, FILE: KEY; "": that of `settings`.
std::unique_ptr<const Model> make_bpe(const Field& settings, const Pieces& pieces, const Merges& merges,
                                      WordForm form, const std::string& merges_name = {});

/// The most likely segmentation under a unigram language model (Kudo 2018), found with the Viterbi algorithm.
/// `scores` are log-probabilities by id; `pieces` must have no gaps and must outlive the model. Pieces with
/// `excluded(id)` are never produced: special tokens have the best scores in the vocabulary.
std::unique_ptr<const Model> make_unigram(const Field& settings, const Pieces& pieces,
                                          const std::vector<double>& scores,
                                          const std::function<bool(int64_t)>& excluded);

} // namespace cuecard::tokenizer
