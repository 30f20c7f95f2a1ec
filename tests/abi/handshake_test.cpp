/// Invalid and hostile plugins through the registry: one sentence and exit code 4, never a crash.
#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <dlfcn.h>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>

#include <torch/headeronly/version.h>

#include <cuecard/error.hpp>

#include "calls.hpp"
#include "installation.hpp"
#include "registry/library.hpp"
#include "registry/report.hpp"

using namespace cuecard;
using abi::Installation;

namespace {

uint64_t pretended_libtorch = TORCH_ABI_VERSION;

} // namespace

/// Replaces LibTorch's function of this name.
extern "C" __attribute__((visibility("default"))) uint64_t aoti_torch_abi_version();
uint64_t aoti_torch_abi_version() {
  return pretended_libtorch;
}

namespace {

struct Outcome {
  int exit_code = -1; ///< -1: killed by a signal
  std::string text;
};

/// Creates the tuner in a separate process, as the host would.
Outcome use(const Installation& installation, const std::string& name = "counting") {
  const std::string command =
      std::string(ABI_CHILD) + " use " + installation.folder().string() + " " + name + " 2>&1";
  FILE* const pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  Outcome outcome;
  char buffer[4096];
  for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    outcome.text.append(buffer, got);
  const int status = ::pclose(pipe);
  // The shell reports signals as 128 and above.
  outcome.exit_code = WIFEXITED(status) && WEXITSTATUS(status) < 128 ? WEXITSTATUS(status) : -1;
  return outcome;
}

/// One sentence that contains `part`, and exit code 4.
void check_refused(const Outcome& outcome, const std::string& part) {
  CAPTURE(outcome.text);
  CHECK(outcome.exit_code == 4);
  CHECK(outcome.text.find("cuecard: ") == 0);
  CHECK(outcome.text.find('\n') == outcome.text.size() - 1);
  CHECK(outcome.text.find(part) != std::string::npos);
}

struct Case {
  const char* id;
  const char* error;
};

template <class Call>
std::string plugin_error(Call call) {
  try {
    call();
  } catch (const PluginError& error) {
    return error.what();
  }
  FAIL("nothing was thrown");
  return "";
}

} // namespace

TEST_SUITE("handshake") {
  TEST_CASE("a valid plugin works") {
    for (const char* id : {"good", "good-sysv-hash", "printing"})
      CHECK(use(Installation(id)).exit_code == 0);
  }

  TEST_CASE("an invalid library with a plausible sidecar is rejected in one sentence that names the file") {
    for (const Case& each : {
             Case{"bad-magic", "magic number"},
             Case{"old-torch", "was built for LibTorch 2.14; this host runs 2.15. Rebuild it"},
             Case{"two-torches", "declares two LibTorch versions, 2.15 and 2.14"},
             Case{"old-string-abi", "old string ABI"},
             Case{"sanitized", "memory sanitizer"},
             Case{"next-abi", "plugin ABI 4.0; this host has 3.0"},
             Case{"c-abi", "unknown kind of plugin ABI"},
             Case{"small-struct", "cuecard_plugin struct is 40"},
             Case{"small-component", "component struct is 8"},
             Case{"many-components", "declares 2147483647 components"},
             Case{"some-components-more", ".so: "}, // reads whatever follows its array
             Case{"null-id", "\"id\" of its manifest is a null pointer"},
             Case{"null-components", "components in its manifest is a null pointer"},
             Case{"foreign-destroy", "points into another library"},
             Case{"no-destroy", "no destroy function"},
             Case{"no-describe", "its backbone \"counting\" has no describe function"},
             Case{"bad-default", "an invalid default"},
             Case{"no-symbol", "exports no symbol \"cuecard_plugin\""},
             Case{"function-symbol", "expected constant data"},
             Case{"changing", "changed itself while loading"},
         }) {
      CAPTURE(each.id);
      const Outcome outcome = use(Installation(each.id));
      check_refused(outcome, each.error);
      CHECK(outcome.text.find(std::string(each.id) + ".so") != std::string::npos);
    }
  }

  TEST_CASE("a library that misbehaves while being loaded ends the process with one sentence") {
    for (const Case& each : {
             Case{"throwing", "one of its static initialisers threw: no such device while being loaded"},
             Case{"throwing-number", "threw: an exception that is not a std::exception"},
             Case{"crashing", "it crashed with: Segmentation fault while being loaded"},
             Case{"aborting", "it crashed with: Aborted"},
             Case{"exiting", "it called exit while being loaded"},
         }) {
      CAPTURE(each.id);
      const Outcome outcome = use(Installation(each.id));
      check_refused(outcome, each.error);
      CHECK(outcome.text.find(std::string(each.id) + ".so") != std::string::npos);
    }
  }

  TEST_CASE("a truthful sidecar rejects the plugin before the library is read") {
    Installation installation;
    installation.add("old-torch", read_library(abi::library("old-torch")));
    check_refused(use(installation), "was built for LibTorch 2.14");
    CHECK(installation.scan().warnings().empty());
  }

  TEST_CASE("files that are not libraries") {
    std::ifstream stream(abi::library("good"), std::ios::binary);
    const std::string good((std::istreambuf_iterator<char>(stream)), {});
    Installation text;
    text.add_bytes("text", "this is no library");
    check_refused(use(text), "text.so: not an ELF file");
    Installation empty;
    empty.add_bytes("empty", "");
    check_refused(use(empty), "empty.so: not an ELF file");
    for (const std::size_t size : {std::size_t{4}, std::size_t{64}, std::size_t{1000}, good.size() / 2}) {
      CAPTURE(size);
      Installation cut;
      cut.add_bytes("cut", good.substr(0, size));
      check_refused(use(cut), "truncated or damaged");
    }
  }

  TEST_CASE("a library that was changed after its sidecar was written") {
    Installation changed("good");
    std::ofstream(changed.file("good"), std::ios::app) << "x";
    check_refused(use(changed), "the file is not the one that was installed");
    const std::string info = registry::info_text(changed.scan(), "good");
    CHECK(info.find("state: rejected: ") != std::string::npos);
    CHECK(info.find("the file is not the one that was installed") != std::string::npos);
  }

  TEST_CASE("a sidecar that contradicts its library") {
    Installation drifted;
    Manifest sidecar = abi::plausible(abi::library("good"));
    sidecar.components[0].options[0].value = "30";
    drifted.add("good", sidecar);
    check_refused(use(drifted),
                  "\"components/0/options/0/default\" is \"20\" in the library and \"30\" in its sidecar");
  }

  TEST_CASE("without a sidecar the component is unknown and the error says why") {
    const Installation bare("good");
    std::filesystem::remove(bare.folder() / "good.json");
    const Outcome outcome = use(bare);
    CHECK(outcome.exit_code == 2);
    CHECK(outcome.text.find("there is no tuner \"counting\"") != std::string::npos);
    CHECK(outcome.text.find("One plugin could not be read: ") != std::string::npos);
    CHECK(outcome.text.find("good.so has no sidecar good.json") != std::string::npos);
    const auto registry = bare.scan();
    CHECK_THROWS_WITH_AS(registry::Library::open(*registry.plugins().at(0)),
                         doctest::Contains("good.so has no sidecar good.json"), PluginError);
  }

  TEST_CASE("an id used twice in a folder, and a component of two plugins") {
    Installation twice("good");
    Manifest copy = abi::plausible(abi::library("good-sysv-hash"));
    copy.id = "good";
    twice.add("good-sysv-hash", copy);
    check_refused(use(twice), "both have the id \"good\"");

    Installation offered("good");
    offered.add("good-sysv-hash", abi::plausible(abi::library("good-sysv-hash")));
    const Outcome outcome = use(offered);
    CHECK(outcome.exit_code == 2);
    CHECK(outcome.text.find("good-sysv-hash/counting or good/counting") != std::string::npos);
    CHECK(use(offered, "good/counting").exit_code == 0);
  }

  TEST_CASE("the first of two folders takes precedence") {
    const Installation first("good"), second("good");
    registry::SearchPath search;
    search.add(first.folder(), "test");
    search.add(second.folder(), "test");
    const auto registry = registry::Registry::scan(search);
    Calls calls;
    registry::create(registry.find(CUECARD_TUNER, "counting"), &calls);
    CHECK(calls.created == 1);
    CHECK(registry.plugins()[1]->shadowed_by == first.file("good"));
  }

  TEST_CASE("files writable by others are rejected, even if they became so after the scan") {
    const Installation open("good");
    const auto registry = open.scan();
    ::chmod(open.file("good").c_str(), 0777);
    check_refused(use(open), "is writable by everyone");
    Calls calls;
    CHECK_THROWS_AS(registry::create(registry.find(CUECARD_TUNER, "counting"), &calls), PluginError);
    CHECK(calls.created == 0);
  }

  TEST_CASE("another version of LibTorch in the process is rejected") {
    const Installation installation("good-sysv-hash");
    const auto registry = installation.scan();
    Calls calls;
    pretended_libtorch = uint64_t{2} << 56 | uint64_t{14} << 48;
    const std::string text =
        plugin_error([&] { registry::create(registry.find(CUECARD_TUNER, "counting"), &calls); });
    CHECK(text.find("the loaded LibTorch is 2.14; this program was built for 2.15") != std::string::npos);
    pretended_libtorch = TORCH_ABI_VERSION;
    registry::create(registry.find(CUECARD_TUNER, "counting"), &calls);
    CHECK(calls.created == 1);
  }

  TEST_CASE("an object outlives registry and entry and is destroyed once; its library stays loaded") {
    const Installation installation("good");
    Calls calls;
    std::shared_ptr<void> object;
    {
      const auto registry = installation.scan();
      CHECK(::dlopen(installation.file("good").c_str(), RTLD_NOW | RTLD_NOLOAD) ==
            nullptr); // a scan loads nothing
      object = registry::create(registry.find(CUECARD_TUNER, "counting"), &calls);
    }
    CHECK(calls.destroyed == 0);
    object.reset();
    CHECK(calls.destroyed == 1);
    CHECK(::dlopen(installation.file("good").c_str(), RTLD_NOW | RTLD_NOLOAD) != nullptr);
  }

  TEST_CASE("a failing create names plugin and component") {
    const Installation installation("good");
    const auto registry = installation.scan();
    const auto failure = [&](const char* name) {
      return plugin_error([&] { registry::create(registry.find(CUECARD_TUNER, name), nullptr); });
    };
    CHECK(failure("failing") == "plugin \"good\", component \"failing\", create: no room for it");
    CHECK(failure("silent") ==
          "plugin \"good\", component \"silent\", create: failed without an error message");
    CHECK(failure("throwing-create") ==
          "plugin \"good\", component \"throwing-create\", create: create must not throw; update or "
          "remove this plugin, and report this to its author.");
    CHECK(
        failure("throwing-constructor") ==
        "plugin \"good\", component \"throwing-constructor\", its constructor: it threw an object that is not a "
        "std::exception; update or remove this plugin, and report this to its author.");
    CHECK(failure("logic-error") ==
          "plugin \"good\", component \"logic-error\", create: boom; update or remove this plugin, and report "
          "this to its author.");
    CHECK_THROWS_WITH_AS(
        registry::create(registry.find(CUECARD_TUNER, "silent-usage"), nullptr),
        "the component \"silent-usage\" of the plugin \"good\" failed without an error message.", UsageError);
    CHECK(failure("long-winded").size() < 700);
  }

  TEST_CASE("create is thread-safe") {
    const Installation installation("good");
    const auto registry = installation.scan();
    std::array<Calls, 4> calls;
    std::vector<std::thread> threads;
    for (Calls& own : calls)
      threads.emplace_back([&registry, &own] {
        for (int i = 0; i < 100; ++i)
          registry::create(registry.find(CUECARD_TUNER, "counting"), &own);
      });
    for (std::thread& thread : threads)
      thread.join();
    for (const Calls& own : calls)
      CHECK(own.destroyed == 100);
  }
}
