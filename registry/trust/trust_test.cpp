/// Policies of users and administrators, with an Ed25519 signature (RFC 8032) by a key that the test generates.
#include <doctest/doctest.h>

#include <openssl/evp.h>
#include <sys/stat.h>

#include <cuecard/error.hpp>

#include "registry/test_folder.hpp"
#include "registry/trust/contents.hpp"
#include "registry/trust/ed25519.hpp"
#include "registry/trust/trust.hpp"

using namespace cuecard;
using namespace cuecard::registry;
namespace fs = std::filesystem;

namespace {

const std::string hash(64, 'b');
const std::string other_key = "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";

/// A plugin folder with CONTENTS and a signature by a new key, which it returns.
std::string sign(const fs::path& folder) {
  Contents contents{"my-tuner", "1.0.0", {}};
  for (const std::string& name : packed_names("my-tuner"))
    contents.files.push_back({name, 1, hash});
  const std::string text = contents_text(contents);
  EVP_PKEY* const pair = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  unsigned char raw_key[32], raw[64];
  std::size_t key_size = sizeof raw_key, size = sizeof raw;
  REQUIRE(EVP_PKEY_get_raw_public_key(pair, raw_key, &key_size) == 1);
  REQUIRE(EVP_DigestSignInit(context, nullptr, nullptr, nullptr, pair) == 1);
  REQUIRE(EVP_DigestSign(context, raw, &size, reinterpret_cast<const unsigned char*>(text.data()),
                         text.size()) == 1);
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(pair);
  TestFolder::write(folder / "CONTENTS", text);
  TestFolder::write(folder / "SIGNATURE", signature_text({base64(raw_key), base64(raw)}));
  return base64(raw_key);
}

struct Policies {
  TestFolder folder;
  fs::path administrator = folder / "etc/plugin-trust.json", user = folder / "home/plugin-trust.json";
  fs::path library = folder / "plugins/my-tuner/my-tuner.so";

  std::string refusal() const {
    return Trust({administrator, user}).refusal("my-tuner", hash, library.parent_path());
  }
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("without a file everything is trusted") {
  const Policies policies;
  CHECK(policies.refusal().empty());
  CHECK(Trust().refusal("my-tuner", hash, policies.library.parent_path()).empty());
}

TEST_CASE("listed hashes") {
  const Policies policies;
  TestFolder::write(policies.user, R"({"trust": "listed", "hashes": [")" + hash + R"("]})");
  CHECK(policies.refusal().empty());
  TestFolder::write(policies.user, R"({"trust": "listed", "hashes": []})");
  CHECK(holds(policies.refusal(), hash));
  CHECK(holds(policies.refusal(), policies.user.string()));
}

TEST_CASE("signatures by listed keys") {
  const Policies policies;
  const fs::path folder = policies.library.parent_path();
  TestFolder::write(policies.user, R"({"trust": "signed", "keys": [")" + other_key + R"("]})");
  CHECK(holds(policies.refusal(), "is not signed"));
  const std::string key = sign(folder);
  CHECK(holds(policies.refusal(), "signed by the key " + key));
  TestFolder::write(policies.user, R"({"trust": "signed", "keys": [")" + key + R"("]})");
  CHECK(policies.refusal().empty());

  SUBCASE("of another library") {
    CHECK(holds(Trust({policies.user}).refusal("my-tuner", std::string(64, 'c'), folder),
                "not the library that was signed"));
  }
  SUBCASE("of changed contents") {
    TestFolder::write(folder / "CONTENTS",
                      contents_text({"my-tuner", "9.0.0", read_signed_contents(folder, "").contents.files}));
    CHECK(holds(policies.refusal(), "is not a signature of its CONTENTS"));
  }
  SUBCASE("or a listed hash") {
    fs::remove(folder / "SIGNATURE");
    CHECK(holds(policies.refusal(), "its archive is not signed"));
    TestFolder::write(policies.user, R"({"trust": "signed", "keys": [], "hashes": [")" + hash + R"("]})");
    CHECK(policies.refusal().empty());
  }
}

TEST_CASE("a user may replace the administrator's policy unless it is locked, and tighten it even then") {
  const Policies policies;
  TestFolder::write(policies.administrator, R"({"trust": "listed", "hashes": []})");
  CHECK_FALSE(policies.refusal().empty());
  TestFolder::write(policies.user, R"({"trust": "any"})");
  CHECK(policies.refusal().empty());
  TestFolder::write(policies.administrator, R"({"trust": "listed", "hashes": [], "locked": true})");
  CHECK(holds(policies.refusal(), "(locked)"));
  TestFolder::write(policies.administrator,
                    R"({"trust": "listed", "hashes": [")" + hash + R"("], "locked": true})");
  CHECK(policies.refusal().empty());
  TestFolder::write(policies.user, R"({"trust": "listed", "hashes": []})");
  CHECK(holds(policies.refusal(), policies.user.string()));
}

TEST_CASE("a policy that can't be used trusts nothing") {
  const Policies policies;
  for (const char* text : {"", "{", "{}", R"({"trust": "all"})", R"({"trust": "any", "hash": []})",
                           R"({"trust": "listed", "hashes": ["1"]})", R"({"trust": "signed", "keys": ["1"]})",
                           R"({"trust": "any", "locked": 1})"}) {
    CAPTURE(text);
    TestFolder::write(policies.user, text);
    CHECK(holds(policies.refusal(), policies.user.string()));
  }
  TestFolder::write(policies.user, R"({"trust": "any"})");
  CHECK(policies.refusal().empty());
  ::chmod(policies.user.c_str(), 0666);
  CHECK(holds(policies.refusal(), "is writable by everyone"));
}

TEST_CASE("an index is trusted by its signer alone, and only where signatures are required") {
  const Policies policies;
  const auto refusal = [&](const std::string& key) {
    return Trust({policies.administrator, policies.user}).signer_refusal("index.json", key);
  };
  CHECK(refusal("").empty());
  TestFolder::write(policies.user, R"({"trust": "listed", "hashes": []})");
  CHECK(refusal("").empty());
  CHECK_FALSE(Trust({policies.user}).wants_signatures());
  TestFolder::write(policies.user,
                    R"({"trust": "signed", "hashes": [")" + hash + R"("], "keys": [")" + other_key + R"("]})");
  CHECK(Trust({policies.user}).wants_signatures());
  CHECK(refusal(other_key).empty());
  CHECK(refusal("") == "index.json is not trusted: it is not signed, and " + policies.user.string() +
                           " requires a signature by a listed key.");
  CHECK(holds(refusal(hash), policies.user.string() + " does not list"));
  // A locked one holds as well.
  TestFolder::write(policies.administrator, R"({"trust": "signed", "keys": [], "locked": true})");
  CHECK(holds(refusal(other_key), policies.administrator.string() + " (locked) does not list"));
  TestFolder::write(policies.administrator, "damaged");
  CHECK(holds(refusal(other_key), "index.json is not trusted: " + policies.administrator.string()));
}
