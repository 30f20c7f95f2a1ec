#include "host/speed_check.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/rand.h>

#include <cuecard/parts/layers/layers.hpp>

namespace cuecard::host {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Does `rounds` rounds of independent multiply-adds; returns the number of operations and a value that depends on them.
struct Rounds {
  double operations = 0;
  float value = 0;
};
using RunRounds = Rounds (*)(int64_t rounds);

#if defined(__x86_64__)

constexpr int chains = 12; // as many as keep two units of latency 4 or 5 busy, and fit into 16 registers

__attribute__((target("avx512f"))) Rounds rounds_of_16(int64_t rounds) {
  __m512 sums[chains];
  float first = 0;
  for (__m512& sum : sums)
    sum = _mm512_set1_ps(first++);
  const __m512 factor = _mm512_set1_ps(0.999F), term = _mm512_set1_ps(0.001F);
  for (int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 12
    for (__m512& sum : sums)
      sum = _mm512_fmadd_ps(sum, factor, term);
  float all[16], value = 0;
  for (const __m512& sum : sums) {
    _mm512_storeu_ps(all, sum);
    value += all[0];
  }
  return {static_cast<double>(rounds) * chains * 16 * 2, value};
}

__attribute__((target("avx2,fma"))) Rounds rounds_of_8(int64_t rounds) {
  __m256 sums[chains];
  float first = 0;
  for (__m256& sum : sums)
    sum = _mm256_set1_ps(first++);
  const __m256 factor = _mm256_set1_ps(0.999F), term = _mm256_set1_ps(0.001F);
  for (int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 12
    for (__m256& sum : sums)
      sum = _mm256_fmadd_ps(sum, factor, term);
  float all[8], value = 0;
  for (const __m256& sum : sums) {
    _mm256_storeu_ps(all, sum);
    value += all[0];
  }
  return {static_cast<double>(rounds) * chains * 8 * 2, value};
}

RunRounds widest() {
  if (__builtin_cpu_supports("avx512f"))
    return rounds_of_16;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? rounds_of_8 : nullptr;
}

#else

RunRounds widest() {
  return nullptr;
}

#endif

/// Multiply-adds per second of `threads` threads at once, times two.
double rate_of(RunRounds run, int threads) {
  constexpr double seconds = 0.25;
  constexpr int64_t rounds = 1 << 20;
  std::vector<double> rates(static_cast<std::size_t>(threads));
  std::vector<std::thread> running;
  running.reserve(rates.size());
  for (double& rate : rates)
    running.emplace_back([&rate, run] {
      const auto start = Clock::now();
      double operations = 0;
      volatile float kept = 0; // the work has a result, so it is done
      while (seconds_since(start) < seconds) {
        const Rounds done = run(rounds);
        operations += done.operations;
        kept = kept + done.value;
      }
      rate = operations / seconds_since(start);
    });
  double sum = 0;
  for (std::size_t i = 0; i < running.size(); ++i) {
    running[i].join();
    sum += rates[i];
  }
  return sum;
}

} // namespace

Speed measured_speed() {
  Speed speed;
  constexpr int times = 3; // the best of several: other programs may use the processor at times
  if (const RunRounds run = widest())
    for (int i = 0; i < times; ++i)
      speed.limit = std::max(speed.limit, rate_of(run, at::get_num_threads()));

  const at::InferenceMode inference;
  constexpr int64_t size = 1536;
  constexpr double operations = 2.0 * size * size * size, longest = 1.5;
  const at::Tensor left = at::rand({size, size}), right = at::rand({size, size});
  cuecard::linear(left, right); // the first one prepares
  const auto start = Clock::now();
  do {
    const auto begin = Clock::now();
    cuecard::linear(left, right);
    speed.product = std::max(speed.product, operations / seconds_since(begin));
  } while (seconds_since(start) < longest);
  return speed;
}

} // namespace cuecard::host
