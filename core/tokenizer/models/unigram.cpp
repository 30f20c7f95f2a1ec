#include <algorithm>

#include <cuecard/error.hpp>

#include "tokenizer/models/byte_fallback.hpp"
#include "tokenizer/models/byte_trie.hpp"
#include "tokenizer/models/model.hpp"
#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

class Unigram final : public Model {
public:
  Unigram(const Field& settings, const Pieces& pieces, const std::vector<double>& scores,
          const std::function<bool(int64_t)>& excluded)
      : scores_(scores) {
    if (const auto unknown = settings.find("unk_id"))
      unk_id_ = static_cast<int32_t>(unknown->integer(0, pieces.size() - 1));
    if (settings.flag("byte_fallback", false))
      fallback_ = ByteFallback(pieces);
    if (!scores.empty())
      unk_score_ = *std::min_element(scores.begin(), scores.end()) - unk_penalty;
    for (int64_t id = pieces.size() - 1; id >= 0; --id) // of equal pieces, the last one counts
      if (!excluded(id))
        trie_.add(*pieces.piece(id), static_cast<int32_t>(id));
  }

  void tokenize(std::string_view word, std::vector<Subword>& to) const override {
    const std::vector<Step> best = best_path(word);
    std::vector<Subword> subwords;
    for (auto end = static_cast<uint32_t>(word.size()); end > 0;) {
      const Step& step = best[end];
      // Fuse consecutive unknown characters.
      if (!subwords.empty() && step.id == unk_id_ && subwords.back().id == unk_id_)
        subwords.back().begin = step.begin;
      else
        subwords.push_back({step.id, step.begin, end});
      end = step.begin;
    }
    std::ranges::reverse(subwords);
    for (const Subword& piece : subwords)
      if (piece.id != unk_id_)
        to.push_back(piece);
      else
        put_unknown(word, piece, to);
  }

  std::string name() const override { return "Unigram"; }

private:
  // Penalty of an unknown character relative to the least likely piece (SentencePiece's kUnkPenalty).
  static constexpr double unk_penalty = 10;

  /// The last piece of the best path to a position in the word.
  struct Step {
    double score = 0;
    uint32_t begin = 0;
    int32_t id = -1; // -1: not reachable
  };

  /// Indexed by the end of the piece. Of paths with equal scores, the one with the longer last piece is kept.
  std::vector<Step> best_path(std::string_view word) const {
    std::vector<Step> best(word.size() + 1);
    const auto relax = [&](size_t begin, size_t end, int32_t id, double score) {
      Step& step = best[end];
      score += best[begin].score;
      if (step.id < 0 || score > step.score)
        step = {score, static_cast<uint32_t>(begin), id};
    };
    for (size_t begin = 0; begin < word.size();) {
      const size_t next = begin + utf8_length(word[begin]);
      bool known = false;
      uint32_t node = 0;
      for (size_t end = begin; end < word.size() && (node = trie_.follow(node, word[end])) != 0;) {
        ++end;
        const int32_t id = trie_.value(node);
        if (id < 0)
          continue;
        relax(begin, end, id, scores_[static_cast<size_t>(id)]);
        known = known || end == next;
      }
      if (!known)
        relax(begin, next, unk_id_for(word.substr(begin, next - begin)), unk_score_);
      begin = next;
    }
    return best;
  }

  int32_t unk_id_for(std::string_view character) const {
    if (unk_id_ < 0)
      throw DataError("the character \"" + std::string(character) +
                      "\" is not in the vocabulary, and the tokenizer has no unknown token (model.unk_id).");
    return unk_id_;
  }

  void put_unknown(std::string_view word, Subword unknown, std::vector<Subword>& to) const {
    const std::string_view text = word.substr(unknown.begin, unknown.end - unknown.begin);
    const ByteTrie::Match whole = trie_.longest(text, 0);
    if (whole.length == text.size())
      to.push_back({whole.value, unknown.begin, unknown.end});
    else if (fallback_.covers(text))
      for (uint32_t at = unknown.begin; at < unknown.end; ++at)
        to.push_back({fallback_.id(word[at]), at, at + 1});
    else
      to.push_back(unknown);
  }

  std::vector<double> scores_; // by id: log-probabilities
  double unk_score_ = 0;
  int32_t unk_id_ = -1;
  ByteFallback fallback_;
  ByteTrie trie_;
};

} // namespace

std::unique_ptr<const Model> make_unigram(const Field& settings, const Pieces& pieces,
                                          const std::vector<double>& scores,
                                          const std::function<bool(int64_t)>& excluded) {
  return std::make_unique<Unigram>(settings, pieces, scores, excluded);
}

} // namespace cuecard::tokenizer
