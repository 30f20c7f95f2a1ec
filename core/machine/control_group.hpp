/// The limits of the control group (cgroup) that the process runs in: containers, systemd and batch systems set them.
#pragma once

#include <filesystem>
#include <optional>

namespace cuecard {

/// The CPU time that the group and those above it allow, in processors; none if there is no limit. Versions 1 and 2.
/// `root` is where /proc and /sys are looked for.
std::optional<double> processor_quota(const std::filesystem::path& root = "/");

/// The memory that they allow, in bytes; none if there is no limit.
std::optional<double> memory_limit(const std::filesystem::path& root = "/");

} // namespace cuecard
