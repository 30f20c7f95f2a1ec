/// Short training runs, for tests of training.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/train/train.hpp"

namespace cuecard::test {

/// Batches of eight, with an evaluation every four steps.
inline FitRequest few_steps(int64_t steps) {
  FitRequest request;
  request.steps = steps;
  request.batch_size = 8;
  request.evaluate_every = 4;
  return request;
}

inline float mean_of(const std::vector<float>& losses, std::size_t begin, std::size_t count) {
  float sum = 0;
  for (std::size_t i = begin; i < begin + count; ++i)
    sum += losses[i];
  return sum / static_cast<float>(count);
}

} // namespace cuecard::test
