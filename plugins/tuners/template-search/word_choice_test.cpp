#include "word_choice.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;

using Ids = std::vector<std::vector<int64_t>>;

TEST_CASE("the pool of a label has its most probable words; other tokens are ignored") {
  const at::Tensor means = at::tensor({-1.0, -2.0, -3.0, -4.0, -4.0, -0.5, -2.5, -1.5}).view({2, 4});
  CHECK(most_probable_words(means, {0, 2, 3}, 2) == Ids{{0, 2}, {3, 2}});
  CHECK(most_probable_words(means, {1, 3}, 9) == Ids{{1, 3}, {1, 3}});
}

TEST_CASE("coordinate descent ends at a local minimum, for two labels mostly the global one") {
  int64_t global_minima = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const at::Tensor scores = Random(seed).normal_tensor({12, 2, 5}, 2).to(at::kDouble);
    const at::Tensor labels = at::arange(12) % 2;
    const Ids pools{{1, 2, 3, 4, 5}, {3, 9, 8, 1, 7}};
    const ChosenWords chosen = choose_words(scores, labels, pools);
    const auto loss = [&](int64_t a, int64_t b) {
      const at::Tensor two = at::stack({scores.select(1, 0).select(1, a), scores.select(1, 1).select(1, b)}, 1);
      return -two.log_softmax(1).gather(1, labels.unsqueeze(1)).mean().item<double>();
    };
    CHECK(chosen.loss == doctest::Approx(loss(chosen.columns[0], chosen.columns[1])));
    double best = INFINITY, local = INFINITY;
    for (int64_t a = 0; a < 5; ++a)
      for (int64_t b = 0; b < 5; ++b) {
        if (pools[0][static_cast<std::size_t>(a)] == pools[1][static_cast<std::size_t>(b)])
          continue;
        best = std::min(best, loss(a, b));
        if (a == chosen.columns[0] || b == chosen.columns[1])
          local = std::min(local, loss(a, b));
      }
    CHECK(chosen.loss == doctest::Approx(local));
    global_minima += chosen.loss < best + 1e-9;
  }
  CHECK(global_minima >= 15);
}

TEST_CASE("labels get distinct words") {
  const at::Tensor scores = at::zeros({4, 2, 2});
  const ChosenWords chosen = choose_words(scores, at::arange(4) % 2, {{7, 8}, {7, 9}});
  CHECK(chosen.columns[0] + chosen.columns[1] >= 1);
  CHECK_THROWS_WITH_AS(choose_words(at::zeros({4, 2, 1}), at::arange(4) % 2, {{7}, {7}}),
                       doctest::Contains("word-pool"), DataError);
}
