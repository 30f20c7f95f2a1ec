/// A cache of tokenized words. Texts repeat words, and a lookup is several times faster than the model.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/models/model.hpp"

namespace cuecard::tokenizer {

/// The cache of one thread. It is cleared when full and does not store long words, so its size is limited to
/// about 4 MB.
class WordCache {
public:
  WordCache();
  /// The pieces of `word`, tokenized by `model` on a cache miss. Valid until the next call.
  std::span<const Subword> pieces(std::string_view word, const Model& model);

private:
  struct Entry {
    uint64_t hash = 0;
    uint32_t word = 0, length = 0;  // in words_; length 0: free
    uint32_t pieces = 0, count = 0; // in pieces_
  };
  void clear();

  std::vector<Entry> entries_; // open addressing
  std::string words_;
  std::vector<Subword> pieces_;
  std::vector<Subword> uncached_;
  size_t used_ = 0;
};

/// A pool that lends each caller its own cache, so that lookups need no locking. It keeps as many caches as
/// there were concurrent calls, up to a limit.
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
  static constexpr size_t max_idle = 64;
  std::mutex mutex_;
  std::vector<std::unique_ptr<WordCache>> idle_;
};

} // namespace cuecard::tokenizer
