/// Signatures of indexes, and what is refused of an index that was seen before.
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <cuecard/error.hpp>

#include "files/temporary_folder.hpp"
#include "registry/trust/contents.hpp"
#include "shipping/archive/signing_key.hpp"
#include "shipping/index/signed_index.hpp"

using namespace cuecard;
using namespace cuecard::shipping;

namespace {

using Bytes = std::vector<unsigned char>;

Bytes bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

void refused(const SeenIndexes& seen, const SeenIndex& index, bool key_is_judged, const char* sentence) {
  CAPTURE(index.key);
  CAPTURE(index.made);
  CHECK_THROWS_WITH_AS(seen.check(index, key_is_judged), doctest::Contains(sentence), DataError);
}

} // namespace

TEST_CASE("an index is its signer's, byte for byte") {
  const TemporaryFolder folder("signed-index");
  const SigningKey key = SigningKey::create(folder.path() / "key.pem");
  const Bytes index = bytes_of("{\"format\": \"cuecard-plugin-index/1\"}\n");
  const registry::Signature signature = key.sign(index);
  const Bytes beside = bytes_of(registry::signature_text(signature));
  CHECK(signer_of(index, beside, "place/index.json") == key.public_key());
  CHECK(signer_of(index, std::nullopt, "place/index.json").empty());

  const auto damaged = [](const Bytes& of, const Bytes& by, const char* sentence) {
    CHECK_THROWS_WITH_AS(signer_of(of, by, "place/index.json"), doctest::Contains(sentence), DataError);
  };
  for (std::size_t at = 0; at < index.size(); ++at) {
    Bytes edited = index;
    edited[at] ^= 1;
    damaged(edited, beside, "place/index.json.sig is not a signature of its index.json");
  }
  damaged({index.begin(), index.end() - 1}, beside, "is not a signature of its index.json");
  // Another's key does not make it another's index.
  const SigningKey other = SigningKey::create(folder.path() / "other.pem");
  damaged(index, bytes_of(registry::signature_text({other.public_key(), signature.signature})),
          "is not a signature of its index.json");
  damaged(index, {}, "place/index.json.sig: ");
  damaged(index, bytes_of("{\"key\": \"12\", \"signature\": \"12\"}"), "not an Ed25519 public key");
}

TEST_CASE("an index that was signed does not become older, unsigned or another's") {
  const TemporaryFolder folder("seen-indexes");
  const std::filesystem::path file = folder.path() / "cuecard/plugin-indexes.json";
  const SeenIndexes seen(file);
  seen.check({"/unsigned", "", 0}, false);
  CHECK_FALSE(std::filesystem::exists(file)); // there is nothing to compare it with later
  seen.check({"/signed", "ada", 100}, false);
  seen.check({"/signed", "ada", 100}, false);
  seen.check({"/signed", "ada", 200}, false);
  refused(seen, {"/signed", "ada", 199}, false,
          "/signed/index.json: is older than the one that was read before");
  refused(seen, {"/signed", "", 0}, false, "has no signature, and was signed by the key ada");
  refused(seen, {"/signed", "eve", 300}, false, "is signed by the key eve, and was signed by the key ada");
  refused(seen, {"/signed", "", 0}, true, "has no signature");
  // What was refused is not remembered, and other places have other keys.
  seen.check({"/signed", "ada", 200}, false);
  seen.check({"https://host/index", "eve", 50}, false);
  // Where a policy lists the keys, a listed one may follow another; time goes on.
  refused(seen, {"/signed", "eve", 150}, true, "is older");
  seen.check({"/signed", "eve", 200}, true);
  refused(seen, {"/signed", "ada", 300}, false, "was signed by the key eve");
}

TEST_CASE("a list of seen indexes that is damaged is refused; without a place for it nothing is remembered") {
  const TemporaryFolder folder("seen-indexes");
  const std::filesystem::path file = folder.path() / "plugin-indexes.json";
  for (const char* text : {"", "{}", "[]", R"({"format": "cuecard-seen-indexes/2", "indexes": []})",
                           R"({"format": "cuecard-seen-indexes/1", "indexes": [{"place": "/signed"}]})"}) {
    CAPTURE(text);
    std::ofstream(file, std::ios::trunc) << text;
    CHECK_THROWS_WITH_AS(SeenIndexes(file).check({"/signed", "ada", 1}, false),
                         doctest::Contains(file.string().c_str()), DataError);
  }
  const SeenIndexes nowhere({});
  nowhere.check({"/signed", "ada", 2}, false);
  nowhere.check({"/signed", "ada", 1}, false);
}
