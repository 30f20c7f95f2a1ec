#include "host/loading.hpp"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include <cuecard/error.hpp>

#include "data/text_decoder.hpp"
#include "engine/guarded.hpp"
#include "files/strict_json.hpp"
#include "host/device.hpp"
#include "registry/options.hpp"
#include "registry/search.hpp"

namespace cuecard::host {

namespace {

constexpr std::size_t largest_template = std::size_t{1} << 20;

/// Leaves prompts as the template rendered them.
class UntrainedTuner final : public Tuner {
public:
  void prepare(const Problem&) override {}
  Conditioning condition(const ConditionArgs&) const override { return {}; }
};

/// The name and path of NAME=PATH. An existing path is a path even if it contains "=".
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
    TaskPipeline pipeline = pipeline_from_card(model, plugins, read_card(path), values.given("force"));
    if (!name.empty())
      pipeline.name = name;
    for (const LoadedCard& other : cards)
      if (other.pipeline.name == pipeline.name)
        throw UsageError("The cards " + other.path + " and " + given + " are both named \"" + pipeline.name +
                         "\"; name them with --card NAME=CARD.");
    cards.push_back({given, std::move(pipeline)});
  }
  return cards;
}

std::string template_text(const Values& values) {
  if (!values.given("template"))
    return "{text}"; // of `generate`; other verbs need one
  const std::string given = values.text("template");
  if (!given.starts_with("@"))
    return given;
  std::string text(without_byte_order_mark(read_text(given.substr(1), largest_template)));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  return text;
}

TaskPipeline pipeline_of_template(const Values& values, const Model& model, const registry::Registry& plugins,
                                  bool slots) {
  const registry::Entry entry = plugins.find(CUECARD_TEMPLATE, values.text("template-component"));
  const Options options = registry::complete(entry.component(), {{"text", template_text(values)}});
  TaskPipeline pipeline;
  pipeline.name = "template";
  pipeline.prompt_template = guarded(Component<Template>{registry::make<Template>(entry, options),
                                                         entry.plugin->manifest.id, entry.component().name});
  pipeline.tuner = std::make_shared<UntrainedTuner>();
  pipeline.limit.max_length = values.integer("max-length");
  pipeline.limit.truncate = truncate_of_name(values.text("truncate")).value();
  pipeline.layout = model.prompt_layout();
  pipeline.prompt_template->prepare({model.vocabulary(), pipeline.layout, {}});
  const std::vector<int64_t>& triggers = pipeline.prompt_template->triggers();
  const bool open_triggers = std::find(triggers.begin(), triggers.end(), -1) != triggers.end();
  if (!slots && (!pipeline.prompt_template->soft_slots().empty() || open_triggers))
    throw UsageError(
        "The template has soft slots or open trigger slots, which only a trained card can fill; remove them, "
        "or train a card and use `cuecard predict`.");
  return pipeline;
}

} // namespace cuecard::host
