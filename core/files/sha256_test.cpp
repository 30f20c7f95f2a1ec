#include "files/sha256.hpp"

#include <cstdlib>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "model/test_folder.hpp"

using namespace cuecard;

namespace {

// FIPS 180-4 examples: "abc", and "a" repeated a million times.
const std::string of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const std::string of_million = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

void make_old(const std::filesystem::path& path) {
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
}

} // namespace

TEST_CASE("sha256: known answers") {
  TestFolder folder;
  CHECK(sha256("abc") == of_abc);
  CHECK(sha256_of_file(folder.write("a", "abc")) == of_abc);
  CHECK(sha256_of_file(folder.write("b", std::string(1'000'000, 'a'))) == of_million);
  CHECK(contains(sentence([&] { sha256_of_file(folder.path() / "none"); }), "none: could not be read"));
}

TEST_CASE("sha256: a cached digest is used only while the file is unchanged") {
  TestFolder folder, cache;
  const char* before = std::getenv("XDG_CACHE_HOME");
  const std::string restore = before ? before : "";
  ::setenv("XDG_CACHE_HOME", cache.path().c_str(), 1);
  const auto file = folder.write("a", "abc");
  const auto entry_count = [&] {
    const auto directory = cache.path() / "cuecard" / "sha256";
    return std::filesystem::exists(directory)
               ? std::distance(std::filesystem::directory_iterator(directory), {})
               : 0;
  };
  CHECK(cached_sha256_of_file(file) == of_abc);
  CHECK(entry_count() == 0); // too recent: a later change could have the same timestamp
  make_old(file);
  CHECK(cached_sha256_of_file(file) == of_abc);
  CHECK(entry_count() == 1);

  // A planted digest shows that the result comes from the cache.
  const auto entry = std::filesystem::directory_iterator(cache.path() / "cuecard" / "sha256")->path();
  std::string text = bytes_of_file(entry);
  const std::string planted(64, '5');
  text.replace(text.find(of_abc), 64, planted);
  std::ofstream(entry) << text;
  CHECK(cached_sha256_of_file(file) == planted);
  std::ofstream(entry) << "nonsense";
  CHECK(cached_sha256_of_file(file) == of_abc);

  std::ofstream(file) << "abd";
  make_old(file);
  CHECK(cached_sha256_of_file(file) == sha256("abd"));

  // A cache that can't be written is not an error.
  ::setenv("XDG_CACHE_HOME", file.c_str(), 1);
  CHECK(cached_sha256_of_file(file) == sha256("abd"));
  before ? ::setenv("XDG_CACHE_HOME", restore.c_str(), 1) : ::unsetenv("XDG_CACHE_HOME");
}
