#include <cuecard/parts/layers/packed_convolution.hpp>

#include <ATen/ATen.h>

#include <cuecard/parts/random.hpp>

// After LibTorch, whose logging also defines CHECK.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;

TEST_CASE("each sequence is convolved as if it were alone, its late tokens apart") {
  Side side;
  side.offsets = {0, 6, 7, 7, 11};
  side.late_lengths = {2, 0, 0, 0};
  const std::vector<std::pair<int64_t, int64_t>> apart{{0, 2}, {2, 6}, {6, 7}, {7, 11}};
  Random random(2);
  const at::Tensor x = random.normal_tensor({11, 4}, 1.0), bias = random.normal_tensor({4}, 1.0);
  for (const auto& [tokens, groups] : {std::pair{1, 1}, {3, 2}, {5, 1}, {9, 4}}) {
    CAPTURE(tokens);
    const at::Tensor weight = random.normal_tensor({4, 4 / groups, tokens}, 1.0);
    std::vector<at::Tensor> alone;
    for (const auto& [begin, end] : apart)
      alone.push_back(
          at::conv1d(x.slice(0, begin, end).t().unsqueeze(0), weight, bias, 1, tokens / 2, 1, groups)[0].t());
    CHECK(at::allclose(packed_convolution(x, side, weight, bias, groups), at::cat(alone), 1e-5, 1e-5));
  }
}
