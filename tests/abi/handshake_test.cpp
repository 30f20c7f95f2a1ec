/// Every way in which a plugin can be wrong, through the registry: one sentence and exit code 4, never a crash.
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

using namespace cuecard;
using abi::Installation;

namespace {

uint64_t pretended_libtorch = TORCH_ABI_VERSION;

} // namespace

/// Stands in for the LibTorch of this process.
extern "C" __attribute__((visibility("default"))) uint64_t aoti_torch_abi_version();
uint64_t aoti_torch_abi_version() {
  return pretended_libtorch;
}

namespace {

struct Outcome {
  int exit_code = -1; ///< -1: a signal ended it
  std::string text;
};

/// Uses the tuner in a process of its own, as the host would.
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
  // The shell turns a signal into 128 and more.
  outcome.exit_code = WIFEXITED(status) && WEXITSTATUS(status) < 128 ? WEXITSTATUS(status) : -1;
  return outcome;
}

/// One sentence that says `part`, and exit code 4.
void check_refused(const Outcome& outcome, const std::string& part) {
  CAPTURE(outcome.text);
  CHECK(outcome.exit_code == 4);
  CHECK(outcome.text.find("cuecard: ") == 0);
  CHECK(outcome.text.find('\n') == outcome.text.size() - 1);
  CHECK(outcome.text.find(part) != std::string::npos);
}

struct Case {
  const char* id;
  const char* says;
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
  TEST_CASE("the good one works") {
    for (const char* id : {"good", "good-sysv-hash", "printing"})
      CHECK(use(Installation(id)).exit_code == 0);
  }

  TEST_CASE("a hostile library with a plausible sidecar is one sentence that names its file") {
    for (const Case& each : {
             Case{"bad-magic", "magic number"},
             Case{"old-torch", "was built for LibTorch 2.14; this host runs 2.15. Rebuild it"},
             Case{"two-torches", "names two LibTorch versions, 2.15 and 2.14"},
             Case{"old-string-abi", "old string ABI"},
             Case{"sanitized", "memory sanitizer"},
             Case{"next-abi", "plugin ABI 3.0; this host has 2.0"},
             Case{"c-abi", "unknown kind of plugin ABI"},
             Case{"small-struct", "cuecard_plugin struct is 40"},
             Case{"small-component", "component struct is 8"},
             Case{"many-components", "claims 2147483647 components"},
             Case{"some-components-more", ".so: "}, // reads whatever lies behind its array
             Case{"null-id", "\"id\" of its manifest is a null pointer"},
             Case{"null-components", "components in its manifest is a null pointer"},
             Case{"foreign-destroy", "points into another library"},
             Case{"no-destroy", "no destroy function"},
             Case{"bad-default", "a default that it would refuse itself"},
             Case{"no-symbol", "exports no symbol \"cuecard_plugin\""},
             Case{"function-symbol", "expected constant data"},
             Case{"changing", "changed itself while loading"},
         }) {
      CAPTURE(each.id);
      const Outcome outcome = use(Installation(each.id));
      check_refused(outcome, each.says);
      CHECK(outcome.text.find(std::string(each.id) + ".so") != std::string::npos);
    }
  }

  TEST_CASE("a library that does harm while it is opened ends in one sentence, not in a crash") {
    for (const Case& each : {
             Case{"throwing", "one of its static initialisers threw: no such device while it was opened"},
             Case{"throwing-number", "threw: an exception that is not a std::exception"},
             Case{"crashing", "it crashed with: Segmentation fault while it was opened"},
             Case{"aborting", "it crashed with: Aborted"},
             Case{"exiting", "it called exit while it was opened"},
         }) {
      CAPTURE(each.id);
      const Outcome outcome = use(Installation(each.id));
      check_refused(outcome, each.says);
      CHECK(outcome.text.find(std::string(each.id) + ".so") != std::string::npos);
    }
  }

  TEST_CASE("an honest sidecar refuses before the library is touched") {
    Installation installation;
    installation.add("old-torch", read_library(abi::library("old-torch")));
    check_refused(use(installation), "was built for LibTorch 2.14");
    CHECK(installation.scan().warnings().size() == 1);
  }

  TEST_CASE("files that are no libraries") {
    std::ifstream stream(abi::library("good"), std::ios::binary);
    const std::string good((std::istreambuf_iterator<char>(stream)), {});
    Installation text;
    text.add_bytes("text", "this is no library");
    check_refused(use(text), "text.so: it is not an ELF file");
    Installation empty;
    empty.add_bytes("empty", "");
    check_refused(use(empty), "empty.so: it is not an ELF file");
    for (const std::size_t size : {std::size_t{4}, std::size_t{64}, std::size_t{1000}, good.size() / 2}) {
      CAPTURE(size);
      Installation cut;
      cut.add_bytes("cut", good.substr(0, size));
      check_refused(use(cut), "the file is cut or damaged");
    }
  }

  TEST_CASE("a library that is not the one of its sidecar") {
    Installation changed("good");
    std::ofstream(changed.file("good"), std::ios::app) << "x";
    check_refused(use(changed), "the file is not the one that was installed");
  }

  TEST_CASE("a sidecar that says something else than its library") {
    Installation drifted;
    Manifest sidecar = abi::plausible(abi::library("good"));
    sidecar.components[0].options[0].value = "30";
    drifted.add("good", sidecar);
    check_refused(use(drifted),
                  "\"components/0/options/0/default\" is \"20\" in the library and \"30\" in its sidecar");
  }

  TEST_CASE("a missing sidecar is a warning, and the component unknown") {
    const Installation bare("good");
    std::filesystem::remove(bare.folder() / "good.json");
    REQUIRE(bare.scan().warnings().size() == 1);
    CHECK(bare.scan().warnings()[0].find("good.so has no sidecar good.json") != std::string::npos);
    const Outcome outcome = use(bare);
    CHECK(outcome.exit_code == 2);
    CHECK(outcome.text.find("there is no tuner \"counting\"") != std::string::npos);
  }

  TEST_CASE("a name taken twice in a folder, and a component offered twice") {
    Installation twice("good");
    Manifest copy = abi::plausible(abi::library("good-sysv-hash"));
    copy.id = "good";
    twice.add("good-sysv-hash", copy);
    check_refused(use(twice), "both call themselves \"good\"");

    Installation offered("good");
    offered.add("good-sysv-hash", abi::plausible(abi::library("good-sysv-hash")));
    const Outcome outcome = use(offered);
    CHECK(outcome.exit_code == 2);
    CHECK(outcome.text.find("good-sysv-hash/counting or good/counting") != std::string::npos);
    CHECK(use(offered, "good/counting").exit_code == 0);
  }

  TEST_CASE("the first of two folders wins") {
    const Installation first("good"), second("good");
    registry::SearchPath search;
    search.add(first.folder(), "test");
    search.add(second.folder(), "test");
    const auto registry = registry::Registry::scan(search);
    Calls calls;
    registry::create(registry.find(CUECARD_TUNER, "counting"), &calls);
    CHECK(calls.created == 1);
    REQUIRE(registry.warnings().size() == 1);
    CHECK(registry.warnings()[0].find(first.file("good").string()) != std::string::npos);
    CHECK(registry.warnings()[0].find(second.file("good").string()) != std::string::npos);
  }

  TEST_CASE("what others may write is refused, also when it became so after the scan") {
    const Installation open("good");
    const auto registry = open.scan();
    ::chmod(open.file("good").c_str(), 0777);
    check_refused(use(open), "may be written by everybody");
    Calls calls;
    CHECK_THROWS_AS(registry::create(registry.find(CUECARD_TUNER, "counting"), &calls), PluginError);
    CHECK(calls.created == 0);
  }

  TEST_CASE("a loaded LibTorch of another version is refused") {
    const Installation installation("good-sysv-hash");
    const auto registry = installation.scan();
    Calls calls;
    pretended_libtorch = uint64_t{2} << 56 | uint64_t{14} << 48;
    const std::string text =
        plugin_error([&] { registry::create(registry.find(CUECARD_TUNER, "counting"), &calls); });
    CHECK(text.find("the LibTorch that is loaded is 2.14; this program was built for 2.15") !=
          std::string::npos);
    pretended_libtorch = TORCH_ABI_VERSION;
    registry::create(registry.find(CUECARD_TUNER, "counting"), &calls);
    CHECK(calls.created == 1);
  }

  TEST_CASE("an object outlives registry and entry, is destroyed once, and its library stays") {
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
    CHECK(failure("silent") == "plugin \"good\", component \"silent\", create: it failed without saying why");
    CHECK(failure("throwing-create") ==
          "plugin \"good\", component \"throwing-create\", create: create must not throw");
    CHECK(failure("long-winded").size() < 700);
  }

  TEST_CASE("threads may create at once") {
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
