/// How many processors this process may use, and thus how many threads it should have.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace cuecard {

struct Processors {
  int64_t of_machine = 1; ///< online, hyper-threads counted
  int64_t allowed = 1; ///< in the affinity mask of the process (taskset, a container's cpuset, a batch system)
  int64_t cores = 1;   ///< physical cores among these: hyper-threads of a core share its arithmetic units
  std::optional<double> quota; ///< processors' worth of time that its control group allows
};

/// `root` is where /proc and /sys are looked for.
Processors usable_processors(const std::filesystem::path& root = "/");

struct Threads {
  int64_t count = 1;
  std::string why; ///< as in "2 threads: ..."
};

/// One thread per core, but no more than the quota allows: threads beyond it are stopped until the next period, and
/// all other threads wait for them.
Threads default_threads(const Processors& processors);

/// `default_threads`, unless OMP_NUM_THREADS or MKL_NUM_THREADS says how many.
Threads chosen_threads(const Processors& processors);

} // namespace cuecard
