/// The memory available to this process.
#pragma once

#include <filesystem>
#include <optional>

namespace cuecard {

/// In bytes.
struct Memory {
  double of_machine = 0;
  double available = 0;        ///< without taking it from others, within the limit
  std::optional<double> limit; ///< of its control group
};

/// `root` is where /proc and /sys are looked for.
Memory usable_memory(const std::filesystem::path& root = "/");

} // namespace cuecard
