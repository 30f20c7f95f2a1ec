#include "host/loading.hpp"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include <cuecard/error.hpp>

#include "engine/guarded.hpp"
#include "host/device.hpp"
#include "model/strict_json.hpp"
#include "registry/options.hpp"
#include "registry/search.hpp"

namespace cuecard::host {

namespace {

constexpr std::size_t largest_template = std::size_t{1} << 20;

/// Leaves prompts as the template made them.
class NothingLearned final : public Tuner {
public:
  void prepare(const Problem&) override {}
  Conditioning condition(int64_t, const Pass&) const override { return {}; }
};

/// A card's name and where it lies. A path that exists is a path, whatever it holds.
std::pair<std::string, std::filesystem::path> named_path(const std::string& given) {
  const std::size_t equals = given.find('=');
  std::error_code unreadable;
  if (equals == std::string::npos || equals == 0 || std::filesystem::exists(given, unreadable))
    return {"", given};
  return {given.substr(0, equals), given.substr(equals + 1)};
}

} // namespace

registry::Registry find_plugins(const Values& values) {
  registry::Registry found =
      registry::Registry::scan(registry::SearchPath::standard(values.texts("plugin-path")));
  for (const std::string& warning : found.warnings())
    std::cerr << "cuecard: warning: " << warning << '\n';
  return found;
}

Model load_model(const Values& values, const registry::Registry& plugins, at::Device device, bool weights) {
  set_threads(values);
  return Model::load(values.text("model"), plugins, {device, dtype_of(values), weights});
}

std::vector<LoadedCard> load_cards(const Values& values, const Model& model,
                                   const registry::Registry& plugins) {
  std::vector<LoadedCard> cards;
  for (const std::string& given : values.texts("card")) {
    const auto [name, path] = named_path(given);
    Method method = method_from_card(model, plugins, read_card(path), values.given("force"));
    if (!name.empty())
      method.name = name;
    for (const LoadedCard& other : cards)
      if (other.method.name == method.name)
        throw UsageError("The cards " + other.path + " and " + given + " are both named \"" + method.name +
                         "\"; name them with --card NAME=CARD.");
    cards.push_back({given, std::move(method)});
  }
  return cards;
}

std::string template_text(const Values& values) {
  const std::string given = values.text("template");
  if (!given.starts_with("@"))
    return given;
  std::string text = read_text(given.substr(1), largest_template);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  return text;
}

Method method_of_template(const Values& values, const Model& model, const registry::Registry& plugins,
                          bool slots) {
  const registry::Entry entry = plugins.find(CUECARD_TEMPLATE, values.text("template-component"));
  const Options options = registry::complete(entry.component(), {{"text", template_text(values)}});
  Method method;
  method.name = "template";
  method.prompt_template = guarded(Component<Template>{registry::make<Template>(entry, options),
                                                       entry.plugin->manifest.id, entry.component().name});
  method.tuner = std::make_shared<NothingLearned>();
  method.limit.max_length = values.integer("max-length");
  method.limit.truncate = truncate_of_name(values.text("truncate")).value();
  method.target = model.prompt_target();
  method.prompt_template->prepare(model.vocabulary(), method.target);
  const std::vector<int64_t>& triggers = method.prompt_template->triggers();
  const bool open_triggers = std::find(triggers.begin(), triggers.end(), -1) != triggers.end();
  if (!slots && (!method.prompt_template->soft_slots().empty() || open_triggers))
    throw UsageError(
        "The template has soft or open trigger slots, and nothing learned fills them here; take them "
        "out, or train a card and use `cuecard predict`.");
  return method;
}

} // namespace cuecard::host
