/// Invalid and hostile plugins in a child process: one sentence each.
#include <doctest/doctest.h>

#include <cuecard/error.hpp>

#include "installation.hpp"
#include "registry/probe.hpp"

using namespace cuecard;
using abi::Installation;

namespace {

registry::ProbeResult probe(const std::filesystem::path& file, double limit = 20) {
  return registry::probe(file, limit, {ABI_CHILD, "probe-child"});
}

void check_refused(const std::string& id, const std::string& part) {
  CAPTURE(id);
  const Installation installation(id);
  const registry::ProbeResult result = probe(installation.file(id));
  CAPTURE(result.text);
  CHECK_FALSE(result.ok);
  CHECK(result.text.find(part) != std::string::npos);
  CHECK(result.text.find(id + ".so") != std::string::npos);
  CHECK(result.text.find('\n') == std::string::npos);
}

} // namespace

TEST_SUITE("probe") {
  TEST_CASE("a valid plugin loads, with and without a sidecar") {
    const Installation installation("good");
    registry::ProbeResult result = probe(installation.file("good"));
    CHECK(result.ok);
    CHECK(result.text == "plugin \"good\" 1.0.0 loads and is compatible with this host.");
    std::filesystem::remove(installation.folder() / "good.json");
    result = probe(installation.file("good"));
    CHECK(result.ok);
    CHECK(result.text.find("no sidecar") != std::string::npos);
  }

  TEST_CASE("output of the plugin isn't mistaken for the answer") {
    const Installation installation("printing");
    const registry::ProbeResult result = probe(installation.file("printing"));
    CHECK(result.ok);
    CHECK(result.text.find("plugin \"printing\" 1.0.0") == 0);
  }

  TEST_CASE("each failure is one sentence") {
    check_refused("bad-magic", "magic number");
    check_refused("old-torch", "LibTorch 2.14");
    check_refused("old-string-abi", "old string ABI");
    check_refused("changing", "changed itself while loading");
    check_refused("throwing", "one of its static initialisers threw: no such device.");
    check_refused("throwing-number", "not a std::exception");
    check_refused("exiting", "its process ended with exit code 0 while being loaded");
#ifndef __SANITIZE_ADDRESS__ // ASan turns signals into its own report and exit code 1
    check_refused("crashing", "it crashed with SIGSEGV (Segmentation fault) while being loaded");
    check_refused("aborting", "it crashed with SIGABRT (Aborted) while being loaded");
#else
    check_refused("crashing", "its process ended with exit code 1 while being loaded");
    check_refused("aborting", "while being loaded");
#endif
  }

  TEST_CASE("a plugin of another interface version is not compatible") {
    Installation installation;
    installation.add("next-tuner", read_library(abi::library("next-tuner")));
    const registry::ProbeResult result = probe(installation.file("next-tuner"));
    CHECK_FALSE(result.ok);
    CHECK(result.text ==
          installation.file("next-tuner").string() + ": its tuner \"counting\" is written for version " +
              std::to_string(CUECARD_TUNER_VERSION + 1) + " of that interface; this host supports version " +
              std::to_string(CUECARD_TUNER_VERSION) + ". Use a matching version of Cuecard.");
  }

  TEST_CASE("a library that hangs is stopped at the time limit") {
    const Installation installation("hanging");
    const registry::ProbeResult result = probe(installation.file("hanging"), 0.5);
    CHECK_FALSE(result.ok);
    CHECK(result.text.find("did not load within 0.5 seconds") != std::string::npos);
    CHECK(result.seconds < 10);
  }

  TEST_CASE("a missing file and a missing child program") {
    CHECK(probe("/nowhere/x.so").text == "/nowhere/x.so: there is no such file.");
    CHECK_THROWS_AS(registry::probe(abi::library("good"), 5, {"/nowhere/program"}), Error);
  }
}
