/// A case of the conformance kit and what it is run on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "registry/registry.hpp"

namespace cuecard::conformance {

/// The plugin does not do what the case asks for: one sentence.
class Wrong : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The case does not apply to this component, or can't be run here: why.
class NotApplicable : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Throws Wrong with `text` unless `holds`.
inline void require(bool holds, const std::string& text) {
  if (!holds)
    throw Wrong(text);
}

/// What a case is run on, in a process of its own. Nothing of the plugin is loaded yet.
struct Subject {
  const registry::Registry& plugins; ///< the plugin's own folder comes first
  std::shared_ptr<const registry::Plugin> plugin;
  std::size_t component = 0; ///< index among the plugin's components; 0 for a case of the whole plugin
  /// Options of its components (`--set`); each applies to those that declare it.
  const std::vector<std::pair<std::string, std::string>>& set;
  uint64_t seed = 0;
  std::filesystem::path folder;         ///< of this run alone, empty, removed afterwards
  std::filesystem::path output, errors; ///< what the process has written to its standard streams so far

  registry::Entry entry() const { return {plugin, component}; }
  const ComponentInfo& info() const { return plugin->manifest.components.at(component); }
  /// `plugin/component`, as a pipeline names it.
  std::string name() const { return plugin->manifest.id + "/" + info().name; }
  /// The values of `set` that the component declares.
  std::vector<std::pair<std::string, std::string>> options() const;
};

struct Case {
  const char* name; ///< "tuner-resume"
  uint32_t kind;    ///< of the components that it is run on; 0: once for the plugin
  const char* what; ///< what holds when it passes, as a clause
  /// Throws Wrong or NotApplicable; any other exception is a failure, too. Returns a remark, or "".
  std::function<std::string(const Subject& subject)> run;
  bool each_component = false; ///< of kind 0: run on every component, whatever its kind
};

/// All cases, in the order in which they are run.
const std::vector<Case>& cases();

// The parts of that list.
std::vector<Case> plugin_cases();
std::vector<Case> linking_cases();
std::vector<Case> component_cases();
std::vector<Case> tuner_cases();
std::vector<Case> verbalizer_cases();
std::vector<Case> template_cases();
std::vector<Case> backbone_cases();

} // namespace cuecard::conformance
