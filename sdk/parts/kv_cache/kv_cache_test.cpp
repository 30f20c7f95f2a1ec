// The KV cache's pool against a simple model of it: a list of numbers per sequence.
#include <algorithm>
#include <vector>

#include <ATen/ATen.h>

#include <cuecard/kv_cache.hpp>
#include <cuecard/parts/random.hpp>

#include "kv_cache_pool.hpp"

// After LibTorch, whose logging also defines CHECK.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

/// Keys hold the number of their token, values its negative.
at::Tensor keys_of(const std::vector<double>& numbers) {
  return at::tensor(numbers).view({-1, 1, 1}).expand({-1, 2, 3}).contiguous();
}

std::vector<double> read(const KvCachePool& cache, int64_t sequence, std::size_t layer) {
  std::vector<double> numbers;
  for (const KvCachePool::Range& range : cache.ranges[static_cast<std::size_t>(sequence)])
    for (int64_t token = range.begin; token < range.end; ++token) {
      const double key = cache.layers[layer].key[token][1][2].item<double>();
      CHECK(cache.layers[layer].value[token][0][0].item<double>() == -key);
      numbers.push_back(key);
    }
  return numbers;
}

} // namespace

TEST_CASE("forks, appended tokens and released sequences, through growth and compaction") {
  Random random(3);
  KvCachePool cache;
  std::vector<std::vector<double>> model;
  double next = 1;
  const auto add = [&](int64_t sequence, int64_t count) {
    cache.reserve(count);
    const std::vector<KvCachePool::Range> where = cache.append(sequence, count);
    std::vector<double> numbers;
    for (int64_t i = 0; i < count; ++i)
      numbers.push_back(next++);
    for (int64_t layer = 0; layer < 2; ++layer) {
      const at::Tensor keys = keys_of(numbers) + layer * 100000;
      cache.put(layer, keys, -keys, where);
    }
    std::vector<double>& own = model[static_cast<std::size_t>(sequence)];
    own.insert(own.end(), numbers.begin(), numbers.end());
  };
  const auto start = [&](int64_t from) {
    const int64_t sequence = cache.fork(from);
    CHECK(sequence == static_cast<int64_t>(model.size()));
    model.push_back(from < 0 ? std::vector<double>{}
                             : std::vector<double>(model[static_cast<std::size_t>(from)]));
  };
  start(-1);
  add(0, 5);
  int64_t largest = 0;
  for (int step = 0; step < 400; ++step) {
    const auto sequence = static_cast<int64_t>(random.below(model.size()));
    switch (random.below(4)) {
    case 0:
      start(random.below(3) == 0 ? -1 : sequence);
      break;
    case 1:
      add(sequence, 1 + static_cast<int64_t>(random.below(7)));
      break;
    case 2:
      add(sequence, 1); // as in decoding
      break;
    default:
      cache.release(sequence);
      model[static_cast<std::size_t>(sequence)].clear();
    }
    largest = std::max(largest, cache.layers[0].key.size(0));
  }
  int64_t alive = 0;
  for (std::size_t s = 0; s < model.size(); ++s) {
    const auto sequence = static_cast<int64_t>(s);
    CHECK(cache.length(sequence) == static_cast<int64_t>(model[s].size()));
    alive += cache.length(sequence);
    CHECK(read(cache, sequence, 0) == model[s]);
    std::vector<double> second = model[s];
    for (double& number : second)
      number += 100000;
    CHECK(read(cache, sequence, 1) == second);
  }
  CHECK(alive > 0);
  CHECK(largest < static_cast<int64_t>(next) + 400 * 32); // released tokens are reused

  std::vector<int64_t> which;
  for (std::size_t s = 0; s < model.size(); s += 3)
    which.push_back(static_cast<int64_t>(s));
  const KvCachePool some = cache.select(which);
  for (std::size_t i = 0; i < which.size(); ++i)
    CHECK(read(some, static_cast<int64_t>(i), 1) == read(cache, which[i], 1));
}

TEST_CASE("a decoding step takes the token after the last one") {
  KvCachePool cache;
  cache.fork(-1);
  cache.append(0, 3);
  cache.put(0, keys_of({1, 2, 3}), -keys_of({1, 2, 3}), cache.ranges[0]);
  for (int step = 0; step < 20; ++step) {
    const std::vector<KvCachePool::Range> where = cache.append(0, 1);
    REQUIRE(where.size() == 1);
    cache.put(0, keys_of({4.0 + step}), -keys_of({4.0 + step}), where);
  }
  CHECK(cache.ranges[0].size() == 1);
  CHECK(read(cache, 0, 0).back() == 23);
  CHECK(cache.first(0, 2).size() == 1);
  CHECK(cache.first(0, 2)[0].size() == 2);
}

TEST_CASE("encoder tokens that no sequence attends to are dropped once they are the majority") {
  KvCachePool cache;
  for (int64_t s = 0; s < 4; ++s)
    cache.fork(-1);
  cache.source_of = {0, 1, 1, 2};
  cache.cross_offsets = {0, 4, 6, 10};
  cache.cross = {{keys_of({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}), -keys_of({0, 1, 2, 3, 4, 5, 6, 7, 8, 9})}};
  const auto attended = [&](int64_t sequence) {
    const auto source = static_cast<std::size_t>(cache.source_of[static_cast<std::size_t>(sequence)]);
    return cache.cross[0]
        .key.slice(0, cache.cross_offsets[source], cache.cross_offsets[source + 1])
        .select(1, 0);
  };
  cache.release(0);
  cache.release(1);
  cache.reserve(1); // six of ten tokens are used
  CHECK(cache.cross_offsets.size() == 4);
  cache.release(3);
  cache.reserve(1); // two are, by the sequence that is left
  CHECK(cache.cross_offsets == std::vector<int64_t>{0, 2});
  CHECK(cache.cross[0].value.size(0) == 2);
  CHECK(at::equal(attended(2), keys_of({4, 5}).select(1, 0)));
  const int64_t fork = cache.fork(2);
  cache.release(2);
  cache.reserve(1);
  CHECK(at::equal(attended(fork), keys_of({4, 5}).select(1, 0)));
}

TEST_CASE("a fork or a copy of the first tokens, late ones among them, continues at their position") {
  const auto numbers = keys_of({1, 2, 3, 4, 5, 6});
  KvCache cache;
  KvCachePool& pool = cache.pool();
  pool.fork(-1);
  std::vector<KvCachePool::Range> where = pool.append(0, 2, 3); // late tokens, of layer 3
  for (const KvCachePool::Range& range : pool.append(0, 4))
    where.push_back(range);
  pool.put(0, numbers, -numbers, where);
  pool.next_position[0] = 7; // three positions of a prefix, and four tokens that count
  CHECK(cache.length(0) == 6);
  REQUIRE(pool.ranges[0].size() == 2); // never joined, though neighbours
  const auto begin = [](std::size_t count) {
    std::vector<double> result;
    for (std::size_t i = 0; i < count; ++i)
      result.push_back(static_cast<double>(i) + 1);
    return result;
  };
  for (const int64_t length : {0, 1, 2, 5, 6}) {
    CAPTURE(length);
    const int64_t position = 3 + std::max<int64_t>(0, length - 2);
    const int64_t fork = cache.fork(0, length);
    CHECK(cache.length(fork) == length);
    CHECK(cache.next_position(fork) == position);
    CHECK(read(pool, fork, 0) == begin(static_cast<std::size_t>(length)));
    KvCache other;
    other.pool().fork(-1);
    const int64_t copy = other.copy(cache, 0, length);
    CHECK(copy == 1);
    CHECK(other.length(copy) == length);
    CHECK(other.next_position(copy) == position);
    CHECK(read(other.pool(), copy, 0) == begin(static_cast<std::size_t>(length)));
    if (length > 0)
      CHECK(other.pool().ranges[1][0].first_layer == 3);
  }
  const KvCache some = cache.select({5, 0});
  CHECK(some.num_sequences() == 2);
  CHECK(some.next_position(1) == 7);
  CHECK(read(some.pool(), 1, 0) == begin(6));
  CHECK(some.pool().ranges[1][0].first_layer == 3);
  CHECK(some.pool().ranges[1][1].first_layer == 0);
}
