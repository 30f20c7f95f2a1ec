// A past against the plainest thing that does the same: a list of numbers per sequence.
#include <algorithm>
#include <vector>

#include <ATen/ATen.h>

#include <cuecard/parts/random.hpp>
#include <cuecard/past.hpp>

// Behind LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

/// Rows that are recognised by their number; values are the negative.
at::Tensor rows_of(const std::vector<double>& numbers) {
  return at::tensor(numbers).view({-1, 1, 1}).expand({-1, 2, 3}).contiguous();
}

std::vector<double> read(const Past& past, int64_t sequence, std::size_t layer) {
  std::vector<double> numbers;
  for (const Past::Rows& range : past.ranges[static_cast<std::size_t>(sequence)])
    for (int64_t row = range.begin; row < range.end; ++row) {
      const double key = past.layers[layer].key[row][1][2].item<double>();
      CHECK(past.layers[layer].value[row][0][0].item<double>() == -key);
      numbers.push_back(key);
    }
  return numbers;
}

} // namespace

TEST_CASE("forks, appended rows and released sequences, through growth and compaction") {
  Random random(3);
  Past past;
  std::vector<std::vector<double>> model;
  double next = 1;
  const auto add = [&](int64_t sequence, int64_t count) {
    past.reserve(count);
    const std::vector<Past::Rows> where = past.append(sequence, count);
    std::vector<double> numbers;
    for (int64_t i = 0; i < count; ++i)
      numbers.push_back(next++);
    for (int64_t layer = 0; layer < 2; ++layer) {
      const at::Tensor rows = rows_of(numbers) + layer * 100000;
      past.put(layer, rows, -rows, where);
    }
    std::vector<double>& own = model[static_cast<std::size_t>(sequence)];
    own.insert(own.end(), numbers.begin(), numbers.end());
  };
  const auto start = [&](int64_t from) {
    const int64_t sequence = past.fork(from);
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
      past.release(sequence);
      model[static_cast<std::size_t>(sequence)].clear();
    }
    largest = std::max(largest, past.layers[0].key.size(0));
  }
  int64_t alive = 0;
  for (std::size_t s = 0; s < model.size(); ++s) {
    const auto sequence = static_cast<int64_t>(s);
    CHECK(past.length(sequence) == static_cast<int64_t>(model[s].size()));
    alive += past.length(sequence);
    CHECK(read(past, sequence, 0) == model[s]);
    std::vector<double> second = model[s];
    for (double& number : second)
      number += 100000;
    CHECK(read(past, sequence, 1) == second);
  }
  CHECK(alive > 0);
  CHECK(largest < static_cast<int64_t>(next) + 400 * 32); // what was released is used again

  std::vector<int64_t> which;
  for (std::size_t s = 0; s < model.size(); s += 3)
    which.push_back(static_cast<int64_t>(s));
  const Past some = past.select(which);
  for (std::size_t i = 0; i < which.size(); ++i)
    CHECK(read(some, static_cast<int64_t>(i), 1) == read(past, which[i], 1));
}

TEST_CASE("a step of decoding takes the row behind the last one") {
  Past past;
  past.fork(-1);
  past.append(0, 3);
  past.put(0, rows_of({1, 2, 3}), -rows_of({1, 2, 3}), past.ranges[0]);
  for (int step = 0; step < 20; ++step) {
    const std::vector<Past::Rows> where = past.append(0, 1);
    REQUIRE(where.size() == 1);
    past.put(0, rows_of({4.0 + step}), -rows_of({4.0 + step}), where);
  }
  CHECK(past.ranges[0].size() == 1);
  CHECK(read(past, 0, 0).back() == 23);
  CHECK(past.front(0, 2).size() == 1);
  CHECK(past.front(0, 2)[0].size() == 2);
}

TEST_CASE("encoder rows that no sequence attends to are dropped once they are the larger part") {
  Past past;
  for (int64_t s = 0; s < 4; ++s)
    past.fork(-1);
  past.source_of = {0, 1, 1, 2};
  past.cross_offsets = {0, 4, 6, 10};
  past.cross = {{rows_of({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}), -rows_of({0, 1, 2, 3, 4, 5, 6, 7, 8, 9})}};
  const auto attended = [&](int64_t sequence) {
    const auto source = static_cast<std::size_t>(past.source_of[static_cast<std::size_t>(sequence)]);
    return past.cross[0].key.slice(0, past.cross_offsets[source], past.cross_offsets[source + 1]).select(1, 0);
  };
  past.release(0);
  past.release(1);
  past.reserve(1); // six of ten rows are used
  CHECK(past.cross_offsets.size() == 4);
  past.release(3);
  past.reserve(1); // two are, by the sequence that forked one that is gone
  CHECK(past.cross_offsets == std::vector<int64_t>{0, 2});
  CHECK(past.cross[0].value.size(0) == 2);
  CHECK(at::equal(attended(2), rows_of({4, 5}).select(1, 0)));
  const int64_t fork = past.fork(2);
  past.release(2);
  past.reserve(1);
  CHECK(at::equal(attended(fork), rows_of({4, 5}).select(1, 0)));
}
