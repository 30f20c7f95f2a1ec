#include "program/light_verbs.hpp"

#include <iostream>
#include <memory>
#include <vector>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "machine/processors.hpp"
#include "program/command_line.hpp"
#include "program/commands/shipping_verbs.hpp"
#include "program/doctor.hpp"
#include "program/engine_library.hpp"
#include "program/failure.hpp"
#include "program/help.hpp"
#include "program/new_plugin.hpp"
#include "program/values.hpp"
#include "registry/blocked.hpp"
#include "registry/changed.hpp"
#include "registry/judge.hpp"
#include "registry/library.hpp"
#include "registry/probe.hpp"
#include "registry/registry.hpp"
#include "registry/report.hpp"
#include "registry/search.hpp"
#include "sdk/manifest/read_manifest.hpp"
#include "sdk/manifest/sidecar.hpp"

namespace cuecard::host {

namespace {

registry::Registry scan(const Values& values) {
  const registry::Registry found =
      registry::Registry::scan(registry::SearchPath::standard(values.texts("plugin-path")));
  for (const std::string& warning : found.warnings())
    std::cerr << "cuecard: warning: " << warning << '\n';
  return found;
}

int list_plugins(const Values& values) {
  std::vector<std::shared_ptr<const registry::Plugin>> plugins;
  const registry::Registry found = scan(values);
  for (const auto& plugin : found.plugins())
    plugins.push_back(std::make_shared<const registry::Plugin>(registry::rejected_if_changed(*plugin)));
  if (!values.given("json")) {
    std::cout << registry::list_text(plugins, values.given("all"));
    return 0;
  }
  for (const auto& plugin : plugins)
    if (plugin->usable() || values.given("all"))
      std::cout << registry::json_line(*plugin) << '\n';
  if (!values.given("all"))
    std::cerr << registry::unused_text(plugins);
  return 0;
}

int show_plugin(const Values& values) {
  const registry::Registry plugins = scan(values);
  const std::string name = values.text("name");
  if (!values.given("json")) {
    std::cout << registry::info_text(plugins, name);
    return 0;
  }
  bool any = false;
  for (const auto& plugin : plugins.plugins()) {
    bool matches = plugin->manifest.id == name;
    for (const ComponentInfo& component : plugin->manifest.components)
      matches = matches || component.name == name || plugin->manifest.id + "/" + component.name == name;
    if (matches)
      std::cout << registry::json_line(registry::verified(*plugin)) << '\n';
    any = any || matches;
  }
  if (!any)
    registry::info_text(plugins, name); // throws and suggests the nearest name
  return 0;
}

/// A library that crashed or hung while it was loaded is blocked until its file changes; one that loads again is
/// unblocked.
void remember(const std::string& file, const registry::ProbeResult& result) {
  std::string sha256;
  try {
    sha256 = read_library(file).sha256;
  } catch (const Error&) {
    return; // no library
  }
  if (result.ok)
    registry::unblock(sha256);
  else if (result.crashed && registry::block(sha256, file, result.text))
    std::cerr << "cuecard: " << file << " is blocked until its file changes.\n";
}

int probe_plugin(const Values& values) {
  const registry::ProbeResult result = registry::probe(values.text("file"));
  remember(values.text("file"), result);
  if (values.given("json"))
    std::cout << nlohmann::json{{"ok", result.ok}, {"text", result.text}, {"seconds", result.seconds}}.dump(
                     -1, ' ', false, nlohmann::json::error_handler_t::replace)
              << '\n';
  else if (result.ok)
    std::cout << result.text << '\n';
  if (!result.ok && !values.given("json"))
    throw PluginError(result.text);
  return result.ok ? 0 : exit_plugin;
}

int show_manifest(const Values& values) {
  try {
    std::cout << sidecar_text(read_library(values.text("file")));
  } catch (const DataError& error) {
    throw PluginError(error.what());
  }
  return 0;
}

int show_version(const Values& values) {
  const registry::HostBuild build = registry::HostBuild::current();
  const std::string abi = std::to_string(build.abi_major) + "." + std::to_string(build.abi_minor);
  const std::string torch = std::to_string(build.torch_major) + "." + std::to_string(build.torch_minor) + "." +
                            std::to_string(build.torch_patch);
  const Threads threads = chosen_threads(usable_processors());
  if (values.given("json"))
    std::cout << nlohmann::json{{"cuecard", CUECARD_VERSION},
                                {"plugin_abi", abi},
                                {"libtorch", torch},
                                {"platform", build.platform},
                                {"compiler", build.compiler},
                                {"threads", {{"count", threads.count}, {"why", threads.why}}}}
                     .dump()
              << '\n';
  else
    std::cout << "cuecard " CUECARD_VERSION " (plugin ABI " << abi << ", LibTorch " << torch << ", "
              << build.platform << ")\n";
  return 0;
}

/// The command that the words name.
std::string command_of(const Values& values) {
  std::string name;
  for (const std::string& word : values.texts("command"))
    name += (name.empty() ? "" : " ") + word;
  return name;
}

[[noreturn]] void refuse_command(const std::string& name) {
  std::vector<std::string> names;
  for (const Verb& verb : verbs())
    if (!verb.hidden)
      names.push_back(verb.name);
  const std::string hint = did_you_mean(name, names);
  throw UsageError("\"" + name + "\" is not a cuecard command." +
                   (hint.empty() ? " See `cuecard help`." : hint));
}

int show_manual(const Values& values) {
  const std::string name = command_of(values);
  const Verb* const verb = find_verb(name);
  if (!name.empty() && (!verb || verb->hidden))
    refuse_command(name);
  std::cout << (name.empty() ? man_page(CUECARD_VERSION) : man_page(*verb, CUECARD_VERSION));
  return 0;
}

int show_help(const Values& values) {
  const std::string name = command_of(values);
  if (name.empty()) {
    std::cout << program_help();
    return 0;
  }
  if (const std::string group = group_help(name); !group.empty()) {
    std::cout << group;
    return 0;
  }
  const Verb* const verb = find_verb(name);
  if (!verb || verb->hidden)
    refuse_command(name);
  std::cout << verb_help(*verb);
  return 0;
}

} // namespace

int run_without_engine(const CuecardCall& call) {
  const Values values(call);
  if (call.verb == "plugin list")
    return list_plugins(values);
  if (call.verb == "plugin info")
    return show_plugin(values);
  if (call.verb == "plugin probe")
    return probe_plugin(values);
  if (call.verb == "plugin manifest")
    return show_manifest(values);
  if (call.verb == "plugin new")
    return new_plugin(values);
  if (is_shipping_verb(call.verb))
    return run_in_shipping(call);
  if (call.verb == "doctor")
    return doctor(values);
  if (call.verb == "version")
    return show_version(values);
  if (call.verb == "help")
    return show_help(values);
  if (call.verb == "man")
    return show_manual(values);
  std::cout << (values.text("shell") == "zsh" ? zsh_completion() : bash_completion());
  return 0;
}

} // namespace cuecard::host
