/// Keys and values of tokens that were forwarded before (a KV cache).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <cuecard/export.hpp>

namespace cuecard {

struct KvCachePool;

/// A set of cached sequences. Sequences may share tokens, so a common prefix (a soft prompt, demonstrations, the text before beams)
/// is stored once. Where and how keys and values are stored is private to the SDK: backbones read and extend a cache through
/// ForwardPass (parts/attention/forward_pass.hpp), never directly, so that paged and device-resident caches can replace the current
/// pool.
///
/// Sequences are numbered from 0 in the order in which they were created. An invalid number is undefined behaviour.
/// Threads: const functions may run concurrently; the others need exclusive access. Errors: none but those of memory (LibTorch's).
class CUECARD_API KvCache {
public:
  KvCache();
  ~KvCache();
  KvCache(KvCache&&) noexcept;
  KvCache& operator=(KvCache&&) noexcept;
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  /// Sequences that were ever created, released ones included.
  int64_t num_sequences() const;
  /// Cached tokens of a sequence.
  int64_t length(int64_t sequence) const;
  /// Position id of the next token. Differs from `length` where a prefix counts as positions, or late soft tokens do not.
  int64_t next_position(int64_t sequence) const;
  /// Memory of all keys and values, in bytes.
  int64_t bytes() const;

  /// A new sequence that begins with the first `length` tokens of `sequence` and shares their storage; negative, or more than there are:
  /// all of them. Returns its number.
  int64_t fork(int64_t sequence, int64_t length = -1);
  /// Empties `sequence`, whose number is not given to another. Its storage, unless others share it, is reused before the cache grows.
  void release(int64_t sequence);
  /// A new sequence with a copy of the first `length` tokens, 0 or more, of sequence `sequence` of `other`, a cache for the same model and
  /// device. Returns its number.
  int64_t copy(const KvCache& other, int64_t sequence, int64_t length);
  /// A cache of the sequences `which`, in that order, in storage of its own.
  KvCache select(const std::vector<int64_t>& which) const;

  /// For use inside the SDK only.
  KvCachePool& pool() { return *pool_; }
  const KvCachePool& pool() const { return *pool_; }

private:
  std::unique_ptr<KvCachePool> pool_;
};

} // namespace cuecard
