/// Words that were tokenized before. Texts repeat their words, and a look-up is several times as fast as the
/// model.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/model.hpp"

namespace cuecard::tokenizer {

/// One thread's memory of words. It forgets everything when it is full, and long words it never keeps, so its
/// size is bounded by some 4 MB.
class WordCache {
public:
  WordCache();
  /// The pieces of `word`; tokenized by `model` when they are not known. Valid until the next call.
  std::span<const Subword> pieces(std::string_view word, const Model& model);

private:
  struct Entry {
    uint64_t hash = 0;
    uint32_t word = 0, length = 0;  // in words_; length 0: free
    uint32_t pieces = 0, count = 0; // in pieces_
  };
  void forget();

  std::vector<Entry> entries_; // open addressing
  std::string words_;
  std::vector<Subword> pieces_;
  std::vector<Subword> uncached_;
  size_t used_ = 0;
};

/// Lends each caller a cache of its own, so that words are looked up without locking. There are as many caches
/// as there were calls at one time, up to a limit.
class WordCaches {
public:
  class Lease {
  public:
    explicit Lease(WordCaches& from);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    WordCache& operator*() { return *cache_; }

  private:
    WordCaches& from_;
    std::unique_ptr<WordCache> cache_;
  };

private:
  static constexpr size_t most_idle = 64;
  std::mutex mutex_;
  std::vector<std::unique_ptr<WordCache>> idle_;
};

} // namespace cuecard::tokenizer
