#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "data/formats/json_value.hpp"
#include "files/atomic_write.hpp"
#include "files/strict_json.hpp"
#include "host/report/report_page.hpp"
#include "host/verbs/verbs.hpp"

namespace cuecard::host {

namespace {

/// UsageError when `out` is an existing file that is not a report, since it would be overwritten.
void check_place(const std::string& out) {
  std::ifstream there(out, std::ios::binary);
  std::string beginning(15, '\0');
  if (there && there.read(beginning.data(), std::ssize(beginning)).gcount() > 0 &&
      beginning.find("<!") == std::string::npos)
    throw UsageError(out + ": exists and is not a report; choose another file for --out, or remove it.");
}

/// The objects in a file: one a line, or over several lines, or in lists.
std::vector<nlohmann::json> objects_in(const std::string& path) {
  constexpr std::size_t largest_run = std::size_t{256} << 20;
  std::vector<nlohmann::json> objects;
  std::istringstream lines(read_text(path, largest_run));
  std::string value;
  std::size_t number = 0, first = 0;
  JsonExtent extent;
  const auto take = [&] {
    nlohmann::json found = parse_json(value, path + ", line " + std::to_string(first), {largest_run, 32});
    if (found.is_array())
      for (nlohmann::json& item : found)
        objects.push_back(std::move(item));
    else
      objects.push_back(std::move(found));
    value.clear();
  };
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (value.empty()) {
      if (line.find_first_not_of(" \t\r") == std::string::npos)
        continue;
      first = number;
      extent = JsonExtent();
    }
    value += line + "\n";
    if (extent.feed(line + "\n") != std::string_view::npos)
      take();
  }
  if (!value.empty())
    take(); // an incomplete value is invalid JSON, and the error says where
  if (objects.empty())
    throw DataError(path + ": is empty; give a file with the output of `cuecard train --json`.");
  return objects;
}

} // namespace

int report(const Values& values) {
  check_place(values.text("out"));
  std::vector<std::string> files;
  std::vector<nlohmann::json> objects;
  for (const std::string& path : values.texts("run"))
    for (nlohmann::json& object : objects_in(path)) {
      objects.push_back(std::move(object));
      files.push_back(path);
    }
  write_file_atomically(values.text("out"), report_page(reported_runs(files, objects)));
  return 0;
}

} // namespace cuecard::host
