// Each filter against its definition.
#include "refinement.hpp"

#include <cmath>

#include <ATen/ATen.h>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::knowledgeable;

namespace {

LabelWords words_of(const std::vector<std::vector<std::vector<int64_t>>>& tokens) {
  LabelWords words;
  for (const auto& of_label : tokens) {
    words.emplace_back();
    for (const std::vector<int64_t>& word : of_label)
      words.back().push_back({"", "", word});
  }
  return words;
}

} // namespace

TEST_CASE("a word of two labels is kept only as a first word, and once per list") {
  CHECK(unambiguous({{"sport", "game", "news", "game"}, {"news", "world", "sport"}, {"game"}}) ==
        WordMask{{true, false, false, false}, {true, true, false}, {true}});
}

TEST_CASE("words with a token among the least likely are dropped") {
  const at::Tensor prior =
      at::tensor({5.0, 1.0, 4.0, 2.0, 3.0, 0.0, 7.0, 6.0}); // the least likely are 5, 1, 3 and 4
  const LabelWords words = words_of({{{0}, {1}, {0, 2}, {0, 5}}, {{4}, {6, 7, 3}, {7}}});
  CHECK(frequent_words(words, prior, 0.5) == WordMask{{true, false, true, false}, {false, false, true}});
  CHECK(frequent_words(words, prior, 0.26) == WordMask{{true, false, true, false}, {true, true, true}});
  CHECK(frequent_words(words, prior, 0.1) == WordMask{{true, true, true, true}, {true, true, true}});
}

TEST_CASE("relevance is the quotient of cosines") {
  const LabelWords words = words_of({{{0}, {1}, {2}}, {{3}, {4}}, {{5}, {6}, {7}}});
  const std::vector<std::size_t> label_of{0, 0, 0, 1, 1, 2, 2, 2}, first{0, 3, 5};
  const at::Tensor log_probs = (at::arange(40, at::kDouble).view({5, 8}) * 2.3).sin() * 3 - 4;
  const auto cosine = [&](std::size_t a, std::size_t b) {
    double dot = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < 5; ++i) {
      const double x = std::exp(log_probs[i][static_cast<int64_t>(a)].item<double>());
      const double y = std::exp(log_probs[i][static_cast<int64_t>(b)].item<double>());
      dot += x * y;
      aa += x * x;
      bb += y * y;
    }
    return dot / std::sqrt(aa * bb);
  };
  std::vector<double> relevance;
  for (std::size_t w = 0; w < 8; ++w) {
    double others = 0;
    for (std::size_t y = 0; y < 3; ++y)
      others += y == label_of[w] ? 0 : cosine(w, first[y]);
    relevance.push_back(cosine(w, first[label_of[w]]) * 2 / others);
  }
  int dropped = 0;
  for (const double least : {0.5, 0.8, 1.0, 1.3}) {
    const WordMask kept = relevant_words(words, log_probs, least);
    std::size_t w = 0;
    for (const std::vector<bool>& of_label : kept)
      for (const bool stays : of_label) {
        CHECK(stays == (relevance[w++] >= least));
        dropped += !stays;
      }
    REQUIRE(w == 8);
  }
  CHECK(dropped > 3);
  const WordMask at_one = relevant_words(words, log_probs, 1);
  for (const std::vector<bool>& of_label : at_one)
    CHECK(of_label[0]); // a word is most similar to itself
  CHECK(relevant_words(words_of({{{0}, {1}}}), log_probs.narrow(1, 0, 2), 9) == WordMask{{true, true}});
}
