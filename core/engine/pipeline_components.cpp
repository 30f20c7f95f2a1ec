#include "engine/pipeline_components.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "files/strict_json.hpp"

namespace cuecard {

void set_option(ComponentChoice& choice, const std::string& name, const std::string& value) {
  std::erase_if(choice.set, [&](const auto& known) { return known.first == name; });
  choice.set.emplace_back(name, value);
}

void set_template_text(ComponentChoice& choice, const ComponentInfo& component, const std::string& text) {
  const bool takes_text = registry::declares(component, "text");
  if (!takes_text && !text.empty())
    throw DataError("the template \"" + component.name + "\" takes no text, and one is given; leave it out.");
  if (takes_text && text.empty())
    throw DataError("the template \"" + component.name + "\" needs a text, and none is given; add one.");
  if (takes_text)
    set_option(choice, "text", text);
}

registry::Entry find_recorded(const registry::Registry& plugins, uint32_t kind, const CardComponent& recorded,
                              const std::string& card) {
  try {
    return plugins.find(kind, recorded.plugin + "/" + recorded.component);
  } catch (const UsageError& error) {
    const bool installed = std::ranges::any_of(plugins.plugins(), [&](const auto& plugin) {
      return plugin->usable() && plugin->manifest.id == recorded.plugin;
    });
    if (installed)
      throw PluginError("the card \"" + card + "\" was made with " + recorded.plugin + " " +
                        recorded.plugin_version + ": " + error.what());
    throw PluginError(
        "the card \"" + card + "\" needs the plugin \"" + recorded.plugin + "\" (" + recorded.plugin_version +
        "): " + error.what() +
        " Install it with `cuecard plugin install`, or name the folder of its library and sidecar with "
        "--plugin-path.");
  }
}

Options recorded_options(const registry::Entry& entry, const CardComponent& recorded, const std::string& card) {
  try {
    return registry::complete(entry.component(), registry::as_text(entry.component(), recorded.options));
  } catch (const UsageError& error) {
    const std::string& installed = entry.plugin->manifest.version;
    throw DataError("the card \"" + card + "\"" +
                    (installed == recorded.plugin_version
                         ? ""
                         : " was made with " + recorded.plugin + " " + recorded.plugin_version + ", and " +
                               installed + " is installed") +
                    ": " + error.what());
  }
}

namespace {

constexpr std::size_t largest_option_file = std::size_t{64} << 20;

/// Calls `read(name, path)` for each option of type `type` that is not empty; errors name the option.
template <class Read>
void for_each_named(const registry::Entry& entry, const Options& options, uint32_t type, Read&& read) {
  for (const OptionInfo& option : entry.component().options) {
    if (option.type != type || options.text(option.name).empty())
      continue;
    try {
      read(option.name, options.text(option.name));
    } catch (const DataError& error) {
      throw DataError("the option \"" + option.name + "\" of \"" + entry.component().name +
                      "\": " + error.what());
    }
  }
}

} // namespace

NamedByOptions named_by(const registry::Registry& plugins, uint32_t kind, const CardComponent& component,
                        const Model& model) {
  const registry::Entry entry = plugins.find(kind, component.plugin + "/" + component.component);
  NamedByOptions named;
  for_each_named(entry, component.options, CUECARD_FILE,
                 [&](const std::string& option, const std::string& path) {
                   named.files[option] = read_text(path, largest_option_file);
                 });
  for_each_named(entry, component.options, CUECARD_CARD,
                 [&](const std::string& option, const std::string& path) {
                   const Card card = read_card(path);
                   check_identity(card, model.identity());
                   named.cards[option] = card.tuner_state;
                 });
  return named;
}

} // namespace cuecard
