#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <span>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "file_bytes.hpp"
#include "sidecar.hpp"

using namespace cuecard;

namespace {

Manifest sample() {
  Manifest manifest;
  manifest.id = "sample";
  manifest.version = "1.2.3";
  manifest.license = "Apache-2.0";
  manifest.homepage = "https://example.org";
  manifest.compiler = "C++ 12.2";
  manifest.abi_kind = CUECARD_ABI_CXX;
  manifest.abi_major = CUECARD_ABI_MAJOR;
  manifest.abi_minor = CUECARD_ABI_MINOR;
  manifest.torch_major = 2;
  manifest.torch_minor = 15;
  manifest.cxx_std = 202002;
  manifest.stdlib = CUECARD_LIBSTDCXX;
  manifest.abi_flags = CUECARD_CXX11_ABI | CUECARD_NDEBUG;
  manifest.file = "sample.so";
  manifest.size = 12345;
  manifest.sha256 = std::string(64, 'a');
  manifest.platform = "linux-x86_64";
  ComponentInfo tuner;
  tuner.kind = CUECARD_TUNER;
  tuner.kind_version = CUECARD_TUNER_VERSION;
  tuner.name = "soft";
  tuner.summary = "Grüße: \"soft\" tokens.";
  tuner.trains = CUECARD_TRAINS_TENSORS;
  tuner.options = {{"length", CUECARD_INTEGER, CUECARD_ROLE_LENGTH, "20", 1, 1000, {}, "Length.", "a paper"},
                   {"rate", CUECARD_NUMBER, CUECARD_ROLE_NONE, "0.3", 0, std::nullopt, {}, "Rate.", ""},
                   {"init", CUECARD_TEXT, CUECARD_ROLE_NONE, "a\nb", {}, {}, {}, "Start.", "", "length=5|6"}};
  ComponentInfo backbone;
  backbone.kind = CUECARD_BACKBONE;
  backbone.kind_version = CUECARD_BACKBONE_VERSION;
  backbone.name = "llama";
  backbone.model_types = {"llama", "mistral"};
  manifest.components = {tuner, backbone};
  return manifest;
}

Manifest reread(const std::string& text) {
  return read_sidecar(std::span(reinterpret_cast<const unsigned char*>(text.data()), text.size()),
                      "sample.json");
}

/// The error for a sidecar changed by `edit`.
template <class Edit>
std::string refusal(Edit edit) {
  auto json = nlohmann::json::parse(sidecar_text(sample()));
  edit(json);
  try {
    reread(json.dump());
  } catch (const DataError& error) {
    return error.what();
  }
  FAIL("nothing was rejected: " << json.dump());
  return "";
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("SHA-256 of published examples") { // FIPS 180-2, appendix B
  const std::string abc = "abc";
  const auto bytes = [](const std::string& text) {
    return std::span(reinterpret_cast<const unsigned char*>(text.data()), text.size());
  };
  CHECK(sha256(bytes(abc)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("a sidecar round-trips") {
  CHECK(reread(sidecar_text(sample())) == sample());
}

TEST_CASE("keys are as documented") {
  const auto json = nlohmann::json::parse(sidecar_text(sample()));
  CHECK(json["schema"] == 1);
  CHECK(json["torch"] == "2.15.0");
  CHECK(json["abi"] == nlohmann::json{{"kind", "cxx"}, {"major", CUECARD_ABI_MAJOR}, {"minor", 0}});
  CHECK(json["flags"] == nlohmann::json{"cxx11-abi", "ndebug"});
  CHECK(json["components"][0]["kind_version"] == 3);
  CHECK(json["components"][0]["trains"] == "tensors");
  CHECK(json["components"][0]["options"][0]["default"] == "20");
  CHECK(json["components"][0]["options"][0]["role"] == 1);
  CHECK(json["components"][0]["options"][1]["maximum"].is_null());
  CHECK(json["components"][1]["model_types"] == nlohmann::json{"llama", "mistral"});
}

TEST_CASE("errors in a sidecar name the field") {
  using Json = nlohmann::json;
  CHECK(holds(refusal([](Json& json) { json.erase("sha256"); }), "\"sha256\" is missing"));
  CHECK(holds(refusal([](Json& json) { json["sha256"] = "zz"; }), "hexadecimal"));
  CHECK(holds(refusal([](Json& json) { json["size"] = -1; }), "\"size\" is not a whole number"));
  CHECK(holds(refusal([](Json& json) { json["file"] = "../../evil.so"; }), "\"file\""));
  CHECK(holds(refusal([](Json& json) { json["torch"] = "2.x"; }), "\"torch\" is not a version"));
  CHECK(holds(refusal([](Json& json) { json["schema"] = 2; }), "schema 2"));
  CHECK(holds(refusal([](Json& json) { json["flags"] = {"fast"}; }), "unknown flag \"fast\""));
  CHECK(holds(refusal([](Json& json) { json["licence"] = "x"; }),
              "unknown key \"licence\". Did you mean \"license\"?"));
  CHECK(holds(refusal([](Json& json) { json["components"][0]["kind"] = "toaster"; }), "unknown kind"));
  CHECK(holds(refusal([](Json& json) { json["components"][0]["options"] = 5; }),
              "\"components[0].options\" is not an array"));
  CHECK(holds(refusal([](Json& json) { json["components"][0]["trains"] = "words"; }), "is not one of nothing"));
  CHECK(holds(refusal([](Json& json) { json["components"][0]["options"][0].erase("role"); }),
              "options[0].role\""));
  CHECK(holds(refusal([](Json& json) { json["components"][0]["options"][0]["role"] = "length"; }),
              "options[0].role\""));
  CHECK(holds(refusal([](Json& json) { json["components"][0]["options"][0]["default"] = "0"; }),
              "invalid default"));
  for (const char* wrong : {"lenght=5", "length", "length=", "length=0", "length=5|x", "init=a", "=5"})
    CHECK(holds(refusal([&](Json& json) { json["components"][0]["options"][2]["needs"] = wrong; }),
                "its option \"init\" needs something that is not OPTION=VALUE of another option"));
  CHECK(holds(refusal([](Json& json) { json["components"][0]["options"][2]["needs"] = "length=5\n"; }),
              "control character"));
  CHECK(holds(refusal([](Json& json) { json["components"][1] = json["components"][0]; }), "twice"));
  CHECK(holds(refusal([](Json& json) { json["components"][0]["summary"] = "\x1b[2J"; }), "control character"));
  CHECK(holds(refusal([](Json& json) { json["id"] = "../x"; }), "the plugin's id"));
  CHECK(holds(refusal([](Json& json) { json["components"] = Json::array(); }), "no components"));
}

TEST_CASE("duplicate keys are rejected") {
  std::string text = sidecar_text(sample());
  text.insert(1, "\"id\": \"other\",");
  CHECK_THROWS_AS(reread(text), DataError);
}

TEST_CASE("a number out of range is a DataError") {
  std::string text = sidecar_text(sample());
  text.insert(1, "\"schema\": 1e999,");
  CHECK_THROWS_WITH_AS(reread(text), doctest::Contains("out of range"), DataError);
}

TEST_CASE("a truncated sidecar is rejected") {
  const std::string text = sidecar_text(sample());
  for (std::size_t size = 0; size < text.rfind('}'); ++size) {
    CAPTURE(size);
    CHECK_THROWS_AS(reread(text.substr(0, size)), DataError);
  }
}

TEST_CASE("of a sidecar for another ABI only the identity is read") {
  auto json = nlohmann::json::parse(sidecar_text(sample()));
  json["abi"]["major"] = 9;
  json["components"] = "whatever that ABI has";
  const Manifest manifest = reread(json.dump());
  CHECK_FALSE(manifest.readable());
  CHECK(manifest.id == "sample");
  CHECK(manifest.abi_major == 9);
  CHECK(manifest.components.empty());
}

TEST_CASE("a difference names the field and both values") {
  Manifest other = sample();
  CHECK(difference(sample(), "here", other, "there") == "");
  other.components[0].options[0].value = "30";
  CHECK(difference(sample(), "here", other, "there") ==
        "\"components/0/options/0/default\" is \"20\" here and \"30\" there");
  other = sample();
  other.components.pop_back();
  CHECK(difference(sample(), "here", other, "there") != "");
  CHECK(difference(other, "here", sample(), "there") != "");
  other = sample();
  other.file = "";
  other.sha256 = "";
  CHECK(difference(sample(), "here", other, "there") == ""); // one of them was read from memory
}
