// Expected values: the definition in word_search.hpp, computed per example and word.
#include "word_search.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <ATen/ATen.h>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard::automatic;

namespace {

constexpr int64_t examples = 9, vocabulary = 12, labels = 3;
const std::vector<int64_t> label_of{0, 1, 1, 2, 1, 0, -1, 1, 2}; // 2, 4 and 2 examples, one without a label

at::Tensor some_log_probs() {
  at::Tensor scores = at::empty({examples, vocabulary}, at::kDouble);
  for (int64_t i = 0; i < scores.numel(); ++i)
    scores.data_ptr<double>()[i] = 3 * std::sin(1.7 * static_cast<double>(i) + 0.3);
  return scores.log_softmax(1);
}

double score_of(const at::Tensor& log_probs, int64_t label, int64_t word, const SearchSettings& settings) {
  double own = 0, others = 0, own_count = 0, other_count = 0;
  for (int64_t i = 0; i < examples; ++i) {
    const int64_t of = label_of[static_cast<std::size_t>(i)];
    if (of < 0)
      continue;
    const double p = std::exp(log_probs[i][word].item<double>());
    const double yes = std::log(p + 1e-15), no = std::log(1 - p + 1e-15);
    if (of == label) {
      own += settings.cross_entropy ? yes : yes - no;
      ++own_count;
    } else {
      others += settings.cross_entropy ? no : no - yes;
      ++other_count;
    }
  }
  return own + (settings.balance ? own_count / other_count : 1) * others;
}

double likely(const at::Tensor& log_probs, int64_t label, int64_t word) {
  double sum = 0;
  for (int64_t i = 0; i < examples; ++i)
    if (label_of[static_cast<std::size_t>(i)] == label)
      sum += log_probs[i][word].item<double>();
  return sum;
}

std::vector<int64_t> expected(const at::Tensor& log_probs, int64_t label, const std::vector<int64_t>& allowed,
                              const SearchSettings& settings) {
  std::vector<int64_t> words = allowed;
  std::sort(words.begin(), words.end(),
            [&](int64_t a, int64_t b) { return likely(log_probs, label, a) > likely(log_probs, label, b); });
  words.resize(static_cast<std::size_t>(settings.candidates));
  std::sort(words.begin(), words.end(), [&](int64_t a, int64_t b) {
    return score_of(log_probs, label, a, settings) > score_of(log_probs, label, b, settings);
  });
  words.resize(static_cast<std::size_t>(settings.words_per_label));
  return words;
}

} // namespace

TEST_CASE("the best words follow the definition for all settings, however the examples are batched") {
  const at::Tensor log_probs = some_log_probs();
  std::vector<int64_t> all(vocabulary), odd{1, 3, 5, 7, 9, 11};
  std::iota(all.begin(), all.end(), 0);
  WordSearch at_once(labels), in_parts(labels);
  at_once.add(log_probs, label_of);
  for (int64_t i = 0; i < examples; i += 4) {
    const int64_t end = std::min(examples, i + 4);
    in_parts.add(log_probs.narrow(0, i, end - i), {label_of.begin() + i, label_of.begin() + end});
  }
  CHECK(at_once.counts() == std::vector<int64_t>{2, 4, 2});
  std::vector<std::vector<std::vector<int64_t>>> results;
  for (const bool cross_entropy : {false, true})
    for (const bool balance : {false, true})
      for (const int64_t candidates : {3, 6})
        for (const std::vector<int64_t>& allowed : {all, odd}) {
          const SearchSettings settings{3, candidates, cross_entropy, balance};
          at::Tensor mask = at::zeros({vocabulary}, at::kBool);
          for (const int64_t word : allowed)
            mask[word] = true;
          const auto found = at_once.best(mask, settings);
          for (int64_t label = 0; label < labels; ++label)
            CHECK(found[static_cast<std::size_t>(label)] == expected(log_probs, label, allowed, settings));
          CHECK(in_parts.best(mask, settings) == found);
          results.push_back(found);
        }
  std::sort(results.begin(), results.end());
  results.erase(std::unique(results.begin(), results.end()), results.end());
  CHECK(results.size() >= 6); // the settings matter
}

TEST_CASE("probabilities of 0 and 1 give finite scores") {
  WordSearch search(2);
  search.add(at::tensor({0.0, -std::numeric_limits<double>::infinity()}).view({1, 2}), {0});
  search.add(at::tensor({-std::numeric_limits<double>::infinity(), 0.0}).view({1, 2}), {1});
  const auto found = search.best(at::ones({2}, at::kBool), {});
  CHECK(found == std::vector<std::vector<int64_t>>{{0}, {1}});
}
