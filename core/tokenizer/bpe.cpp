#include <queue>

#include "tokenizer/byte_fallback.hpp"
#include "tokenizer/byte_hash.hpp"
#include "tokenizer/byte_level.hpp"
#include "tokenizer/model.hpp"
#include "tokenizer/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

struct Merge {
  uint32_t rank = 0;
  int32_t id = -1;
};

/// Pairs of ids and what they merge into; open addressing.
class MergeTable {
public:
  explicit MergeTable(size_t count) : slots_(64) {
    while (slots_.size() < 2 * count)
      slots_.resize(2 * slots_.size());
  }

  /// The last merge of a pair holds.
  void add(int32_t left, int32_t right, Merge merge) {
    slots_[slot_of(key_of(left, right))] = {key_of(left, right), merge};
  }

  /// `id` -1: the pair does not merge.
  Merge find(int32_t left, int32_t right) const { return slots_[slot_of(key_of(left, right))].merge; }

private:
  struct Slot {
    uint64_t key = UINT64_MAX; // no pair of ids: free
    Merge merge;
  };

  static uint64_t key_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }

  size_t slot_of(uint64_t key) const {
    size_t slot = mixed(key) & (slots_.size() - 1);
    while (slots_[slot].key != key && slots_[slot].key != UINT64_MAX)
      slot = (slot + 1) & (slots_.size() - 1);
    return slot;
  }

  std::vector<Slot> slots_;
};

/// A piece of the word that is being put together: a list, so that a merge is two assignments.
struct Symbol {
  Subword piece;
  int32_t previous = -1;
  int32_t next = -1;
  bool gone = false; // merged into the one before it
};

/// A merge that was possible when it was noted.
struct Candidate {
  uint32_t rank;
  int32_t at;                                    // the left symbol
  int32_t id;                                    // what the pair becomes
  bool operator<(const Candidate& other) const { // first out: lowest rank, then leftmost
    return rank != other.rank ? rank > other.rank : at > other.at;
  }
};

class Bpe final : public Model {
public:
  Bpe(const Field& settings, const Pieces& pieces, const Merges& merges, WordForm form)
      : pieces_(pieces), form_(form), merges_(merges.size()), fuse_unknown_(settings.flag("fuse_unk", false)),
        whole_words_(settings.flag("ignore_merges", false)) {
    refuse_what_is_not_supported(settings);
    read_unknown(settings);
    read_merges(settings, merges);
    for (size_t byte = 0; byte < 256; ++byte)
      byte_ids_[byte] = pieces.id(byte_level_alphabet()[byte]).value_or(-1);
    if (settings.flag("byte_fallback", false))
      fallback_ = ByteFallback(pieces);
  }

  void tokenize(std::string_view word, std::vector<Subword>& to) const override {
    if (whole_words_) {
      if (const auto id = pieces_.id(form_ == WordForm::bytes ? spelled(word) : std::string(word))) {
        to.push_back({*id, 0, static_cast<uint32_t>(word.size())});
        return;
      }
    }
    std::vector<Symbol> symbols = split(word);
    merge(symbols);
    for (const Symbol& symbol : symbols)
      if (!symbol.gone)
        to.push_back(symbol.piece);
  }

  std::string name() const override { return "BPE"; }

private:
  static void refuse_what_is_not_supported(const Field& settings) {
    if (const auto dropout = settings.find("dropout"))
      dropout->fail(
          "asks for merges that are left out at random, which would give other ids on every call; set it to "
          "null.");
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (!settings.string(key, "").empty())
        settings.at(key).fail("is \"" + settings.string(key, "") +
                              "\", but only BPE without such marks is supported.");
  }

  void read_unknown(const Field& settings) {
    const std::string unknown = settings.string("unk_token", "");
    if (unknown.empty())
      return;
    const auto id = pieces_.id(unknown);
    if (!id)
      settings.at("unk_token").fail("is \"" + unknown + "\", which the vocabulary does not hold.");
    unknown_ = *id;
  }

  void read_merges(const Field& settings, const Merges& merges) {
    for (size_t rank = 0; rank < merges.size(); ++rank) {
      const auto& [left, right] = merges[rank];
      const auto id_of = [&](const std::string& piece) {
        const auto id = pieces_.id(piece);
        if (!id)
          settings.fail("has merge " + std::to_string(rank) + ", \"" + left + " " + right +
                        "\", but the piece \"" + piece + "\" is not in the vocabulary.");
        return *id;
      };
      merges_.add(id_of(left), id_of(right), {static_cast<uint32_t>(rank), id_of(left + right)});
    }
  }

  static std::string spelled(std::string_view bytes) {
    std::string spelled;
    for (const char byte : bytes)
      spelled += byte_level_alphabet()[static_cast<unsigned char>(byte)];
    return spelled;
  }

  /// The word's characters (or bytes) as symbols, before any merge. What the vocabulary lacks becomes unknown,
  /// or its bytes, or nothing where there is neither.
  std::vector<Symbol> split(std::string_view word) const {
    std::vector<Symbol> symbols;
    symbols.reserve(word.size());
    std::optional<Subword> unknown; // not put down yet: the next one may join it
    const auto put_unknown = [&] {
      if (unknown)
        symbols.push_back({*unknown});
      unknown.reset();
    };
    for (uint32_t at = 0, end = 0; at < word.size(); at = end) {
      end = at + (form_ == WordForm::bytes ? 1 : static_cast<uint32_t>(utf8_length(word[at])));
      const std::string_view character = word.substr(at, end - at);
      const int32_t id = form_ == WordForm::bytes ? byte_ids_[static_cast<unsigned char>(word[at])]
                                                  : pieces_.id(character).value_or(-1);
      if (id >= 0) {
        put_unknown();
        symbols.push_back({{id, at, end}});
      } else if (fallback_.covers(character)) {
        for (uint32_t byte = at; byte < end; ++byte)
          symbols.push_back({{fallback_.id(word[byte]), byte, byte + 1}});
      } else if (unknown_ >= 0) {
        if (unknown && fuse_unknown_) {
          unknown->end = end;
        } else {
          put_unknown();
          unknown = Subword{unknown_, at, end};
        }
      }
    }
    put_unknown();
    return symbols;
  }

  void merge(std::vector<Symbol>& symbols) const {
    const auto count = static_cast<int32_t>(symbols.size());
    std::priority_queue<Candidate> queue;
    const auto note = [&](int32_t left, int32_t right) {
      const Merge found = merges_.find(symbols[left].piece.id, symbols[right].piece.id);
      if (found.id >= 0)
        queue.push({found.rank, left, found.id});
    };
    for (int32_t at = 0; at < count; ++at) {
      symbols[at].previous = at - 1;
      symbols[at].next = at + 1 < count ? at + 1 : -1;
      if (at > 0)
        note(at - 1, at);
    }
    while (!queue.empty()) {
      const Candidate best = queue.top();
      queue.pop();
      Symbol& left = symbols[best.at];
      if (left.gone || left.next < 0)
        continue;
      Symbol& right = symbols[left.next];
      if (merges_.find(left.piece.id, right.piece.id).id != best.id)
        continue; // one of the two has become another piece since
      left.piece = {best.id, left.piece.begin, right.piece.end};
      right.gone = true;
      left.next = right.next;
      if (left.next >= 0) {
        symbols[left.next].previous = best.at;
        note(best.at, left.next);
      }
      if (left.previous >= 0)
        note(left.previous, best.at);
    }
  }

  const Pieces& pieces_;
  WordForm form_;
  MergeTable merges_;
  bool fuse_unknown_;
  bool whole_words_; // a word that is a piece is that piece, whatever the merges say
  int32_t unknown_ = -1;
  int32_t byte_ids_[256];
  ByteFallback fallback_;
};

} // namespace

std::unique_ptr<const Model> make_bpe(const Field& settings, const Pieces& pieces, const Merges& merges,
                                      WordForm form) {
  return std::make_unique<Bpe>(settings, pieces, merges, form);
}

} // namespace cuecard::tokenizer
