#include "registry.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

#include <cuecard/error.hpp>

#include "guard.hpp"
#include "library.hpp"

namespace cuecard::registry {

namespace {

/// "component" or "plugin/component".
struct Name {
  std::string plugin, component;

  explicit Name(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash != std::string_view::npos)
      plugin = text.substr(0, slash);
    component = text.substr(slash == std::string_view::npos ? 0 : slash + 1);
  }
};

/// All components for which `wanted(plugin, component)` holds.
template <class Wanted>
std::vector<Entry> select(const std::vector<std::shared_ptr<const Plugin>>& plugins, Wanted wanted) {
  std::vector<Entry> entries;
  for (const auto& plugin : plugins)
    for (std::size_t i = 0; i < plugin->manifest.components.size(); ++i)
      if (wanted(*plugin, plugin->manifest.components[i]))
        entries.push_back({plugin, i});
  return entries;
}

std::string joined(const std::vector<std::string>& parts, const char* between = ", ") {
  std::string text;
  for (const std::string& part : parts)
    text += (text.empty() ? "" : between) + part;
  return text;
}

std::string full_name(const Entry& entry) {
  return entry.plugin->manifest.id + "/" + entry.component().name;
}

/// The shortest unambiguous names.
std::vector<std::string> names_of(const std::vector<Entry>& entries) {
  std::map<std::string, int> count;
  for (const Entry& entry : entries)
    ++count[entry.component().name];
  std::vector<std::string> names;
  names.reserve(entries.size());
  for (const Entry& entry : entries)
    names.push_back(count[entry.component().name] > 1 ? full_name(entry) : entry.component().name);
  return names;
}

/// `tuner "a", verbalizer "b"`.
std::string contents_of(const Plugin& plugin) {
  std::vector<std::string> components;
  for (const ComponentInfo& component : plugin.manifest.components)
    components.push_back(kind_name(component.kind) + " \"" + component.name + "\"");
  return components.empty() ? "no components" : joined(components);
}

/// Removes entries of rejected plugins. If nothing is left, throws the reason of the first.
std::vector<Entry> usable_of(const std::vector<Entry>& entries) {
  std::vector<Entry> usable;
  std::string refusal;
  for (const Entry& entry : entries) {
    if (entry.plugin->usable())
      usable.push_back(entry);
    else if (refusal.empty())
      refusal = entry.plugin->refusal;
  }
  if (usable.empty() && !refusal.empty())
    throw PluginError(refusal);
  return usable;
}

Entry with_known_interface(const Entry& entry) {
  if (const std::string mismatch = interface_mismatch(entry.component(), entry.plugin->library.string());
      !mismatch.empty())
    throw PluginError(mismatch);
  return entry;
}

/// A hint, if the components of some plugins are unknown because their sidecars could not be read.
std::string unreadable_hint(const std::vector<std::shared_ptr<const Plugin>>& plugins) {
  std::vector<std::string> reasons;
  for (const auto& plugin : plugins)
    if (plugin->manifest.components.empty() && plugin->shadowed_by.empty())
      reasons.push_back(plugin->refusal);
  if (reasons.empty())
    return "";
  if (reasons.size() == 1)
    return " One plugin could not be read: " + reasons[0];
  return " " + std::to_string(reasons.size()) + " plugins could not be read; see `cuecard plugin list --all`.";
}

/// Throws what a function of the manifest reported instead of a result.
[[noreturn]] void throw_failure(cuecard_failure& failure, const Entry& entry, const std::string& function) {
  const std::string &plugin = entry.plugin->manifest.id, &component = entry.component().name;
  failure.text[sizeof failure.text - 1] = '\0';
  const std::string text = sentence_of(failure.text);
  if (failure.kind == CUECARD_FAILURE_OPTIONS)
    throw UsageError(
        naming_component(entry.component().kind, plugin, component, worded(text, plugin, component)));
  if (failure.kind == CUECARD_FAILURE_DATA)
    throw DataError(worded(text, plugin, component));
  if (failure.kind == CUECARD_FAILURE_UNEXPECTED)
    throw PluginError(plugin, component, function, accident_of(text));
  if (text == "an exception that is not a std::exception") // of register.hpp, which calls a constructor
    throw PluginError(plugin, component, function == "create" ? "its constructor" : function,
                      accident_of("it threw an object that is not a std::exception"));
  throw PluginError(plugin, component, function, message_of(text));
}

} // namespace

std::vector<Entry> Registry::entries(uint32_t kind) const {
  return select(plugins_, [&](const Plugin& plugin, const ComponentInfo& component) {
    return plugin.usable() && component.kind == kind;
  });
}

Entry Registry::find(uint32_t kind, std::string_view text) const {
  const Name name(text);
  const std::vector<Entry> offered =
      usable_of(select(plugins_, [&](const Plugin& plugin, const ComponentInfo& component) {
        return plugin.shadowed_by.empty() && component.kind == kind && component.name == name.component &&
               (name.plugin.empty() || plugin.manifest.id == name.plugin);
      }));
  if (offered.size() == 1)
    return with_known_interface(offered.front());
  const std::string what = kind_name(kind) + " \"" + std::string(text) + "\"";
  if (offered.size() > 1) {
    std::vector<std::string> full;
    full.reserve(offered.size());
    for (const Entry& entry : offered)
      full.push_back(full_name(entry));
    throw UsageError(std::to_string(offered.size()) + " plugins offer the " + what + "; use " +
                     joined(full, " or ") + ".");
  }
  for (const auto& plugin : plugins_)
    if (plugin->usable() && plugin->manifest.id == name.plugin)
      throw UsageError("the plugin \"" + name.plugin + "\", installed in version " + plugin->manifest.version +
                       ", has no " + kind_name(kind) + " \"" + name.component + "\"; it has " +
                       contents_of(*plugin) + ".");
  const std::vector<std::string> names = names_of(entries(kind));
  const std::string known =
      names.empty() ? " No " + kind_name(kind) + " is installed." : " Installed: " + joined(names) + ".";
  throw UsageError("there is no " + what + "." + did_you_mean(text, names) + known + unreadable_hint(plugins_));
}

Entry Registry::find_backbone(std::string_view model_type) const {
  const auto handles = [&](const Plugin& plugin, const ComponentInfo& component) {
    return plugin.shadowed_by.empty() && component.kind == CUECARD_BACKBONE &&
           std::ranges::find(component.model_types, model_type) != component.model_types.end();
  };
  const std::vector<Entry> offered = usable_of(select(plugins_, handles));
  if (offered.size() == 1)
    return with_known_interface(offered.front());
  if (offered.size() > 1)
    throw PluginError(offered[0].plugin->library.string() + " and " + offered[1].plugin->library.string() +
                      " both handle the model type \"" + std::string(model_type) +
                      "\"; remove one of them from the search path.");
  std::vector<std::string> types;
  for (const Entry& entry : entries(CUECARD_BACKBONE))
    types.insert(types.end(), entry.component().model_types.begin(), entry.component().model_types.end());
  const std::string known =
      types.empty() ? "no backbone is installed" : "installed backbones handle " + joined(types);
  throw DataError("no backbone handles the model type \"" + std::string(model_type) + "\"; " + known + "." +
                  did_you_mean(model_type, types) +
                  " To add one, pass the folder of a plugin for it with --plugin-path." +
                  unreadable_hint(plugins_));
}

std::shared_ptr<const Plugin> Registry::find_plugin(std::string_view id) const {
  std::vector<std::string> ids;
  for (const auto& plugin : plugins_) {
    if (plugin->manifest.id == id)
      return plugin;
    ids.push_back(plugin->manifest.id);
  }
  throw UsageError("there is no plugin \"" + std::string(id) + "\"." + did_you_mean(id, ids) +
                   (ids.empty() ? " None is installed." : " Installed: " + joined(ids) + "."));
}

std::shared_ptr<void> create(const Entry& entry, const void* arguments) {
  const std::string& plugin = entry.plugin->manifest.id;
  const std::string& name = entry.component().name;
  if (!entry.plugin->usable())
    throw PluginError(entry.plugin->refusal.empty() ? "plugin \"" + plugin + "\" is shadowed by " +
                                                          entry.plugin->shadowed_by.string() + "."
                                                    : entry.plugin->refusal);
  const std::shared_ptr<const Library> library = Library::open(*entry.plugin);
  const cuecard_component_v1& component = library->component(entry.index);
  cuecard_failure failure{};
  // By contract `create` and `destroy` never throw; a plugin that does must not take the host down.
  void* const object = guarded(plugin, name, "create", [&] { return component.create(arguments, &failure); });
  if (!object)
    throw_failure(failure, entry, "create");
  const auto destroy = [library, destroy_object = component.destroy](void* made) {
    try {
      destroy_object(made);
    } catch (...) { // a deleter can't report errors
    }
  };
  return {object, destroy};
}

void describe_shape(const Entry& entry, const void* configuration, void* shape) {
  const std::string& plugin = entry.plugin->manifest.id;
  const std::string& name = entry.component().name;
  const std::shared_ptr<const Library> library = Library::open(*entry.plugin);
  const cuecard_component_v1& component = library->component(entry.index);
  cuecard_failure failure{};
  if (!guarded(plugin, name, "describe", [&] { return component.describe(configuration, shape, &failure); }))
    throw_failure(failure, entry, "describe");
}

void detail::require_kind(const Entry& entry, uint32_t kind) {
  if (entry.component().kind != kind)
    throw std::logic_error("requested a " + kind_name(kind) + ", but \"" + entry.component().name + "\" is a " +
                           kind_name(entry.component().kind));
}

} // namespace cuecard::registry
