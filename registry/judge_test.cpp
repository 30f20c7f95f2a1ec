#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "host_manifest.hpp"
#include "judge.hpp"

using namespace cuecard;
using namespace cuecard::registry;

namespace {

Manifest fitting() {
  return host_manifest("sample");
}

/// The text of the only mismatch.
std::string mismatch(const Manifest& manifest) {
  const Verdict verdict = judge(manifest, "sample.so");
  REQUIRE(verdict.mismatches.size() == 1);
  return verdict.mismatches.front();
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a plugin of the same build fits without notes") {
  const Verdict verdict = judge(fitting(), "sample.so");
  CHECK(verdict.fits());
  CHECK(verdict.notes.empty());
}

TEST_CASE("another LibTorch minor version is rejected with file, both versions and a remedy") {
  Manifest manifest = fitting();
  manifest.torch_minor = 14;
  const std::string text = mismatch(manifest);
  CHECK(holds(text, "sample.so was built for LibTorch 2.14; this host runs 2.15. "));
  CHECK(holds(text, "Rebuild it"));
}

TEST_CASE("a template with a card option is rejected, as no card would reach it") {
  Manifest manifest = fitting();
  ComponentInfo component;
  component.kind = CUECARD_TUNER;
  component.name = "starts";
  component.options.push_back({"from", CUECARD_CARD, CUECARD_ROLE_NONE, "", {}, {}, {}, "A card.", ""});
  manifest.components = {component};
  CHECK(judge(manifest, "sample.so").fits());
  manifest.components[0].kind = CUECARD_TEMPLATE;
  CHECK(
      mismatch(manifest) ==
      "sample.so: its template \"starts\" declares the option \"from\" of type card, which only verbalizers and "
      "tuners can have. Declare a file option instead.");
}

TEST_CASE("a mismatch in any of these fields rejects the plugin") {
  SUBCASE("ABI kind") {
    Manifest manifest = fitting();
    manifest.abi_kind = 2;
    CHECK(holds(mismatch(manifest), "unknown kind of plugin ABI"));
  }
  SUBCASE("ABI major") {
    Manifest manifest = fitting();
    manifest.abi_major += 1;
    CHECK(holds(mismatch(manifest), "plugin ABI 4.0; this host has 3.0. Use a newer Cuecard, or rebuild"));
  }
  SUBCASE("a newer ABI minor") {
    Manifest manifest = fitting();
    manifest.abi_minor += 1;
    CHECK(holds(mismatch(manifest), "plugin ABI 3.1"));
  }
  SUBCASE("language") {
    Manifest manifest = fitting();
    manifest.cxx_std = 201703;
    CHECK(holds(mismatch(manifest), "C++20"));
  }
  SUBCASE("library") {
    Manifest manifest = fitting();
    manifest.stdlib = CUECARD_LIBCXX;
    CHECK(holds(mismatch(manifest), "with libc++; this host uses libstdc++"));
  }
  SUBCASE("platform") {
    Manifest manifest = fitting();
    manifest.platform = "linux-aarch64";
    CHECK(holds(mismatch(manifest), "linux-aarch64"));
  }
  SUBCASE("string ABI") {
    Manifest manifest = fitting();
    manifest.abi_flags ^= CUECARD_CXX11_ABI;
    CHECK(holds(mismatch(manifest), "old string ABI"));
  }
  SUBCASE("every flag but NDEBUG") {
    for (const uint32_t bit :
         {CUECARD_CXX11_ABI, CUECARD_GLIBCXX_DEBUG, CUECARD_ASAN, CUECARD_TSAN, CUECARD_MSAN, CUECARD_UBSAN}) {
      Manifest manifest = fitting();
      manifest.abi_flags ^= bit;
      CHECK_FALSE(judge(manifest, "sample.so").fits());
    }
  }
}

TEST_CASE("an older ABI minor fits") {
  HostBuild host = HostBuild::current();
  host.abi_minor += 1;
  CHECK(judge(fitting(), "sample.so", host).fits());
}

TEST_CASE("compiler, patch level and NDEBUG are notes") {
  Manifest manifest = fitting();
  manifest.compiler = "C++ something else";
  manifest.torch_patch += 1;
  manifest.abi_flags ^= CUECARD_NDEBUG;
  const Verdict verdict = judge(manifest, "sample.so");
  CHECK(verdict.fits());
  CHECK(verdict.notes.size() == 3);
}
