#include "machine/control_group.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

namespace cuecard {

namespace {

namespace fs = std::filesystem;

/// A group of the process: its controllers, "" in version 2, and its path.
struct Group {
  std::string controllers, path;
};

std::vector<Group> groups_of_process(const fs::path& root) {
  std::vector<Group> groups;
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) { // 4:cpu,cpuacct:/path
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second != std::string::npos)
      groups.push_back({line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  return groups;
}

bool lists(const std::string& controllers, const std::string& wanted) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');)
    if (name == wanted)
      return true;
  return false;
}

std::optional<double> number_in(const fs::path& path) {
  std::ifstream file(path);
  double number = 0;
  return file >> number ? std::optional(number) : std::nullopt;
}

/// The least limit of a group and those above it. Without a namespace of its own a container sees the path that its group
/// has on the host, and its group as the topmost one.
std::optional<double> least(const fs::path& top, const std::string& path,
                            const std::function<std::optional<double>(const fs::path&)>& limit_of) {
  std::optional<double> limit;
  for (fs::path group = path;; group = group.parent_path()) {
    if (const std::optional<double> found = limit_of(top / group.relative_path()))
      limit = std::min(limit.value_or(*found), *found);
    if (!group.has_relative_path())
      return limit;
  }
}

std::optional<double> quota_2(const fs::path& group) {
  std::ifstream file(group / "cpu.max"); // "150000 100000", "max 100000"
  double quota = 0, period = 0;
  return file >> quota >> period && period > 0 ? std::optional(quota / period) : std::nullopt;
}

std::optional<double> quota_1(const fs::path& group) {
  const auto quota = number_in(group / "cpu.cfs_quota_us"), period = number_in(group / "cpu.cfs_period_us");
  return quota && period && *quota > 0 && *period > 0 ? std::optional(*quota / *period) : std::nullopt;
}

std::optional<double> bytes_1(const fs::path& group) {
  constexpr double unlimited = 4e18; // the kernel writes 2^63 less a page
  const std::optional<double> bytes = number_in(group / "memory.limit_in_bytes");
  return bytes && *bytes < unlimited ? bytes : std::nullopt;
}

std::optional<double> limit_of(const fs::path& root, const std::string& controller,
                               const std::function<std::optional<double>(const fs::path&)>& version_1,
                               const std::function<std::optional<double>(const fs::path&)>& version_2) {
  const fs::path mounts = root / "sys/fs/cgroup";
  std::optional<double> limit;
  const auto take = [&](const std::optional<double>& found) {
    if (found)
      limit = std::min(limit.value_or(*found), *found);
  };
  for (const Group& group : groups_of_process(root)) {
    if (group.controllers.empty()) {
      take(least(mounts, group.path, version_2));
      take(least(mounts / "unified", group.path, version_2)); // both versions at once
    } else if (lists(group.controllers, controller)) {
      take(least(mounts / group.controllers, group.path, version_1));
      take(least(mounts / controller, group.path, version_1));
    }
  }
  return limit;
}

} // namespace

std::optional<double> processor_quota(const fs::path& root) {
  return limit_of(root, "cpu", quota_1, quota_2);
}

std::optional<double> memory_limit(const fs::path& root) {
  return limit_of(root, "memory", bytes_1,
                  [](const fs::path& group) { return number_in(group / "memory.max"); });
}

} // namespace cuecard
