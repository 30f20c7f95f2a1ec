#include "host/loading.hpp"

#include <algorithm>
#include <filesystem>

#include <cuecard/error.hpp>
#include <cuecard/parts/template/template_grammar.hpp>

#include "data/data_labels.hpp"
#include "data/formats/text_decoder.hpp"
#include "data/naming_place.hpp"
#include "data/task_file.hpp"
#include "engine/guarded.hpp"
#include "engine/pipeline_components.hpp"
#include "engine/untrained_tuner.hpp"
#include "files/strict_json.hpp"
#include "host/device.hpp"
#include "host/output/messages.hpp"
#include "host/runs/task_data.hpp"
#include "machine/models.hpp"
#include "program/one_line.hpp"
#include "registry/options.hpp"
#include "registry/search.hpp"

namespace cuecard::host {

namespace {

constexpr std::size_t largest_template = std::size_t{1} << 20;

/// The name and path of NAME=PATH. An existing path is a path even if it contains "=".
std::pair<std::string, std::filesystem::path> named_path(const std::string& given) {
  const std::size_t equals = given.find('=');
  std::error_code unreadable;
  if (equals == std::string::npos || equals == 0 || std::filesystem::exists(given, unreadable))
    return {"", given};
  return {given.substr(0, equals), given.substr(equals + 1)};
}

/// `--max-length` and `--truncate` take precedence over the card or the task.
void take_limit(const Values& values, TaskPipeline& pipeline) {
  pipeline.limit.max_length = values.integer("max-length", pipeline.limit.max_length);
  if (values.given("truncate"))
    pipeline.limit.truncate = truncate_of_name(values.text("truncate")).value();
}

void refuse_open_slots(const TaskPipeline& pipeline) {
  const std::vector<int64_t>& triggers = pipeline.prompt_template->triggers();
  const bool open_triggers = std::find(triggers.begin(), triggers.end(), -1) != triggers.end();
  if (!pipeline.prompt_template->soft_slots().empty() || open_triggers)
    throw UsageError(
        "the template has soft slots or open trigger slots, which only a trained card can fill; remove "
        "them, or train a card and give it with --card.");
}

/// Whether the answer, written as a slot or not, is one and continues the whole text.
bool ends_in_its_answer(const std::string& text) {
  const auto is_answer = [](const TemplateItem& item) { return item.kind == TemplateItem::Kind::answer; };
  const std::vector<TemplateItem> items = parse_template(text).items;
  const auto answers = std::ranges::count_if(items, is_answer);
  return answers == 0 || (answers == 1 && is_answer(items.back()));
}

} // namespace

TaskPipeline pipeline_of_template(const Model& model, const registry::Registry& plugins,
                                  const std::string& text, const std::string& component, PromptUse use) {
  const registry::Entry entry = plugins.find(CUECARD_TEMPLATE, component);
  ComponentChoice choice{component, {}};
  set_template_text(choice, entry.component(), text);
  if (use == PromptUse::continued && model.shape().encoder_decoder &&
      registry::declares(entry.component(), "encoder-decoder") && ends_in_its_answer(text))
    set_option(choice, "encoder-decoder", "plain");
  const Options options = registry::complete(entry.component(), choice.set);
  TaskPipeline pipeline;
  pipeline.name = "template";
  pipeline.prompt_template = guarded(Component<Template>{registry::make<Template>(entry, options),
                                                         entry.plugin->manifest.id, entry.component().name});
  pipeline.tuner = std::make_shared<UntrainedTuner>();
  pipeline.layout = model.prompt_layout();
  pipeline.prompt_template->prepare({model.vocabulary(), pipeline.layout, {}});
  if (use != PromptUse::shown)
    refuse_open_slots(pipeline);
  return pipeline;
}

registry::Registry find_plugins(const Values& values) {
  registry::Registry found =
      registry::Registry::scan(registry::SearchPath::standard(values.texts("plugin-path")));
  show_warnings(found.warnings());
  return found;
}

void show_warnings(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings)
    messages() << "cuecard: warning: " << one_line(warning) << '\n';
}

Model load_model(const Values& values, const registry::Registry& plugins, at::Device device, bool weights) {
  set_threads(values);
  const NumberFormat format = format_of(values);
  Model model =
      Model::load(model_path(values.text("model")), plugins, {device, format.dtype, weights, format.matrices});
  show_warnings(model.warnings());
  return model;
}

std::vector<std::string> fields_of(const std::vector<LoadedCard>& cards) {
  std::vector<std::string> fields;
  for (const LoadedCard& card : cards)
    for (const std::string& field : card.pipeline.prompt_template->fields())
      fields.push_back(field);
  return fields;
}

void check_cards(const Values& values) {
  for (const std::string& given : values.texts("card"))
    require_card(named_path(given).second);
}

std::vector<LoadedCard> load_cards(const Values& values, const Model& model,
                                   const registry::Registry& plugins) {
  std::vector<LoadedCard> cards;
  for (const std::string& given : values.texts("card")) {
    const auto [name, path] = named_path(given);
    TaskPipeline pipeline = naming_place(path, [&, &place = path] {
      return pipeline_from_card(model, plugins, read_card(place),
                                values.given("force") ? Force::given : Force::omitted);
    });
    if (const std::string warning = unfitted_warning(pipeline.record); !warning.empty())
      show_warnings({path.string() + ": " + warning});
    take_limit(values, pipeline);
    if (!name.empty())
      pipeline.name = name;
    for (const LoadedCard& other : cards)
      if (other.pipeline.name == pipeline.name)
        throw UsageError("the cards " + other.path + " and " + given + " are both named \"" + pipeline.name +
                         "\"; name them with --card NAME=CARD.");
    cards.push_back({given, std::move(pipeline)});
  }
  return cards;
}

CardColumns columns_of(const TaskPipeline& pipeline, bool needs_answer) {
  return {pipeline.name, pipeline.record.columns, pipeline.prompt_template->fields(), needs_answer};
}

std::string template_text(const Values& values) {
  const std::string given = values.text("template");
  if (!given.starts_with("@"))
    return given;
  std::string text(without_byte_order_mark(read_text(given.substr(1), largest_template)));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  return text;
}

bool shows_more_than_a_template(const Values& values) {
  return values.given("card") || (values.given("task") && !values.given("template"));
}

TaskPipeline shown_pipeline(const Values& values, const Model& model, const registry::Registry& plugins,
                            PromptUse use) {
  const std::string verb = "`cuecard " + values.verb() + "`: ";
  if (values.given("card") && values.given("template"))
    throw UsageError(verb + "a card has its own template; omit --template or --card.");
  const std::string component =
      values.given("template-component") ? values.text("template-component") : ComponentChoice().component;
  const auto takes_text = [&] {
    return registry::declares(plugins.find(CUECARD_TEMPLATE, component).component(), "text");
  };
  if (values.given("template-component") && !values.given("template") && takes_text())
    throw UsageError(verb +
                     "--template-component says how --template is parsed, and no --template is given; give "
                     "one, or set the component in the task file.");
  if (values.given("card"))
    return std::move(load_cards(values, model, plugins).at(0).pipeline);
  TaskPipeline pipeline;
  if (shows_more_than_a_template(values)) {
    TaskFile task = read_task_file(values.text("task"));
    infer_labels_from_data(task);
    pipeline = naming_place(task.file, [&] {
      return make_untrained_pipeline(model, plugins, choice_of(task, "manual", {}, 0, plugins));
    });
  } else {
    const std::string text = values.given("template")      ? template_text(values)
                             : use == PromptUse::continued ? text_alone
                                                           : "";
    if (text.empty() && !values.given("template") && takes_text())
      throw UsageError(verb + "a template is needed: give one of --template, --task and --card.");
    pipeline = pipeline_of_template(model, plugins, text, component, use);
  }
  take_limit(values, pipeline);
  if (use != PromptUse::shown)
    refuse_open_slots(pipeline);
  return pipeline;
}

} // namespace cuecard::host
