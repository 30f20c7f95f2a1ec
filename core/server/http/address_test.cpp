#include "server/http/address.hpp"

#include <doctest/doctest.h>

#include <cuecard/error.hpp>

using namespace cuecard;
using namespace cuecard::server;

TEST_CASE("addresses of both families, with their ports") {
  const Address four = parse_address("0.0.0.0:80");
  CHECK(four.host == "0.0.0.0");
  CHECK(four.port == 80);
  CHECK_FALSE(four.loopback);
  const Address six = parse_address("[::1]:65535");
  CHECK(six.host == "::1");
  CHECK(six.port == 65535);
  CHECK(six.loopback);
  CHECK(parse_address("localhost:0").host == "127.0.0.1");
  CHECK(parse_address("127.0.0.2:1").loopback);
}

TEST_CASE("anything else is refused") {
  for (const char* text : {"", ":", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
                           "::1:80", "[127.0.0.1]:80", "example.org:80", "127.0.0.1:80x", "[]:80", "[::1]"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_address(text), UsageError);
  }
}
