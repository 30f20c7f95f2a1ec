#include "files/atomic_write.hpp"

#include <doctest/doctest.h>

#include "model/test_folder.hpp"

using namespace cuecard;

namespace {

int64_t entry_count(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

} // namespace

TEST_CASE("atomic write: a file appears complete or not at all") {
  TestFolder folder;
  {
    AtomicFile file(folder.path() / "a");
    file.write("half");
    CHECK(!std::filesystem::exists(folder.path() / "a"));
  }
  CHECK(entry_count(folder.path()) == 0);
  write_file_atomically(folder.path() / "a", "one");
  write_file_atomically(folder.path() / "a", "two");
  CHECK(bytes_of_file(folder.path() / "a") == "two");
  CHECK(entry_count(folder.path()) == 1);
  CHECK(contains(sentence([&] { write_file_atomically(folder.path() / "none" / "a", "x"); }),
                 "could not be written"));
}

TEST_CASE("atomic write: an output folder that replaces nothing") {
  TestFolder folder;
  const std::filesystem::path place = folder.path() / "d";
  const auto refusal = [](const std::filesystem::path& target) {
    return sentence([&] { require_free_place(target); });
  };
  CHECK(refusal(place).empty());
  std::filesystem::create_directory(place);
  CHECK(refusal(place).empty());
  write_file_atomically(place / "f", "one");
  for (const std::filesystem::path& taken : {place, place / "", place / "f", place / "f" / ""})
    CHECK(contains(refusal(taken), "already exists"));
}

TEST_CASE("atomic write: a directory appears complete and replaces an existing one") {
  TestFolder folder;
  {
    AtomicDirectory directory(folder.path() / "d");
    write_file_atomically(directory.path() / "f", "never seen");
  }
  CHECK(entry_count(folder.path()) == 0);
  for (const char* text : {"one", "two"}) {
    AtomicDirectory directory(folder.path() / "d/"); // a trailing slash is the same directory
    write_file_atomically(directory.path() / text, text);
    directory.commit();
  }
  CHECK(entry_count(folder.path()) == 1);
  CHECK(entry_count(folder.path() / "d") == 1);
  CHECK(bytes_of_file(folder.path() / "d" / "two") == "two");
}
