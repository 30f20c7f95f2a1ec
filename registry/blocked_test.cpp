// Plugins that crashed are blocked until their file changes.
#include "blocked.hpp"

#include <cstdlib>
#include <fstream>

#include <doctest/doctest.h>

#include "test_folder.hpp"

using namespace cuecard::registry;

namespace {

/// A cache folder for this test instead of the user's.
struct Cache {
  Cache() { ::setenv("XDG_CACHE_HOME", folder.path().c_str(), 1); }
  ~Cache() { ::unsetenv("XDG_CACHE_HOME"); }
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;
  std::filesystem::path list() const { return folder.path() / "cuecard/blocked-plugins.json"; }
  TestFolder folder;
};

const std::string one(64, 'a'), other(64, 'b');

} // namespace

TEST_CASE("a library is blocked by its SHA-256 until it is unblocked") {
  const Cache cache;
  CHECK(blocked_reason(one) == "");
  CHECK(block(one, "/plugins/one.so", "it crashed with SIGSEGV."));
  CHECK(block(other, "/plugins/other.so", "it hung."));
  CHECK(blocked_reason(one) == "it crashed with SIGSEGV.");
  CHECK(blocked_reason("") == "");
  CHECK(unblock(one));
  CHECK(blocked_reason(one) == "");
  CHECK(blocked_reason(other) == "it hung.");
}

TEST_CASE("a damaged list blocks nothing and is written anew") {
  const Cache cache;
  for (const std::string text : {"", "[1]", "{\"", "{\"aa\": 3}", "\xff\xfe"}) {
    CHECK(block(other, "/plugins/other.so", "it hung."));
    std::ofstream(cache.list()) << text;
    CHECK(blocked_reason(other) == "");
    CHECK(blocked_reason("aa") == "");
    CHECK(block(one, "/plugins/one.so", "it crashed."));
    CHECK(blocked_reason(one) == "it crashed.");
  }
}
