#include "machine/processors.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include <cuecard/error.hpp>

#include "machine/control_group.hpp"

namespace cuecard {

namespace {

namespace fs = std::filesystem;

/// "0-3,8" as numbers.
std::vector<int64_t> listed(const std::string& text) {
  std::vector<int64_t> numbers;
  std::istringstream ranges(text);
  for (std::string range; std::getline(ranges, range, ',');) {
    int64_t first = 0, last = 0;
    char dash = 0;
    std::istringstream bounds(range);
    if (!(bounds >> first))
      continue;
    if (!(bounds >> dash >> last))
      last = first;
    constexpr int64_t most = 1 << 16;
    for (int64_t number = first; number <= std::min(last, first + most); ++number)
      numbers.push_back(number);
  }
  return numbers;
}

std::string line_of(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::vector<int64_t> allowed_processors(const fs::path& root) {
  std::ifstream file(root / "proc/self/status");
  constexpr std::string_view key = "Cpus_allowed_list:";
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key))
      return listed(line.substr(key.size()));
  return {};
}

std::string of_cores(int64_t count) {
  return counted(count, "core");
}

/// At most two digits after the point.
std::string rounded(double number) {
  std::ostringstream text;
  text << std::round(number * 100) / 100;
  return text.str();
}

} // namespace

Processors usable_processors(const fs::path& root) {
  const fs::path cpus = root / "sys/devices/system/cpu";
  std::vector<int64_t> allowed = allowed_processors(root);
  const std::vector<int64_t> online = listed(line_of(cpus / "online"));
  if (!online.empty()) // the mask may name processors that the machine doesn't have
    std::erase_if(allowed, [&](int64_t cpu) { return std::ranges::find(online, cpu) == online.end(); });
  if (allowed.empty())
    allowed = online.empty() ? std::vector<int64_t>{0} : online;

  std::set<std::string> cores;
  for (const int64_t cpu : allowed) {
    const fs::path topology = cpus / ("cpu" + std::to_string(cpu)) / "topology";
    std::string siblings = line_of(topology / "core_cpus_list");
    if (siblings.empty())
      siblings = line_of(topology / "thread_siblings_list"); // before Linux 5.2
    cores.insert(siblings.empty() ? std::to_string(cpu) : siblings);
  }
  Processors found;
  found.allowed = std::ssize(allowed);
  found.of_machine = std::max(std::ssize(online), found.allowed);
  found.cores = std::ssize(cores);
  found.quota = processor_quota(root);
  return found;
}

Threads default_threads(const Processors& processors) {
  std::string why = of_cores(processors.cores);
  if (processors.allowed < processors.of_machine)
    why += ", of a machine whose " + std::to_string(processors.of_machine) +
           " processors this process may use " + std::to_string(processors.allowed) + " of";
  else if (processors.cores < processors.allowed)
    why += " with " + std::to_string(processors.allowed) + " hyper-threads";
  if (!processors.quota || *processors.quota >= static_cast<double>(processors.cores))
    return {processors.cores, why};
  const auto paid = std::max<int64_t>(1, static_cast<int64_t>(*processors.quota));
  return {paid, "its control group allows the time of " + rounded(*processors.quota) +
                    (*processors.quota == 1 ? " processor" : " processors") + ", on " + why};
}

Threads chosen_threads(const Processors& processors) {
  for (const char* name : {"OMP_NUM_THREADS", "MKL_NUM_THREADS"})
    if (const char* value = std::getenv(name); value && std::atoll(value) > 0)
      return {std::atoll(value), std::string(name) + " is set to " + value};
  return default_threads(processors);
}

} // namespace cuecard
