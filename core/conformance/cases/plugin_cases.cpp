// Cases of the whole plugin: what is known before it is opened, and what opening it does.
#include <algorithm>
#include <ctime>
#include <set>

#include <cuecard/error.hpp>

#include "conformance/case.hpp"
#include "conformance/planted_task.hpp"
#include "conformance/process_state.hpp"
#include "registry/library.hpp"
#include "sdk/manifest/read_manifest.hpp"
#include "sdk/manifest/sidecar.hpp"

namespace cuecard::conformance {

namespace {

/// CPU time of this process, in seconds: unlike wall-clock time, it does not depend on other load.
double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::string manifest(const Subject& subject) {
  const registry::Plugin& plugin = *subject.plugin;
  require(std::filesystem::exists(plugin.sidecar),
          "there is no sidecar " + plugin.sidecar.string() +
              "; cuecard_add_plugin writes it, and so does `cuecard-manifest`.");
  require(plugin.refusal.empty(), plugin.refusal);
  const Manifest found = read_library(plugin.library);
  const std::string drift = difference(found, "in the library", plugin.manifest, "in its sidecar");
  require(drift.empty(), drift + ".");
  require(plugin.library.stem() == found.id,
          "its id is \"" + found.id + "\" and its file is named " + plugin.library.filename().string() + ".");
  require(!found.components.empty(), "it registers no component.");
  require(!found.version.empty(), "its version is empty.");
  require(!found.license.empty(), "its licence is empty; expected an SPDX identifier, such as Apache-2.0.");
  for (const ComponentInfo& component : found.components) {
    const std::string mismatch = registry::interface_mismatch(component, plugin.library.string());
    require(mismatch.empty(), mismatch);
    require(!component.summary.empty(), "the component \"" + component.name + "\" has no summary.");
    for (const OptionInfo& option : component.options)
      require(!option.help.empty(),
              "the option \"" + option.name + "\" of \"" + component.name + "\" has no help.");
  }
  return "";
}

/// The names that a user types: a component that another plugin has, too, must be written `plugin/component`.
std::string names(const Subject& subject) {
  std::string shared;
  for (const ComponentInfo& component : subject.plugin->manifest.components)
    for (const registry::Entry& other : subject.plugins.entries(component.kind))
      if (other.component().name == component.name && other.plugin->manifest.id != subject.plugin->manifest.id)
        shared += (shared.empty() ? "" : " ") + kind_name(component.kind) + " \"" + component.name +
                  "\" is also one of the plugin \"" + other.plugin->manifest.id +
                  "\", so users of both must write \"" + subject.plugin->manifest.id + "/" + component.name +
                  "\".";
  require(shared.empty(), shared);
  return "";
}

std::string opening_time(const Subject& subject) {
  constexpr double most = 0.1;
  const double begin = processor_seconds();
  registry::Library::open(*subject.plugin);
  const double took = processor_seconds() - begin;
  require(took < most,
          "opening it takes " + shown(1000 * took) +
              " ms of processor time; expected less than 100 ms: nothing is computed before `create`.");
  return "";
}

std::string opening_state(const Subject& subject) {
  const ProcessState before = ProcessState::now();
  registry::Library::open(*subject.plugin);
  const std::string changed = difference(before, ProcessState::now());
  require(changed.empty(), "opening it changes " + changed + ".");
  return "";
}

std::string opening_output(const Subject& subject) {
  registry::Library::open(*subject.plugin);
  const std::string text = written(subject.output, subject.errors);
  require(text.empty(), "opening it writes " + text + "; a plugin prints nothing.");
  return "";
}

} // namespace

std::vector<Case> plugin_cases() {
  return {
      {"manifest", 0, "the manifest is complete, and the sidecar says what the library says", &manifest},
      {"names", 0, "no other installed plugin has a component of the same name", &names},
      {"opening-time", 0, "opening it takes less than 100 ms of processor time", &opening_time},
      {"opening-state", 0,
       "opening it does not change the state of the process: environment, locale, threads, rounding, signal handlers",
       &opening_state},
      {"opening-output", 0, "opening it prints nothing", &opening_output},
  };
}

} // namespace cuecard::conformance
