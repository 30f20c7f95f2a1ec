#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

#include <cuecard/error.hpp>

#include "search.hpp"
#include "test_folder.hpp"

using namespace cuecard;
using namespace cuecard::registry;
namespace fs = std::filesystem;

namespace {

/// Sets an environment variable within a scope.
class Variable {
public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name))
      before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (before_)
      ::setenv(name_, before_->c_str(), 1);
    else
      ::unsetenv(name_);
  }

private:
  const char* name_;
  std::optional<std::string> before_;
};

std::vector<fs::path> paths(const SearchPath& search) {
  std::vector<fs::path> list;
  for (const Folder& folder : search.folders)
    list.push_back(folder.path);
  return list;
}

} // namespace

TEST_CASE("the order is flag, variable, user, each preceded by its ABI folder") {
  const TestFolder folder;
  for (const char* name : {"flag", "flag/abi3-torch2.15", "variable", "data/cuecard/plugins"})
    fs::create_directories(folder / name);
  const Variable variable("CUECARD_PLUGIN_PATH", (folder / "variable").string());
  const Variable data("XDG_DATA_HOME", (folder / "data").string());
  const auto found = paths(SearchPath::standard({(folder / "flag").string()}));
  REQUIRE(found.size() >= 4);
  CHECK(found[0] == folder / "flag/abi3-torch2.15");
  CHECK(found[1] == folder / "flag");
  CHECK(found[2] == folder / "variable");
  CHECK(found[3] == folder / "data/cuecard/plugins");
}

TEST_CASE("folders for other hosts are searched last") {
  const TestFolder folder;
  for (const char* name : {"flag/abi2-torch2.12", "flag/abi3-torch2.14", "flag/abi3-torch2.15",
                           "flag/abi-notes", "data/cuecard/plugins/abi3-torch2.15"})
    fs::create_directories(folder / name);
  const Variable variable("CUECARD_PLUGIN_PATH", "");
  const Variable data("XDG_DATA_HOME", (folder / "data").string());
  const SearchPath search = SearchPath::standard({(folder / "flag").string()});
  const auto found = paths(search);
  const auto place = [&](const char* name) {
    return std::ranges::find(found, fs::path(folder / name)) - found.begin();
  };
  CHECK(place("flag/abi3-torch2.15") == 0);
  CHECK(place("data/cuecard/plugins/abi3-torch2.15") < place("flag/abi2-torch2.12"));
  CHECK(place("flag/abi2-torch2.12") < place("flag/abi3-torch2.14"));
  REQUIRE(place("flag/abi3-torch2.14") < static_cast<std::ptrdiff_t>(found.size()));
  CHECK(place("flag/abi-notes") == static_cast<std::ptrdiff_t>(found.size()));
  const Folder& other = search.folders[place("flag/abi2-torch2.12")];
  CHECK((other.origin == "--plugin-path" && other.other_host));
  CHECK(!search.folders[0].other_host);
}

TEST_CASE("without XDG_DATA_HOME the user's folder is in the home folder") {
  const TestFolder folder;
  fs::create_directories(folder / ".local/share/cuecard/plugins");
  const Variable variable("CUECARD_PLUGIN_PATH", "");
  const Variable data("XDG_DATA_HOME", "");
  const Variable home("HOME", folder.path().string());
  const SearchPath search = SearchPath::standard({});
  REQUIRE(!search.folders.empty());
  CHECK(search.folders[0].path == folder / ".local/share/cuecard/plugins");
  CHECK(search.folders[0].origin == "user");
}

TEST_CASE("the working directory is never searched") {
  const TestFolder folder;
  const fs::path before = fs::current_path();
  fs::create_directories(folder / "relative");
  fs::current_path(folder.path());
  const Variable data("XDG_DATA_HOME", "relative");
  const Variable home("HOME", "");
  const Variable variable("CUECARD_PLUGIN_PATH", ":.:relative::");
  const SearchPath search = SearchPath::standard({});
  fs::current_path(before);
  for (const Folder& each : search.folders)
    CHECK(each.path.string().rfind(folder.path().string(), 0) == std::string::npos);
  CHECK(search.warnings.size() == 2);
}

TEST_CASE("a folder is searched once") {
  const TestFolder folder;
  fs::create_directory_symlink(folder.path(), folder / "again");
  SearchPath search;
  search.add(folder.path(), "a");
  search.add(folder / "again", "b");
  CHECK(search.folders.size() == 1);
  CHECK(search.folders[0].origin == "a");
}

TEST_CASE("a folder given with --plugin-path must exist") {
  CHECK_THROWS_WITH_AS(SearchPath::standard({"/nowhere/at/all"}),
                       "--plugin-path /nowhere/at/all: no such folder.", UsageError);
}

TEST_CASE("files writable by others are recognised") {
  const TestFolder folder;
  const fs::path file = folder / "a.so";
  TestFolder::write(file, "");
  CHECK(writable_by_others(file) == "");
  ::chmod(file.c_str(), 0646);
  CHECK(writable_by_others(file) == "is writable by everyone");
  ::chmod(file.c_str(), 0664);
  if (::geteuid() == 0) {
    REQUIRE(::chown(file.c_str(), 0, 12345) == 0);
    CHECK(writable_by_others(file) == "is writable by its group");
  }
  CHECK(writable_by_others(folder / "absent").find("can't be checked") == 0);
}
