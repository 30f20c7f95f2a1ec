#include "model/written_beside.hpp"

#include <doctest/doctest.h>

#include "model/test_folder.hpp"

using namespace cuecard;

namespace {

int64_t entries(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

} // namespace

TEST_CASE("written beside: a file appears whole or not at all") {
  TestFolder folder;
  {
    FileBeside file(folder.path() / "a");
    file.write("half");
    CHECK(!std::filesystem::exists(folder.path() / "a"));
  }
  CHECK(entries(folder.path()) == 0);
  write_file_beside(folder.path() / "a", "one");
  write_file_beside(folder.path() / "a", "two");
  CHECK(bytes_of_file(folder.path() / "a") == "two");
  CHECK(entries(folder.path()) == 1);
  CHECK(contains(sentence([&] { write_file_beside(folder.path() / "none" / "a", "x"); }),
                 "could not be written"));
}

TEST_CASE("written beside: a directory appears whole, and replaces what was there") {
  TestFolder folder;
  {
    DirectoryBeside directory(folder.path() / "d");
    write_file_beside(directory.path() / "f", "never seen");
  }
  CHECK(entries(folder.path()) == 0);
  for (const char* text : {"one", "two"}) {
    DirectoryBeside directory(folder.path() / "d/"); // a trailing slash is the same directory
    write_file_beside(directory.path() / text, text);
    directory.commit();
  }
  CHECK(entries(folder.path()) == 1);
  CHECK(entries(folder.path() / "d") == 1);
  CHECK(bytes_of_file(folder.path() / "d" / "two") == "two");
}
