#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "files/atomic_write.hpp"
#include "files/strict_json.hpp"
#include "host/report/report_page.hpp"
#include "host/verbs/verbs.hpp"

namespace cuecard::host {

namespace {

/// UsageError when `out` is something other than a report, which would be lost.
void check_place(const std::string& out) {
  std::ifstream there(out, std::ios::binary);
  std::string beginning(15, '\0');
  if (there && there.read(beginning.data(), std::ssize(beginning)).gcount() > 0 &&
      beginning.find("<!") == std::string::npos)
    throw UsageError(out + ": exists and is not a report; choose another file for --out, or remove it.");
}

} // namespace

int report(const Values& values) {
  check_place(values.text("out"));
  constexpr std::size_t largest_run = std::size_t{256} << 20;
  std::vector<std::string> files;
  std::vector<nlohmann::json> objects;
  for (const std::string& path : values.texts("run")) {
    std::istringstream lines(read_text(path, largest_run));
    std::size_t number = 0;
    const std::size_t before = objects.size();
    for (std::string line; std::getline(lines, line);) {
      ++number;
      if (line.find_first_not_of(" \t\r") == std::string::npos)
        continue;
      objects.push_back(parse_json(line, path + ", line " + std::to_string(number), {largest_run, 32}));
      files.push_back(path);
    }
    if (objects.size() == before)
      throw DataError(path + ": is empty; give a file with the output of `cuecard train --json`.");
  }
  write_file_atomically(values.text("out"), report_page(reported_runs(files, objects)));
  return 0;
}

} // namespace cuecard::host
