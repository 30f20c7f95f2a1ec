#include <doctest/doctest.h>

#include "server/http/request_id.hpp"

using namespace cuecard::server;

TEST_CASE("a client's request id is kept if it is safe to log") {
  for (const std::string& given : {std::string("a"), std::string("7f/3-b_c:d"), std::string(128, 'x')})
    CHECK(request_id(given) == given);
}

TEST_CASE("otherwise the server generates a request id") {
  for (const std::string& given : {std::string(), std::string(129, 'x'), std::string("a b"),
                                   std::string("a\"b"), std::string("\xC3\xA4")}) {
    const std::string id = request_id(given);
    CHECK(id.size() == 32);
    CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(id != request_id(given));
  }
}
