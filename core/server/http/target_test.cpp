#include "server/http/target.hpp"

#include <doctest/doctest.h>

using namespace cuecard::server;

TEST_CASE("targets are paths or absolute URLs") {
  for (const auto& [target, path] : {std::pair<const char*, const char*>{"/info", "/info"},
                                     {"/info?a=/b#c", "/info"},
                                     {"/", "/"},
                                     {"*", "*"},
                                     {"", ""},
                                     {"http://host/info?a=1", "/info"},
                                     {"HTTP://host:8080/v2/models/a%2Fb", "/v2/models/a%2Fb"},
                                     {"https://[::1]:80/", "/"},
                                     {"http://host", "/"},
                                     {"http://host?x", "/"},
                                     {"ftp://host/info", "ftp://host/info"},
                                     {"/http://host/info", "/http://host/info"}}) {
    CAPTURE(target);
    CHECK(path_of(target) == path);
  }
}
