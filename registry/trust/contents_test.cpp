/// CONTENTS and SIGNATURE: keys and signatures are those of RFC 8032, section 7.1.
#include <doctest/doctest.h>

#include <cuecard/error.hpp>

#include "registry/test_folder.hpp"
#include "registry/trust/contents.hpp"
#include "registry/trust/ed25519.hpp"

using namespace cuecard;
using namespace cuecard::registry;

namespace {

std::span<const unsigned char> bytes(const std::string& text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

Contents example() {
  Contents contents{"my-tuner", "1.0.0", {}};
  for (const std::string& name : packed_names("my-tuner"))
    contents.files.push_back({name, name.size(), std::string(64, 'a')});
  return contents;
}

std::string changed(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// Test 2: one byte, 0x72.
const std::string message = "r";
const std::string key = "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";
const std::string signature =
    "kqAJqfDUyrhyDoILX2QlQKKye1QWUD+Ps3YiI+vbadoIWsHkPhWZbkWPNhPQ8R2MOHsurrQwKu6wDSkWErsMAA==";

} // namespace

TEST_CASE("a signature is verified, and that of other bytes or in another spelling is not one") {
  CHECK(is_signed(bytes(message), key, signature));
  CHECK_FALSE(is_signed(bytes("s"), key, signature));
  CHECK_FALSE(is_signed(bytes("rr"), key, signature));
  CHECK_FALSE(is_signed(bytes(message), changed(key, "P", "Q"), signature));
  CHECK_FALSE(is_signed(bytes(message), key, changed(signature, "k", "l")));
  CHECK(is_public_key(key));
  CHECK(is_signature(signature));
  CHECK_FALSE(is_public_key(signature));
  CHECK_FALSE(is_public_key(changed(key, "w=", "x="))); // the same bytes, with a bit that is dropped
  CHECK_FALSE(is_public_key(key.substr(1)));
  CHECK(base64(bytes("any")) == "YW55");
}

TEST_CASE("contents survive a round trip") {
  const Contents contents = example();
  CHECK(read_contents(bytes(contents_text(contents)), "file") == contents);
}

TEST_CASE("contents that no archive has are refused") {
  const std::string text = contents_text(example());
  const auto refused = [&](const std::string& from, const std::string& to, const char* with) {
    CHECK_THROWS_WITH_AS(read_contents(bytes(changed(text, from, to)), "file"), doctest::Contains(with),
                         DataError);
  };
  refused("cuecard-plugin/1", "cuecard-plugin/2", "this host reads \"cuecard-plugin/1\"");
  refused("\"my-tuner\"", "\"../my-tuner\"", "is not a valid plugin id");
  refused("README.md", "README", "files[1].name\" is not README.md");
  refused("my-tuner.so", "../tuner.so", "is not my-tuner.so");
  refused(std::string(64, 'a'), std::string(63, 'a'), "64 lower-case hexadecimal digits");
  refused("\"size\": 7", "\"size\": 7000000", "whole number from 0 to 1048576");
  refused("\"size\": 7", "\"size\": -7", "whole number");
  refused("\"version\": \"1.0.0\"", "\"version\": \"\"", "is empty");
  refused("\"version\"", "\"version\": \"1\", \"version\"", "occurs twice");
  refused("\"version\"", "\"more\": 1, \"version\"", "unknown key");
}

TEST_CASE("plugin ids") {
  for (const char* id : {"a", "my-tuner", "p-tuning-v2", "t5"})
    CHECK(is_plugin_id(id));
  for (const char* id : {"", ".", "..", "-a", "a-", "a--b", "A", "a/b", "a.so", "2nd", "a b", "\xc3\xa4"})
    CHECK_FALSE(is_plugin_id(id));
  CHECK_FALSE(is_plugin_id(std::string(65, 'a')));
}
