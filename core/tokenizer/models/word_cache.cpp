#include "tokenizer/models/word_cache.hpp"

#include "tokenizer/models/byte_hash.hpp"

namespace cuecard::tokenizer {
namespace {

constexpr size_t slots = 1 << 15;
constexpr size_t max_words = slots / 2;
constexpr size_t max_word_bytes = 64;

} // namespace

WordCache::WordCache() : entries_(slots) {}

std::span<const Subword> WordCache::pieces(std::string_view word, const Model& model) {
  if (word.size() > max_word_bytes) {
    uncached_.clear();
    model.tokenize(word, uncached_);
    return uncached_;
  }
  const uint64_t hash = hash_bytes(word);
  size_t slot = hash & (slots - 1);
  for (; entries_[slot].length > 0; slot = (slot + 1) & (slots - 1)) {
    const Entry& entry = entries_[slot];
    if (entry.hash == hash && std::string_view(words_).substr(entry.word, entry.length) == word)
      return std::span(pieces_).subspan(entry.pieces, entry.count);
  }
  if (used_ == max_words) {
    clear();
    slot = hash & (slots - 1);
  }
  Entry entry;
  entry.hash = hash;
  entry.word = static_cast<uint32_t>(words_.size());
  entry.length = static_cast<uint32_t>(word.size());
  entry.pieces = static_cast<uint32_t>(pieces_.size());
  model.tokenize(word, pieces_);
  entry.count = static_cast<uint32_t>(pieces_.size()) - entry.pieces;
  words_.append(word);
  entries_[slot] = entry;
  ++used_;
  return std::span(pieces_).subspan(entry.pieces, entry.count);
}

void WordCache::clear() {
  entries_.assign(slots, Entry{});
  words_.clear();
  pieces_.clear();
  used_ = 0;
}

WordCaches::Lease::Lease(WordCaches& from) : from_(from) {
  {
    const std::lock_guard lock(from_.mutex_);
    if (!from_.idle_.empty()) {
      cache_ = std::move(from_.idle_.back());
      from_.idle_.pop_back();
    }
  }
  if (!cache_)
    cache_ = std::make_unique<WordCache>();
}

WordCaches::Lease::~Lease() {
  const std::lock_guard lock(from_.mutex_);
  if (from_.idle_.size() < max_idle)
    from_.idle_.push_back(std::move(cache_));
}

} // namespace cuecard::tokenizer
