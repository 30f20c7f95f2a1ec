// Machines as files under a folder: /proc and /sys as Linux writes them.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include <unistd.h>

#include "machine/memory.hpp"
#include "machine/processors.hpp"

using namespace cuecard;

namespace {

class Machine {
public:
  Machine()
      : root_(std::filesystem::temp_directory_path() / ("cuecard-machine-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(root_);
  }
  ~Machine() { std::filesystem::remove_all(root_); }

  Machine& with(const std::string& file, const std::string& text) {
    std::filesystem::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text << '\n';
    return *this;
  }
  /// `count` processors; each core has `per_core` of them.
  Machine& with_processors(int count, int per_core) {
    with("sys/devices/system/cpu/online", "0-" + std::to_string(count - 1));
    for (int cpu = 0; cpu < count; ++cpu) {
      const int first = cpu / per_core * per_core;
      with("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/core_cpus_list",
           per_core == 1 ? std::to_string(cpu)
                         : std::to_string(first) + "-" + std::to_string(first + per_core - 1));
    }
    return *this;
  }
  Machine& with_mask(const std::string& list) {
    return with("proc/self/status", "Name:\tcuecard\nCpus_allowed:\tff\nCpus_allowed_list:\t" + list);
  }
  Processors processors() const { return usable_processors(root_); }
  int64_t threads() const { return default_threads(processors()).count; }
  std::string why() const { return default_threads(processors()).why; }
  Memory memory() const { return usable_memory(root_); }

private:
  std::filesystem::path root_;
};

} // namespace

TEST_CASE("one thread per core, regardless of hyper-threads") {
  Machine machine;
  machine.with_processors(8, 2).with_mask("0-7");
  CHECK(machine.processors().of_machine == 8);
  CHECK(machine.threads() == 4);
  CHECK(machine.why() == "4 cores with 8 hyper-threads");
}

TEST_CASE("the affinity mask is used, limited to existing processors") {
  Machine machine;
  machine.with_processors(8, 2).with_mask("0,2-3");
  CHECK(machine.processors().allowed == 3);
  CHECK(machine.threads() == 2); // processors 2 and 3 are one core
  CHECK(machine.why() == "2 cores, of a machine whose 8 processors this process may use 3 of");
  CHECK(machine.with_mask("4-127").threads() == 2);
}

TEST_CASE("a quota of version 2, of the group or one above it") {
  Machine machine;
  machine.with_processors(8, 1).with_mask("0-7").with("proc/self/cgroup", "0::/a/b");
  machine.with("sys/fs/cgroup/a/b/cpu.max", "max 100000");
  CHECK(machine.threads() == 8);
  machine.with("sys/fs/cgroup/a/cpu.max", "250000 100000");
  CHECK(machine.threads() == 2);
  CHECK(machine.why() == "its control group allows the time of 2.5 processors, on 8 cores");
  machine.with("sys/fs/cgroup/a/b/cpu.max", "50000 100000");
  CHECK(machine.threads() == 1);
  CHECK(machine.with_mask("3").why() == "its control group allows the time of 0.5 processors, on 1 core, of a "
                                        "machine whose 8 processors this process may use 1 of");
}

TEST_CASE("the quota of a container that sees its group as the topmost one, and the host's path") {
  Machine machine;
  machine.with_processors(4, 1).with_mask("0-3").with("proc/self/cgroup", "0::/docker/0123");
  CHECK(machine.with("sys/fs/cgroup/cpu.max", "200000 100000").threads() == 2);
}

TEST_CASE("a quota of version 1") {
  Machine machine;
  machine.with_processors(4, 1).with_mask("0-3");
  machine.with("proc/self/cgroup", "5:memory:/\n4:cpu,cpuacct:/docker/0123\n0::/");
  const std::string group = "sys/fs/cgroup/cpu,cpuacct/docker/0123/";
  machine.with(group + "cpu.cfs_period_us", "100000").with(group + "cpu.cfs_quota_us", "-1");
  CHECK(machine.threads() == 4);
  CHECK(machine.with(group + "cpu.cfs_quota_us", "300000").threads() == 3);
}

TEST_CASE("a machine without information has one thread") {
  CHECK(Machine().threads() == 1);
}

TEST_CASE("an environment variable decides") {
  Machine machine;
  machine.with_processors(4, 1).with_mask("0-3");
  const char* before = std::getenv("OMP_NUM_THREADS");
  const std::string kept = before ? before : "";
  ::setenv("OMP_NUM_THREADS", "3", 1);
  CHECK(chosen_threads(machine.processors()).count == 3);
  CHECK(chosen_threads(machine.processors()).why == "OMP_NUM_THREADS is set to 3");
  ::unsetenv("OMP_NUM_THREADS");
  CHECK(chosen_threads(machine.processors()).count ==
        (std::getenv("MKL_NUM_THREADS") ? std::atoll(std::getenv("MKL_NUM_THREADS")) : 4));
  if (before)
    ::setenv("OMP_NUM_THREADS", kept.c_str(), 1);
}

TEST_CASE("memory within the limit of a group") {
  Machine machine;
  machine.with("proc/meminfo", "MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:    8000000 kB");
  machine.with("proc/self/cgroup", "0::/");
  CHECK(machine.memory().of_machine == 16000000.0 * 1024);
  CHECK(machine.memory().available == 8000000.0 * 1024);
  CHECK(!machine.memory().limit);
  machine.with("sys/fs/cgroup/memory.max", "1073741824");
  CHECK(machine.memory().limit == 1073741824.0);
  CHECK(machine.memory().available == 1073741824.0);
  machine.with("proc/self/cgroup", "3:memory:/x")
      .with("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "9223372036854771712");
  CHECK(!machine.memory().limit);
}
