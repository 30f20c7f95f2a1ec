#include <algorithm>
#include <optional>
#include <queue>

#include "tokenizer/models/byte_fallback.hpp"
#include "tokenizer/models/byte_hash.hpp"
#include "tokenizer/models/model.hpp"
#include "tokenizer/models/unknown_token.hpp"
#include "tokenizer/text/aligned_text.hpp"
#include "tokenizer/text/byte_level.hpp"
#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

struct Merge {
  uint32_t rank = 0;
  int32_t id = -1;
};

/// Hash table from pairs of ids to their merge; open addressing.
class MergeTable {
public:
  explicit MergeTable(size_t count) : slots_(64) {
    while (slots_.size() < 2 * count)
      slots_.resize(2 * slots_.size());
  }

  /// The last merge of a pair wins.
  void add(int32_t left, int32_t right, Merge merge) {
    slots_[slot_of(pair_key(left, right))] = {pair_key(left, right), merge};
  }

  /// `id` is -1 if the pair does not merge.
  Merge find(int32_t left, int32_t right) const { return slots_[slot_of(pair_key(left, right))].merge; }

private:
  struct Slot {
    uint64_t key = UINT64_MAX; // not a valid pair: free slot
    Merge merge;
  };

  static uint64_t pair_key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }

  size_t slot_of(uint64_t key) const {
    size_t slot = mix_bits(key) & (slots_.size() - 1);
    while (slots_[slot].key != key && slots_[slot].key != UINT64_MAX)
      slot = (slot + 1) & (slots_.size() - 1);
    return slot;
  }

  std::vector<Slot> slots_;
};

/// A symbol of the word; a doubly linked list, so that merging is O(1).
struct Symbol {
  Subword piece;
  int32_t previous = -1;
  int32_t next = -1;
  bool merged = false; // into the previous symbol
};

/// A possible merge; may be outdated when it is popped from the queue.
struct Candidate {
  uint32_t rank;
  int32_t at;                                    // index of the left symbol
  int32_t id;                                    // of the merged piece
  bool operator<(const Candidate& other) const { // priority: lowest rank, then leftmost
    return rank != other.rank ? rank > other.rank : at > other.at;
  }
};

class Bpe final : public Model {
public:
  Bpe(const Field& settings, const Pieces& pieces, const Merges& merges, WordForm form,
      const std::string& merges_name)
      : pieces_(pieces), form_(form), merges_(merges.size()), fuse_unk_(settings.flag("fuse_unk", false)),
        ignore_merges_(settings.flag("ignore_merges", false)),
        continuing_prefix_(settings.string("continuing_subword_prefix", "")),
        end_suffix_(settings.string("end_of_word_suffix", "")) {
    if (settings.find("unk_token"))
      unknown_.emplace(settings, settings.string("unk_token", ""), pieces);
    add_merges(settings, merges, merges_name);
    for (size_t byte = 0; byte < 256; ++byte)
      byte_ids_[byte] = pieces.id(byte_level_alphabet()[byte]).value_or(-1);
    if (settings.flag("byte_fallback", false))
      fallback_ = ByteFallback(pieces);
  }

  void tokenize(std::string_view word, std::vector<Subword>& to) const override {
    if (ignore_merges_) {
      if (const auto id = pieces_.id(form_ == WordForm::bytes ? byte_level_encoded(word) : std::string(word))) {
        to.push_back({*id, 0, static_cast<uint32_t>(word.size())});
        return;
      }
    }
    std::vector<Symbol> symbols = split(word);
    merge(symbols);
    for (const Symbol& symbol : symbols)
      if (!symbol.merged)
        to.push_back(symbol.piece);
  }

  std::string name() const override { return "BPE"; }

private:
  void add_merges(const Field& settings, const Merges& merges, const std::string& merges_name) {
    const auto fail = [&](const std::string& what) {
      if (merges_name.empty())
        settings.fail(what);
      Field::fail_as(merges_name, what);
    };
    for (size_t rank = 0; rank < merges.size(); ++rank) {
      const std::string &left = merges[rank].first, &right = merges[rank].second;
      const auto id_of = [&](const std::string& piece) {
        const auto id = pieces_.id(piece);
        if (!id)
          fail("has merge " + std::to_string(rank) + ", \"" + left + " " + right + "\", but the piece \"" +
               piece + "\" is not in the vocabulary.");
        return *id;
      };
      // As the package does: whatever `right` begins with makes way for the prefix.
      if (right.size() < continuing_prefix_.size())
        fail("has merge " + std::to_string(rank) + ", \"" + left + " " + right +
             "\", whose second piece is shorter than the continuing_subword_prefix \"" + continuing_prefix_ +
             "\".");
      const std::string merged = left + right.substr(continuing_prefix_.size());
      merges_.add(id_of(left), id_of(right), {static_cast<uint32_t>(rank), id_of(merged)});
    }
  }

  static std::string byte_level_encoded(std::string_view bytes) {
    std::string byte_level_encoded;
    for (const char byte : bytes)
      byte_level_encoded += byte_level_alphabet()[static_cast<unsigned char>(byte)];
    return byte_level_encoded;
  }

  /// The characters (or bytes) of the word as symbols, before any merge. Out-of-vocabulary characters become
  /// byte fallback pieces or the unknown token, or are dropped if there is neither.
  std::vector<Symbol> split(std::string_view word) const {
    std::vector<Symbol> symbols;
    symbols.reserve(word.size());
    std::optional<Subword> unknown; // pending: the next one may be fused with it
    const auto flush_unknown = [&] {
      if (unknown)
        symbols.push_back({*unknown});
      unknown.reset();
    };
    for (uint32_t at = 0, end = 0; at < word.size(); at = end) {
      end = at + (form_ == WordForm::bytes ? 1 : static_cast<uint32_t>(utf8_length(word[at])));
      std::string marked;
      const std::string_view character = with_marks(word, {at, end}, marked);
      const int32_t id = form_ == WordForm::bytes ? byte_ids_[static_cast<unsigned char>(word[at])]
                                                  : pieces_.id(character).value_or(-1);
      if (id >= 0) {
        flush_unknown();
        symbols.push_back({{id, at, end}});
      } else if (fallback_.covers(character)) {
        put_bytes(character, {at, end}, symbols);
      } else if (unknown_) {
        if (unknown && fuse_unk_) {
          unknown->end = end;
        } else {
          flush_unknown();
          unknown = Subword{unknown_->id(character), at, end};
        }
      }
    }
    flush_unknown();
    return symbols;
  }

  /// The character as the vocabulary spells it: marked as a continuation, or as the end of the word.
  std::string_view with_marks(std::string_view word, Span character, std::string& buffer) const {
    const bool continues = character.begin > 0 && !continuing_prefix_.empty();
    const bool ends = character.end == word.size() && !end_suffix_.empty();
    if (!continues && !ends)
      return slice(word, character);
    buffer = continues ? continuing_prefix_ : "";
    buffer += slice(word, character);
    if (ends)
      buffer += end_suffix_;
    return buffer;
  }

  /// The bytes of the marks are not part of the text: they belong to its first or last byte.
  void put_bytes(std::string_view bytes, Span character, std::vector<Symbol>& symbols) const {
    const auto before = static_cast<int64_t>(character.begin > 0 ? continuing_prefix_.size() : 0);
    const int64_t last = character.end - character.begin - 1;
    for (size_t at = 0; at < bytes.size(); ++at) {
      const auto byte = static_cast<uint32_t>(std::clamp<int64_t>(static_cast<int64_t>(at) - before, 0, last));
      symbols.push_back({{fallback_.id(bytes[at]), character.begin + byte, character.begin + byte + 1}});
    }
  }

  void merge(std::vector<Symbol>& symbols) const {
    const auto count = static_cast<int32_t>(symbols.size());
    std::priority_queue<Candidate> queue;
    const auto enqueue = [&](int32_t left, int32_t right) {
      const Merge found = merges_.find(symbols[left].piece.id, symbols[right].piece.id);
      if (found.id >= 0)
        queue.push({found.rank, left, found.id});
    };
    for (int32_t at = 0; at < count; ++at) {
      symbols[at].previous = at - 1;
      symbols[at].next = at + 1 < count ? at + 1 : -1;
      if (at > 0)
        enqueue(at - 1, at);
    }
    while (!queue.empty()) {
      const Candidate best = queue.top();
      queue.pop();
      Symbol& left = symbols[best.at];
      if (left.merged || left.next < 0)
        continue;
      Symbol& right = symbols[left.next];
      if (merges_.find(left.piece.id, right.piece.id).id != best.id)
        continue; // outdated: one of the two has been merged since
      left.piece = {best.id, left.piece.begin, right.piece.end};
      right.merged = true;
      left.next = right.next;
      if (left.next >= 0) {
        symbols[left.next].previous = best.at;
        enqueue(best.at, left.next);
      }
      if (left.previous >= 0)
        enqueue(left.previous, best.at);
    }
  }

  const Pieces& pieces_;
  WordForm form_;
  MergeTable merges_;
  bool fuse_unk_;
  bool ignore_merges_;                         // a word that is in the vocabulary is not split
  std::string continuing_prefix_, end_suffix_; // of symbols, in the characters' form only
  std::optional<UnknownToken> unknown_;
  int32_t byte_ids_[256];
  ByteFallback fallback_;
};

} // namespace

std::unique_ptr<const Model> make_bpe(const Field& settings, const Pieces& pieces, const Merges& merges,
                                      WordForm form, const std::string& merges_name) {
  return std::make_unique<Bpe>(settings, pieces, merges, form, merges_name);
}

} // namespace cuecard::tokenizer
