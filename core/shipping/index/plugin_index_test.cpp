/// Reading an index and choosing one of its builds.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "registry/host_manifest.hpp"
#include "registry/judge.hpp"
#include "sdk/manifest/sidecar.hpp"
#include "shipping/index/plugin_index.hpp"

using namespace cuecard;
using namespace cuecard::shipping;

namespace {

using Json = nlohmann::json;

Json entry(const std::string& version, uint32_t torch_minor) {
  Manifest manifest = registry::host_manifest("my-tuner");
  manifest.version = version;
  manifest.torch_minor = torch_minor;
  ComponentInfo component;
  component.kind = CUECARD_TUNER;
  component.kind_version = CUECARD_TUNER_VERSION;
  component.name = "my-tuner";
  component.summary = "For tests.";
  manifest.components = {component};
  return {{"archive", "my-tuner-" + version + "-" + std::to_string(torch_minor) + ".tar.gz"},
          {"size", 1000},
          {"sha256", std::string(64, 'a')},
          {"signature", nullptr},
          {"manifest", Json::parse(sidecar_text(manifest))}};
}

PluginIndex read(const Json& json) {
  const std::string text = json.dump();
  return read_index(std::span(reinterpret_cast<const unsigned char*>(text.data()), text.size()),
                    "place/index.json");
}

Json index_of(std::initializer_list<Json> entries) {
  return {{"format", "cuecard-plugin-index/1"}, {"plugins", Json(entries)}};
}

} // namespace

TEST_CASE("the newest version that fits this host is chosen") {
  const uint32_t minor = registry::HostBuild::current().torch_minor;
  const PluginIndex index = read(index_of(
      {entry("1.9.0", minor), entry("1.10.0", minor), entry("1.10.0", minor - 1), entry("2.0.0", minor + 1)}));
  REQUIRE(index.newest("my-tuner", true));
  CHECK(index.newest("my-tuner", true)->archive == "my-tuner-1.10.0-" + std::to_string(minor) + ".tar.gz");
  CHECK(index.newest("my-tuner", false)->manifest.version == "2.0.0");
  CHECK(index.newest("my-tuner", true, "1.9.0")->manifest.version == "1.9.0");
  CHECK_FALSE(index.newest("my-tuner", true, "2.0.0"));
  CHECK_FALSE(index.newest("other", false));
  CHECK(index.of("my-tuner").size() == 4);
  CHECK(index.ids() == std::vector<std::string>{"my-tuner"});
}

TEST_CASE("a build for another interface or plugin ABI does not fit, and is still listed") {
  const uint32_t minor = registry::HostBuild::current().torch_minor;
  Json newer = entry("1.0.0", minor);
  newer["manifest"]["components"][0]["kind_version"] = CUECARD_TUNER_VERSION + 1;
  Json foreign = entry("2.0.0", minor);
  foreign["manifest"]["abi"]["major"] = CUECARD_ABI_MAJOR + 1;
  foreign["manifest"]["nobody"] = "knows this key yet";
  const PluginIndex index = read(index_of({newer, foreign}));
  CHECK_FALSE(index.newest("my-tuner", true));
  CHECK(index.entries[0].mismatch().find("of that interface") != std::string::npos);
  CHECK(index.entries[1].mismatch().find("plugin ABI") != std::string::npos);
  CHECK(index.entries[1].build() == "abi" + std::to_string(CUECARD_ABI_MAJOR + 1) + " linux-x86_64");
}

TEST_CASE("paths to other places and invalid indexes are refused") {
  const uint32_t minor = registry::HostBuild::current().torch_minor;
  const auto refused = [&](const char* key, const Json& value, const char* with) {
    Json changed = entry("1.0.0", minor);
    changed[key] = value;
    CHECK_THROWS_WITH_AS(read(index_of({changed})), doctest::Contains(with), DataError);
  };
  for (const char* name :
       {"../my-tuner.tar.gz", "/my-tuner.tar.gz", "https://host/my-tuner.tar.gz", "a b.tar.gz",
        ".my-tuner.tar.gz", "-o.tar.gz", "my-tuner.zip", "my%2Ftuner.tar.gz", "my-tuner.tar.gz?x"})
    refused("archive", name, "is not a file name");
  refused("size", uint64_t{1} << 40, "whole number");
  refused("size", -1, "whole number");
  refused("sha256", "12", "64 lower-case hexadecimal digits");
  refused("signature", {{"key", "12"}, {"signature", "12"}}, "not an Ed25519 public key");
  refused("manifest", Json::object(), "is missing");
  refused("url", "https://host", "unknown key");
  CHECK_THROWS_WITH_AS(read({{"format", "cuecard-plugin-index/2"}, {"plugins", Json::array()}}),
                       doctest::Contains("this host reads"), DataError);
  CHECK_THROWS_AS(read(Json::array()), DataError);
  Json dated = index_of({});
  CHECK(read(dated).made == 0);
  dated["made"] = 1'800'000'000;
  CHECK(read(dated).made == 1'800'000'000);
  for (const Json& time : {Json(-1), Json("2027-01-15"), Json(1.5), Json(uint64_t{1} << 60)}) {
    dated["made"] = time;
    CHECK_THROWS_WITH_AS(read(dated), doctest::Contains("made"), DataError);
  }
}
