#include "engine/method.hpp"

#include <algorithm>
#include <span>

#include <cuecard/error.hpp>

#include "engine/counters.hpp"
#include "engine/guarded.hpp"
#include "model/strict_json.hpp"
#include "registry/options.hpp"
#include "registry/registry.hpp"

namespace cuecard {

namespace {

constexpr const char* created_by = "cuecard " CUECARD_VERSION;

/// Makes a component from options that are complete, and notes in `record` which it was.
template <class Interface>
std::shared_ptr<Interface> make_component(const registry::Entry& entry, const Options& options,
                                          CardComponent& record) {
  const Manifest& plugin = entry.plugin->manifest;
  record = {plugin.id, plugin.version, entry.component().name, options};
  return guarded(
      Component<Interface>{registry::make<Interface>(entry, options), plugin.id, entry.component().name});
}

template <class Interface>
std::shared_ptr<Interface> make_chosen(const registry::Registry& plugins, uint32_t kind,
                                       const ComponentChoice& choice, CardComponent& record) {
  const registry::Entry entry = plugins.find(kind, choice.component);
  return make_component<Interface>(entry, registry::complete(entry.component(), choice.set), record);
}

/// A card that needs what is not installed is not used wrongly: the installation lacks a plugin.
registry::Entry find_recorded(const registry::Registry& plugins, uint32_t kind, const CardComponent& recorded,
                              const std::string& card) {
  try {
    return plugins.find(kind, recorded.plugin + "/" + recorded.component);
  } catch (const UsageError& error) {
    throw PluginError("the card \"" + card + "\" needs the plugin \"" + recorded.plugin + "\" (" +
                      recorded.plugin_version + "): " + error.what() +
                      " Put its library and sidecar into a folder given with --plugin-path.");
  }
}

/// The component that a card names, with the card's options checked against what this version of it declares:
/// one that the card lacks takes its default, one that is not declared any more is a DataError.
template <class Interface>
std::shared_ptr<Interface> make_recorded(const registry::Registry& plugins, uint32_t kind,
                                         const CardComponent& recorded, const std::string& card,
                                         CardComponent& record) {
  const registry::Entry entry = find_recorded(plugins, kind, recorded, card);
  Options options;
  try {
    options = registry::complete(entry.component(), registry::as_text(entry.component(), recorded.options));
  } catch (const UsageError& error) {
    throw DataError("the card \"" + card + "\": " + error.what());
  }
  return make_component<Interface>(entry, options, record);
}

/// What a component is handed of the files and cards that its options name.
struct NamedByOptions {
  std::map<std::string, std::string> files;
  std::map<std::string, Learned> cards;
};

constexpr std::size_t largest_option_file = std::size_t{64} << 20;

/// Calls `read(path)` for each option of type `type` that names something; errors say which option it was.
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
                   named.cards[option] = card.tuner_learned;
                 });
  return named;
}

/// For people: whether what was learned moves the text behind it.
std::string position_convention(const Conditioning& learned) {
  for (const Prefix& prefix : learned.prefixes)
    if (prefix.site != PrefixSite::cross && prefix.positions == 0)
      return "prefixes do not count as positions";
  return "learned rows count as positions";
}

void check_slots(const Method& method) {
  if (method.target.reading.rows != Reading::Rows::answers)
    return;
  const int64_t has = method.prompt_template->answer_slots(), needs = method.verbalizer->answers();
  if (needs > 0 && has != needs)
    throw UsageError("the template has " + std::to_string(has) + " answer slots, but the verbalizer \"" +
                     method.record.verbalizer.component + "\" reads " + std::to_string(needs) + ".");
}

void prepare_verbalizer(Method& method, const Model& model, std::map<std::string, std::string> files) {
  method.verbalizer->prepare({model.vocabulary(),
                              model.backbone(),
                              method.labels,
                              method.record.label_words,
                              {},
                              std::move(files),
                              method.record.seed});
}

void check_windows(const Method& method) {
  const Reading::Rows rows = method.target.reading.rows;
  if (method.limit.truncate == Truncate::windows && rows != Reading::Rows::tokens &&
      rows != Reading::Rows::words)
    throw UsageError("a long text is read in windows by verbalizers that read its tokens or words, and \"" +
                     method.record.verbalizer.component +
                     "\" reads one place of a prompt: set \"truncate\" to \"tail\", \"head\" or \"balanced\".");
}

/// Binds template and verbalizer to each other and to the model.
void prepare_task(Method& method, const Model& model, std::map<std::string, std::string> files) {
  method.target = model.prompt_target();
  method.target.reading = method.verbalizer->reading();
  method.target.masked_targets = true;
  method.prompt_template->prepare(model.vocabulary(), method.target);
  prepare_verbalizer(method, model, std::move(files));
  check_slots(method);
  check_windows(method);
}

/// Binds the tuner that all of `methods` share to them.
void prepare_tuner(std::span<Method> methods, const Model& model,
                   const std::vector<const std::vector<Example>*>& train, NamedByOptions named) {
  Method& first = methods.front();
  Problem problem{model.backbone(),  model.vocabulary(),     {},
                  first.record.seed, std::move(named.files), std::move(named.cards)};
  for (std::size_t i = 0; i < methods.size(); ++i) {
    Method& method = methods[i];
    method.task = static_cast<int64_t>(i);
    problem.tasks.push_back({method.name, *method.prompt_template, *method.verbalizer, method.labels,
                             i < train.size() ? train[i] : nullptr, nullptr, method.metric});
  }
  first.tuner->prepare(problem);
  if (const TensorMap weights = first.tuner->replaced_weights(); !weights.empty()) {
    const std::shared_ptr<const Backbone> own = model.with(weights);
    for (Method& method : methods)
      method.own_backbone = own;
  }
  for (Method& method : methods)
    for (const Prefix& prefix : first.tuner->condition(method.task, {}).prefixes)
      method.prefix_positions = std::max(method.prefix_positions, prefix.positions);
}

} // namespace

CountedBackbone Method::backbone(const Model& model, Counters& counters) const {
  return {own_backbone ? *own_backbone : model.backbone(), counters};
}

Predicts Method::predicts() const {
  if (verbalizer->generation() || target.reading.rows == Reading::Rows::tokens)
    return Predicts::texts;
  return labels_words() ? Predicts::words : Predicts::labels;
}

int64_t Method::parameters() const {
  int64_t count = 0;
  for (const auto& groups : {tuner->parameters(), verbalizer->parameters()})
    for (const ParameterGroup& group : groups)
      for (const at::Tensor& tensor : group.tensors)
        count += tensor.numel();
  return count;
}

Method make_method(const Model& model, const registry::Registry& plugins, const MethodChoice& choice,
                   const std::vector<Example>* train) {
  return std::move(make_methods(model, plugins, {choice}, {train})[0]);
}

std::vector<Method> make_methods(const Model& model, const registry::Registry& plugins,
                                 const std::vector<MethodChoice>& choices,
                                 const std::vector<const std::vector<Example>*>& train) {
  std::vector<Method> methods;
  for (const MethodChoice& choice : choices) {
    Method& method = methods.emplace_back();
    Card& record = method.record;
    method.name = record.name = choice.name;
    method.labels = record.labels = choice.labels;
    method.limit = record.length = choice.limit;
    record.label_words = choice.label_words;
    record.seed = choice.seed;
    method.prompt_template =
        make_chosen<Template>(plugins, CUECARD_TEMPLATE, choice.prompt_template, record.prompt_template);
    method.verbalizer =
        make_chosen<Verbalizer>(plugins, CUECARD_VERBALIZER, choice.verbalizer, record.verbalizer);
    if (methods.size() == 1)
      method.tuner = make_chosen<Tuner>(plugins, CUECARD_TUNER, choice.tuner, record.tuner);
    method.tuner = methods[0].tuner;
    record.tuner = methods[0].record.tuner;
    prepare_task(method, model, named_by(plugins, CUECARD_VERBALIZER, record.verbalizer, model).files);
    method.metric = choice.metric.empty() ? default_metric(method.predicts()) : choice.metric;
  }
  prepare_tuner(methods, model, train, named_by(plugins, CUECARD_TUNER, methods.at(0).record.tuner, model));
  return methods;
}

Method method_from_card(const Model& model, const registry::Registry& plugins, const Card& card, bool force) {
  check_identity(card, model.identity(), force);
  Method method;
  method.record = card;
  method.name = card.name;
  method.labels = card.labels;
  method.limit = card.length;
  method.prompt_template = make_recorded<Template>(plugins, CUECARD_TEMPLATE, card.prompt_template, card.name,
                                                   method.record.prompt_template);
  method.verbalizer = make_recorded<Verbalizer>(plugins, CUECARD_VERBALIZER, card.verbalizer, card.name,
                                                method.record.verbalizer);
  method.tuner = make_recorded<Tuner>(plugins, CUECARD_TUNER, card.tuner, card.name, method.record.tuner);
  if (method.prompt_template->source() != card.template_source)
    method.prompt_template->set_source(card.template_source);
  prepare_task(method, model, {});
  method.metric = card.metrics.empty() ? default_metric(method.predicts()) : card.metrics.back().name;
  prepare_tuner({&method, 1}, model, {}, {});
  method.verbalizer->import_learned(card.verbalizer_learned);
  method.tuner->import_learned(card.tuner_learned);
  return method;
}

void keep_plain_prompt(Method& method, const Model& model, const registry::Registry& plugins,
                       const std::vector<std::vector<std::string>>& label_words) {
  Card& record = method.record;
  record.training.settings.set("tuner", record.tuner.component);
  for (const auto& [name, value] : record.tuner.options.values())
    record.training.settings.set("tuner." + name, value);
  std::string triggers; // as ids, beside the template that spells them
  for (const int64_t id : method.prompt_template->triggers())
    triggers += (triggers.empty() ? "" : " ") + std::to_string(id);
  if (!triggers.empty())
    record.training.settings.set("trigger-ids", triggers);
  method.tuner = make_chosen<Tuner>(plugins, CUECARD_TUNER, {}, record.tuner);
  method.own_backbone = nullptr;
  if (!label_words.empty()) {
    const Learned learned = method.verbalizer->export_learned();
    record.label_words = label_words;
    prepare_verbalizer(method, model, named_by(plugins, CUECARD_VERBALIZER, record.verbalizer, model).files);
    method.verbalizer->import_learned(learned);
  }
  prepare_tuner({&method, 1}, model, {}, {});
}

Card to_card(const Method& method, const Model& model) {
  Card card = method.record;
  card.created_by = created_by;
  card.backbone = model.identity();
  card.template_source = method.prompt_template->source();
  card.positions = position_convention(method.tuner->condition(method.task, {}));
  card.tuner_learned = method.tuner->export_learned(method.task);
  card.verbalizer_learned = method.verbalizer->export_learned();
  return card;
}

} // namespace cuecard
