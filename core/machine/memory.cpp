#include "machine/memory.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "machine/control_group.hpp"

namespace cuecard {

Memory usable_memory(const std::filesystem::path& root) {
  Memory memory;
  std::ifstream file(root / "proc/meminfo");
  for (std::string line; std::getline(file, line);) { // MemTotal:       16303428 kB
    std::istringstream words(line);
    std::string name;
    double kibibytes = 0;
    words >> name >> kibibytes;
    if (name == "MemTotal:")
      memory.of_machine = kibibytes * 1024;
    else if (name == "MemAvailable:")
      memory.available = kibibytes * 1024;
  }
  memory.limit = memory_limit(root);
  if (memory.limit && *memory.limit >= memory.of_machine)
    memory.limit = std::nullopt;
  if (memory.limit)
    memory.available = std::min(memory.available, *memory.limit);
  return memory;
}

} // namespace cuecard
