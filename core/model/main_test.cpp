#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "model/test_folder.hpp"

int main(int count, char** arguments) {
  const cuecard::TestFolder cache; // keeps digests of test files out of the user's cache
  ::setenv("XDG_CACHE_HOME", cache.path().c_str(), 1);
  return doctest::Context(count, arguments).run();
}
