#include "kv_cache/kv_cache_pool.hpp"

#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

namespace {

/// Tokens reserved after a sequence in decoding.
constexpr int64_t step_room = 32;

int64_t count_tokens(const std::vector<KvCachePool::Range>& ranges) {
  int64_t count = 0;
  for (const KvCachePool::Range& range : ranges)
    count += range.size();
  return count;
}

/// Late soft tokens have no position.
int64_t count_positions(const std::vector<KvCachePool::Range>& ranges) {
  int64_t count = 0;
  for (const KvCachePool::Range& range : ranges)
    count += range.first_layer == 0 ? range.size() : 0;
  return count;
}

void extend(std::vector<KvCachePool::Range>& ranges, KvCachePool::Range range) {
  if (!ranges.empty() && ranges.back().end == range.begin && ranges.back().first_layer == range.first_layer)
    ranges.back().end = range.end;
  else if (range.size() > 0)
    ranges.push_back(range);
}

/// The tokens of `pool` in `ranges`, in that order.
at::Tensor gathered(const at::Tensor& pool, const std::vector<KvCachePool::Range>& ranges) {
  std::vector<at::Tensor> parts;
  parts.reserve(ranges.size());
  for (const KvCachePool::Range& range : ranges)
    parts.push_back(pool.narrow(0, range.begin, range.size()));
  return parts.empty() ? pool.narrow(0, 0, 0).clone() : at::cat(parts);
}

/// `pool` with a capacity of `tokens`.
at::Tensor grown(const at::Tensor& pool, int64_t tokens) {
  at::Tensor larger = at::empty({tokens, pool.size(1), pool.size(2)}, pool.options());
  larger.narrow(0, 0, pool.size(0)).copy_(pool);
  return larger;
}

/// Drops encoder tokens that no sequence attends to any more, once they are the majority.
void drop_unused_sources(KvCachePool& cache) {
  const std::size_t sources = cache.cross_offsets.size() - 1;
  std::vector<int64_t> renumbered(sources, -1);
  for (const int64_t source : cache.source_of)
    if (source >= 0)
      renumbered[static_cast<std::size_t>(source)] = 0;
  std::vector<KvCachePool::Range> used;
  std::vector<int64_t> offsets{0};
  for (std::size_t source = 0; source < sources; ++source) {
    if (renumbered[source] < 0)
      continue;
    renumbered[source] = std::ssize(used);
    used.push_back({cache.cross_offsets[source], cache.cross_offsets[source + 1]});
    offsets.push_back(offsets.back() + used.back().size());
  }
  if (offsets.back() >= cache.cross_offsets.back() / 2)
    return;
  const at::NoGradGuard no_grad;
  for (KvCachePool::Layer& layer : cache.cross)
    layer = {gathered(layer.key, used), gathered(layer.value, used)};
  for (int64_t& source : cache.source_of)
    if (source >= 0)
      source = renumbered[static_cast<std::size_t>(source)];
  cache.cross_offsets = std::move(offsets);
}

int64_t tensor_bytes(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.numel() * static_cast<int64_t>(tensor.element_size()) : 0;
}

} // namespace

int64_t KvCachePool::length(int64_t sequence) const {
  return count_tokens(ranges[static_cast<std::size_t>(sequence)]);
}

std::vector<KvCachePool::Range> KvCachePool::first(int64_t sequence, int64_t tokens) const {
  std::vector<Range> result;
  for (const Range& range : ranges[static_cast<std::size_t>(sequence)]) {
    if (tokens <= 0)
      break;
    result.push_back({range.begin, range.begin + std::min(range.size(), tokens), range.first_layer});
    tokens -= range.size();
  }
  return result;
}

int64_t KvCachePool::bytes() const {
  int64_t sum = 0;
  for (const std::vector<Layer>* each : {&layers, &cross})
    for (const Layer& layer : *each)
      sum += tensor_bytes(layer.key) + tensor_bytes(layer.value);
  return sum;
}

int64_t KvCachePool::fork(int64_t sequence) {
  const bool fresh = sequence < 0;
  const auto from = static_cast<std::size_t>(sequence);
  ranges.push_back(fresh ? std::vector<Range>{} : std::vector<Range>(ranges[from]));
  next_position.push_back(fresh ? 0 : next_position[from]);
  if (!source_of.empty())
    source_of.push_back(fresh ? -1 : source_of[from]);
  room_.push_back({});
  return num_sequences() - 1;
}

void KvCachePool::release(int64_t sequence) {
  ranges[static_cast<std::size_t>(sequence)].clear();
  room_[static_cast<std::size_t>(sequence)] = {};
  if (!source_of.empty())
    source_of[static_cast<std::size_t>(sequence)] = -1;
}

std::vector<KvCachePool::Range> KvCachePool::append(int64_t sequence, int64_t count, int64_t first_layer) {
  const auto s = static_cast<std::size_t>(sequence);
  std::vector<Range> given;
  const auto take = [&](Range range) {
    extend(given, range);
    extend(ranges[s], range);
  };
  if (const int64_t in_room = std::min(count, room_[s].size()); in_room > 0) {
    take({room_[s].begin, room_[s].begin + in_room, first_layer});
    room_[s].begin += in_room;
    count -= in_room;
  }
  if (count > 0) {
    // Only `reserve` moves tokens: between it and `put`, ranges that were returned must stay valid.
    const int64_t room = count == 1 ? step_room - 1 : 0;
    take({size_, size_ + count, first_layer});
    room_[s] = {size_ + count, size_ + count + room};
    size_ += count + room;
  }
  return given;
}

void KvCachePool::reserve(int64_t tokens) {
  drop_unused_sources(*this);
  if (layers.empty() || size_ + tokens <= layers[0].key.size(0))
    return; // before the first layer, `put` allocates the pool in the required size
  int64_t used = count_tokens(room_);
  for (const std::vector<Range>& sequence : ranges)
    used += count_tokens(sequence); // shared tokens count more than once, so this errs towards growing
  if (used < size_ / 2)
    compact();
}

/// Moves the tokens of all sequences, and their reserved room, to the beginning of the pool.
void KvCachePool::compact() {
  std::vector<Range> kept;
  for (const std::vector<Range>& sequence : ranges)
    kept.insert(kept.end(), sequence.begin(), sequence.end());
  for (const Range& room : room_)
    if (room.size() > 0)
      kept.push_back(room);
  std::sort(kept.begin(), kept.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
  std::vector<Range> joined;
  for (const Range& range : kept) {
    if (!joined.empty() && range.begin <= joined.back().end)
      joined.back().end = std::max(joined.back().end, range.end);
    else
      joined.push_back(range);
  }
  std::vector<int64_t> begins; // of each joined range, after the move
  int64_t size = 0;
  for (const Range& range : joined) {
    begins.push_back(size);
    size += range.size();
  }
  const auto moved = [&](Range range) {
    const auto next = std::upper_bound(joined.begin(), joined.end(), range.begin,
                                       [](int64_t begin, const Range& other) { return begin < other.begin; });
    const auto i = static_cast<std::size_t>(next - joined.begin()) - 1;
    const int64_t by = begins[i] - joined[i].begin;
    return Range{range.begin + by, range.end + by, range.first_layer};
  };
  for (std::vector<Range>& sequence : ranges)
    for (Range& range : sequence)
      range = moved(range);
  for (Range& room : room_)
    if (room.size() > 0)
      room = moved(room);
  const at::NoGradGuard no_grad;
  for (Layer& layer : layers)
    layer = {gathered(layer.key, joined), gathered(layer.value, joined)};
  size_ = size;
}

void KvCachePool::put(int64_t layer, const at::Tensor& key, const at::Tensor& value,
                      const std::vector<Range>& where) {
  const at::NoGradGuard no_grad;
  const auto l = static_cast<std::size_t>(layer);
  if (l > layers.size())
    throw Error("keys and values of layer " + std::to_string(layer) + " come before those of layer " +
                std::to_string(layers.size()) + ".");
  if (l == layers.size()) {
    const bool whole =
        where.size() == 1 && where[0].begin == 0 && where[0].end == size_ && size_ == key.size(0);
    if (whole) { // the pool is otherwise empty: no copy
      layers.push_back({key.detach(), value.detach()});
      return;
    }
    layers.push_back({at::empty({size_, key.size(1), key.size(2)}, key.options().requires_grad(false)),
                      at::empty({size_, value.size(1), value.size(2)}, value.options().requires_grad(false))});
  }
  Layer& pool = layers[l];
  if (pool.key.size(0) < size_) {
    const int64_t capacity = std::max(size_, 2 * pool.key.size(0));
    pool = {grown(pool.key, capacity), grown(pool.value, capacity)};
  }
  if (where.size() > 1) { // a decoding step: single tokens of several sequences
    std::vector<int64_t> places;
    for (const Range& range : where)
      for (int64_t row = range.begin; row < range.end; ++row)
        places.push_back(row);
    const at::Tensor index = index_tensor(places, pool.key.device());
    pool.key.index_copy_(0, index, key.detach());
    pool.value.index_copy_(0, index, value.detach());
    return;
  }
  const Range range = where.empty() ? Range{} : where[0];
  pool.key.narrow(0, range.begin, range.size()).copy_(key);
  pool.value.narrow(0, range.begin, range.size()).copy_(value);
}

KvCachePool KvCachePool::select(const std::vector<int64_t>& which) const {
  KvCachePool result;
  std::vector<Range> wanted;
  std::vector<int64_t> sources;
  for (const int64_t s : which) {
    const auto from = static_cast<std::size_t>(s);
    wanted.insert(wanted.end(), ranges[from].begin(), ranges[from].end());
    const int64_t to = result.fork(-1);
    for (const Range& range : ranges[from]) {
      extend(result.ranges[static_cast<std::size_t>(to)],
             {result.size_, result.size_ + range.size(), range.first_layer});
      result.size_ += range.size();
    }
    result.next_position[static_cast<std::size_t>(to)] = next_position[from];
    if (!source_of.empty())
      sources.push_back(source_of[from]);
  }
  for (const Layer& layer : layers)
    result.layers.push_back({gathered(layer.key, wanted), gathered(layer.value, wanted)});
  if (sources.empty())
    return result;
  std::vector<Range> encoders;
  for (const int64_t source : sources) {
    const Range tokens{cross_offsets[static_cast<std::size_t>(source)],
                       cross_offsets[static_cast<std::size_t>(source) + 1]};
    encoders.push_back(tokens);
    result.source_of.push_back(static_cast<int64_t>(result.cross_offsets.size()) - 1);
    result.cross_offsets.push_back(result.cross_offsets.back() + tokens.size());
  }
  for (const Layer& layer : cross)
    result.cross.push_back({gathered(layer.key, encoders), gathered(layer.value, encoders)});
  return result;
}

KvCache::KvCache() : pool_(std::make_unique<KvCachePool>()) {}
KvCache::~KvCache() = default;
KvCache::KvCache(KvCache&&) noexcept = default;
KvCache& KvCache::operator=(KvCache&&) noexcept = default;

int64_t KvCache::num_sequences() const {
  return pool_->num_sequences();
}
int64_t KvCache::length(int64_t sequence) const {
  return pool_->length(sequence);
}
int64_t KvCache::next_position(int64_t sequence) const {
  return pool_->next_position[static_cast<std::size_t>(sequence)];
}
int64_t KvCache::bytes() const {
  return pool_->bytes();
}

int64_t KvCache::fork(int64_t sequence, int64_t length) {
  const int64_t made = pool_->fork(sequence), whole = pool_->length(made);
  if (length < 0 || length >= whole)
    return made;
  const auto to = static_cast<std::size_t>(made);
  const std::vector<KvCachePool::Range> all = pool_->ranges[to];
  pool_->ranges[to] = pool_->first(made, length);
  pool_->next_position[to] -= count_positions(all) - count_positions(pool_->ranges[to]);
  return made;
}

void KvCache::release(int64_t sequence) {
  pool_->release(sequence);
}

int64_t KvCache::copy(const KvCache& other, int64_t sequence, int64_t length) {
  const KvCachePool& from = other.pool();
  const std::vector<KvCachePool::Range> all = from.ranges[static_cast<std::size_t>(sequence)];
  const std::vector<KvCachePool::Range> copied = from.first(sequence, length);
  const int64_t made = pool_->fork(-1);
  std::vector<KvCachePool::Range> where;
  for (const KvCachePool::Range& range : copied)
    for (const KvCachePool::Range& given : pool_->append(made, range.size(), range.first_layer))
      where.push_back(given);
  pool_->next_position[static_cast<std::size_t>(made)] =
      other.next_position(sequence) - count_positions(all) + count_positions(copied);
  for (std::size_t layer = 0; layer < from.layers.size(); ++layer)
    pool_->put(static_cast<int64_t>(layer), gathered(from.layers[layer].key, copied),
               gathered(from.layers[layer].value, copied), where);
  return made;
}

KvCache KvCache::select(const std::vector<int64_t>& which) const {
  KvCache result;
  *result.pool_ = pool_->select(which);
  return result;
}

} // namespace cuecard
