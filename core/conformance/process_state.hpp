/// Process-wide state that a plugin must not change.
#pragma once

#include <array>
#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace cuecard::conformance {

struct ProcessState {
  std::vector<std::string> environment; ///< sorted
  std::string locale, folder;
  unsigned file_mask = 0;
  int rounding = 0;
  bool flushes = false; ///< small numbers become 0
  int torch_threads = 0;
  bool gradients = true, deterministic = false;
  std::string scalar_type; ///< the default of LibTorch
  at::Tensor generator;    ///< state of LibTorch's default random number generator
  std::array<void (*)(int), 65> handlers{};
  std::array<bool, 65> blocked{}; ///< signals that do not reach this thread
  void (*terminate)() = nullptr;
  int64_t threads = 0;

  static ProcessState now();
};

/// What differs, as the end of a sentence: "the locale (from \"C\" to \"de_DE\")"; "" if nothing does.
std::string difference(const ProcessState& before, const ProcessState& after);

/// What the process has written to its standard streams: "\"...\" on standard output"; "" for nothing.
std::string written(const std::string& output_file, const std::string& errors_file);

} // namespace cuecard::conformance
