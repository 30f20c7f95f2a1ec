/// Scanning reads sidecars only, so empty files serve as libraries.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <cuecard/error.hpp>

#include "changed.hpp"
#include "host_manifest.hpp"
#include "manifest/sidecar.hpp"
#include "registry.hpp"
#include "report.hpp"
#include "test_folder.hpp"

using namespace cuecard;
using namespace cuecard::registry;
namespace fs = std::filesystem;

namespace {

ComponentInfo component(uint32_t kind, const std::string& name, std::vector<std::string> model_types = {}) {
  ComponentInfo info;
  info.kind = kind;
  info.kind_version = CUECARD_TUNER_VERSION; // the same for all interfaces today
  info.name = name;
  info.summary = "For tests.";
  info.model_types = std::move(model_types);
  return info;
}

Manifest plugin(const std::string& id, std::vector<ComponentInfo> components) {
  Manifest manifest = host_manifest(id);
  manifest.components = std::move(components);
  return manifest;
}

void install(const fs::path& folder, const Manifest& manifest, const std::string& stem = "") {
  const std::string name = stem.empty() ? manifest.id : stem;
  TestFolder::write(folder / (name + ".so"), "");
  TestFolder::write(folder / (name + ".json"), sidecar_text(manifest));
}

Registry scan(std::initializer_list<fs::path> folders) {
  SearchPath search;
  for (const fs::path& folder : folders)
    search.add(folder, "test");
  return Registry::scan(search);
}

bool rejects(const Registry& registry, const std::string& part) {
  for (const auto& plugin : registry.plugins())
    if (plugin->refusal.find(part) != std::string::npos)
      return true;
  return false;
}

/// Text of the error of this type that `call` throws.
template <class Expected, class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const Expected& error) {
    return error.what();
  }
  FAIL("nothing was thrown");
  return "";
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("components are found by kind and name") {
  const TestFolder folder;
  install(folder.path(),
          plugin("manual", {component(CUECARD_TEMPLATE, "manual"), component(CUECARD_TUNER, "none")}));
  install(folder.path(), plugin("soft", {component(CUECARD_TUNER, "prompt-tuning")}));
  const Registry registry = scan({folder.path()});
  CHECK(registry.warnings().empty());
  CHECK(registry.find(CUECARD_TUNER, "prompt-tuning").plugin->manifest.id == "soft");
  CHECK(registry.find(CUECARD_TUNER, "soft/prompt-tuning").component().name == "prompt-tuning");
  CHECK(registry.find(CUECARD_TEMPLATE, "manual").index == 0);
  CHECK(error_of<UsageError>([&] { registry.find(CUECARD_TUNER, "promt-tuning"); }) ==
        "there is no tuner \"promt-tuning\". Did you mean \"prompt-tuning\"? Installed: none, prompt-tuning.");
  const std::string lacking =
      error_of<UsageError>([&] { registry.find(CUECARD_TUNER, "manual/prompt-tuning"); });
  CHECK_MESSAGE(holds(lacking, "the plugin \"manual\", installed in version "), lacking);
  CHECK_MESSAGE(
      lacking.ends_with("has no tuner \"prompt-tuning\"; it has template \"manual\", tuner \"none\"."),
      lacking);
  CHECK_THROWS_AS(registry.find(CUECARD_TUNER, "manual"), UsageError); // that is a template
}

TEST_CASE("a backbone is found by model type; the error for an unknown one lists the installed ones") {
  const TestFolder folder;
  install(folder.path(), plugin("llama", {component(CUECARD_BACKBONE, "llama", {"llama", "mistral"})}));
  const Registry registry = scan({folder.path()});
  CHECK(registry.find_backbone("mistral").component().name == "llama");
  const std::string text = error_of<DataError>([&] { registry.find_backbone("lama"); });
  CHECK(holds(text, "no backbone handles the model type \"lama\"; installed backbones handle llama, mistral."));
  CHECK(holds(text, "Did you mean \"llama\"?"));
  CHECK(holds(text, "--plugin-path"));
}

TEST_CASE("two backbones for one model type are an error naming both") {
  const TestFolder folder;
  install(folder.path(), plugin("one", {component(CUECARD_BACKBONE, "one", {"llama"})}));
  install(folder.path(), plugin("two", {component(CUECARD_BACKBONE, "two", {"llama"})}));
  const std::string text = error_of<PluginError>([&] { scan({folder.path()}).find_backbone("llama"); });
  CHECK(holds(text, "one.so"));
  CHECK(holds(text, "two.so"));
}

TEST_CASE("an ambiguous component must be qualified with its plugin") {
  const TestFolder folder;
  install(folder.path(), plugin("one", {component(CUECARD_TUNER, "same")}));
  install(folder.path(), plugin("two", {component(CUECARD_TUNER, "same")}));
  const Registry registry = scan({folder.path()});
  CHECK(error_of<UsageError>([&] { registry.find(CUECARD_TUNER, "same"); }) ==
        "2 plugins offer the tuner \"same\"; use one/same or two/same.");
  CHECK(registry.find(CUECARD_TUNER, "two/same").plugin->manifest.id == "two");
  CHECK(holds(error_of<UsageError>([&] { registry.find(CUECARD_TUNER, "sane"); }), "one/same, two/same"));
}

TEST_CASE("the first folder takes precedence, and the other's plugin is shadowed") {
  const TestFolder first, second;
  install(first.path(), plugin("same", {component(CUECARD_TUNER, "mine")}));
  Manifest later = plugin("same", {component(CUECARD_TUNER, "mine"), component(CUECARD_TUNER, "more")});
  later.version = "2.0.0";
  install(second.path(), later);
  const Registry registry = scan({first.path(), second.path()});
  CHECK(registry.find(CUECARD_TUNER, "mine").plugin->manifest.version == "1.0.0");
  CHECK(registry.warnings().empty());
  CHECK(registry.plugins()[1]->shadowed_by == first / "same.so");
  CHECK_THROWS_AS(registry.find(CUECARD_TUNER, "more"),
                  UsageError); // components of a shadowed plugin are hidden
}

TEST_CASE("duplicate ids in one folder reject both plugins; others still work") {
  const TestFolder folder;
  install(folder.path(), plugin("same", {component(CUECARD_TUNER, "mine")}));
  install(folder.path(), plugin("same", {component(CUECARD_TUNER, "mine")}), "same-copy");
  install(folder.path(), plugin("other", {component(CUECARD_TUNER, "other")}));
  const Registry registry = scan({folder.path()});
  const std::string text = error_of<PluginError>([&] { registry.find(CUECARD_TUNER, "mine"); });
  CHECK(holds(text, "same-copy.so"));
  CHECK(holds(text, "same.so"));
  CHECK(registry.warnings().empty());
  CHECK(registry.find(CUECARD_TUNER, "other").component().name == "other");
}

TEST_CASE("a plugin may lie in a subfolder of its own name, and not beside it as well") {
  const TestFolder folder;
  install(folder / "own", plugin("own", {component(CUECARD_TUNER, "mine")}));
  install(folder / "other", plugin("another", {component(CUECARD_TUNER, "not-found")}));
  install(folder / ".hidden", plugin("hidden", {component(CUECARD_TUNER, "hidden")}));
  CHECK(scan({folder.path()}).find(CUECARD_TUNER, "mine").plugin->library == folder / "own" / "own.so");
  CHECK(scan({folder.path()}).plugins().size() == 1);
  install(folder.path(), plugin("own", {component(CUECARD_TUNER, "mine")}));
  CHECK(rejects(scan({folder.path()}), "both have the id \"own\""));
}

TEST_CASE("a plugin's file is named after its id") {
  const TestFolder folder;
  install(folder.path(), plugin("right", {component(CUECARD_TUNER, "mine")}), "wrong");
  CHECK(holds(error_of<PluginError>([&] { scan({folder.path()}).find(CUECARD_TUNER, "mine"); }), "right.so"));
}

TEST_CASE("unusable sidecars are reported by name, where they may matter") {
  const TestFolder folder;
  TestFolder::write(folder / "bare.so", "");
  Manifest missing = plugin("missing", {component(CUECARD_TUNER, "lost")});
  install(folder.path(), missing);
  fs::remove(folder / "missing.so");
  TestFolder::write(folder / "broken.so", "");
  TestFolder::write(folder / "broken.json", "{\"schema\": 1, ");
  TestFolder::write(folder / "large.so", "");
  TestFolder::write(folder / "large.json", std::string(300 << 10, ' '));
  TestFolder::write(folder / "deep.so", "");
  TestFolder::write(folder / "deep.json", std::string(5000, '['));
  const Registry registry = scan({folder.path()});
  CHECK(rejects(registry, "bare.so has no sidecar bare.json"));
  CHECK(rejects(registry, "missing.json is the sidecar of a library that doesn't exist, missing.so."));
  CHECK(rejects(registry, "broken.json: not valid JSON"));
  CHECK(rejects(registry, "large.json: has 307200 bytes"));
  CHECK(rejects(registry, "deep.json: nested"));
  CHECK(registry.plugins().size() == 5);
  CHECK(registry.warnings().empty());
  CHECK(holds(error_of<PluginError>([&] { registry.find(CUECARD_TUNER, "lost"); }), "Reinstall the plugin"));
  CHECK(holds(error_of<UsageError>([&] { registry.find(CUECARD_TUNER, "bare"); }),
              "4 plugins could not be read; see `cuecard plugin list --all`."));
}

TEST_CASE("files writable by others are rejected") {
  const TestFolder folder;
  install(folder.path(), plugin("open", {component(CUECARD_TUNER, "mine")}));
  SUBCASE("the library") {
    ::chmod((folder / "open.so").c_str(), 0666);
    CHECK(rejects(scan({folder.path()}), "open.so is writable by everyone"));
  }
  SUBCASE("the sidecar") {
    ::chmod((folder / "open.json").c_str(), 0666);
    CHECK(rejects(scan({folder.path()}), "open.json is writable by everyone"));
  }
  SUBCASE("the folder") {
    ::chmod(folder.path().c_str(), 0777);
    const Registry registry = scan({folder.path()});
    CHECK(rejects(registry, folder.path().string() + " is writable by everyone"));
    CHECK(registry.entries(CUECARD_TUNER).empty());
  }
}

TEST_CASE("a plugin for another LibTorch is listed but rejected, and doesn't hide others") {
  const TestFolder folder;
  Manifest old = plugin("old", {component(CUECARD_TUNER, "mine")});
  old.torch_minor = 14;
  install(folder.path(), old);
  CHECK(holds(error_of<PluginError>([&] { scan({folder.path()}).find(CUECARD_TUNER, "mine"); }),
              "old.so was built for LibTorch 2.14; this host runs 2.15."));
  install(folder.path(), plugin("good", {component(CUECARD_TUNER, "mine")}));
  const Registry registry = scan({folder.path()});
  CHECK(registry.find(CUECARD_TUNER, "mine").plugin->manifest.id == "good");
  CHECK(holds(list_text(registry.plugins(), true), "rejected: "));
  CHECK_FALSE(holds(list_text(registry.plugins(), false), "old"));
  CHECK(holds(list_text(registry.plugins(), false), "1 more is not used"));
  CHECK(holds(json_line(*registry.plugins()[1]), "\"usable\":false"));
  CHECK(holds(info_text(registry, "old"), "LibTorch 2.14"));
}

TEST_CASE("a plugin that was installed for another LibTorch alone is refused by name") {
  const TestFolder folder;
  Manifest old = plugin("sample", {component(CUECARD_TUNER, "mine")});
  old.torch_minor = 14;
  install(folder / "abi3-torch2.14", old);
  const auto scanned = [&] {
    SearchPath search;
    search.add(folder.path(), "test");
    search.add_other_hosts();
    return Registry::scan(search);
  };
  CHECK(holds(error_of<PluginError>([&] { scanned().find(CUECARD_TUNER, "mine"); }),
              "sample.so was built for LibTorch 2.14; this host runs 2.15."));
  // One that would fit is used from the folder for this host alone.
  old.torch_minor = 15;
  install(folder / "abi3-torch2.14", old);
  CHECK(holds(error_of<PluginError>([&] { scanned().find(CUECARD_TUNER, "mine"); }),
              "Move it to " + (folder / "abi3-torch2.15").string()));
  install(folder / "abi3-torch2.15", plugin("sample", {component(CUECARD_TUNER, "mine")}));
  CHECK(scanned().find(CUECARD_TUNER, "mine").plugin->library == folder / "abi3-torch2.15/sample.so");
}

TEST_CASE("a library is read again only if its size or times say that it may have changed") {
  const TestFolder folder;
  install(folder.path(), plugin("mine", {component(CUECARD_TUNER, "mine")}));
  const Plugin found = *scan({folder.path()}).plugins().at(0);
  // Its hash in the sidecar differs from that of the empty file, so reading it would be detected.
  const auto installed = fs::last_write_time(found.sidecar);
  fs::last_write_time(found.library, installed - std::chrono::seconds(1));
  fs::permissions(found.sidecar, fs::perms::owner_read); // the sidecar's change is the later one
  CHECK(rejected_if_changed(found).refusal == "");
  fs::last_write_time(found.library, installed + std::chrono::seconds(1));
  CHECK(holds(rejected_if_changed(found).refusal, "mine.so: SHA-256 starts with e3b0c44298fc"));
  fs::last_write_time(found.library, installed - std::chrono::seconds(1));
  std::ofstream(found.library) << "longer";
  CHECK(holds(rejected_if_changed(found).refusal, "the file is not the one that was installed"));
}

TEST_CASE("a component for a newer interface is rejected without affecting the others") {
  const TestFolder folder;
  ComponentInfo newer = component(CUECARD_TUNER, "newer");
  newer.kind_version = CUECARD_TUNER_VERSION + 1;
  install(folder.path(), plugin("mixed", {newer, component(CUECARD_TEMPLATE, "plain")}));
  const Registry registry = scan({folder.path()});
  CHECK(holds(error_of<PluginError>([&] { registry.find(CUECARD_TUNER, "newer"); }), "version 4"));
  CHECK(registry.find(CUECARD_TEMPLATE, "plain").component().name == "plain");
}

TEST_CASE("list and info name a component for another version of its interface") {
  const TestFolder folder;
  ComponentInfo newer = component(CUECARD_TUNER, "newer");
  newer.kind_version = CUECARD_TUNER_VERSION + 1;
  install(folder.path(), plugin("fits", {component(CUECARD_TEMPLATE, "other")}));
  install(folder.path(), plugin("mixed", {newer, component(CUECARD_TEMPLATE, "plain")}));
  const Registry registry = scan({folder.path()});
  const std::string sentence =
      "mixed.so: its tuner \"newer\" is written for version " + std::to_string(CUECARD_TUNER_VERSION + 1) +
      " of that interface; this host supports version " + std::to_string(CUECARD_TUNER_VERSION) + ".";
  const std::string list = list_text(registry.plugins(), false);
  CHECK(holds(list, "  incompatible: "));
  CHECK(holds(list, sentence));
  CHECK(holds(list, "  ok\n")); // of the other plugin
  CHECK(holds(info_text(registry, "newer"), sentence));
  CHECK_FALSE(holds(info_text(registry, "plain"), sentence));
  const auto& mixed = registry.plugins().at(1);
  REQUIRE(mixed->manifest.id == "mixed");
  const std::string line = json_line(*mixed);
  CHECK(holds(line, "\"usable\":true"));
  CHECK(holds(line, "is written for version"));
  CHECK(holds(line, "\"refusal\":\"\"}]")); // of the template, which is last
}
