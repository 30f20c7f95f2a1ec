#include "engine/method.hpp"

#include <cuecard/error.hpp>

#include "engine/counters.hpp"
#include "engine/guarded.hpp"
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

/// Texts of the files that a component's options name.
std::map<std::string, std::string> files_of(const CardComponent&) {
  return {};
}

/// For people: whether what was learned moves the text behind it.
std::string position_convention(const Conditioning& learned) {
  for (const Prefix& prefix : learned.prefixes)
    if (prefix.positions == 0)
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

/// Binds template and verbalizer to each other and to the model.
void prepare_task(Method& method, const Model& model) {
  method.target = model.prompt_target();
  method.target.reading = method.verbalizer->reading();
  method.target.masked_targets = true;
  method.prompt_template->prepare(model.vocabulary(), method.target);
  method.verbalizer->prepare({model.vocabulary(),
                              model.backbone(),
                              method.labels,
                              method.record.label_words,
                              {},
                              files_of(method.record.verbalizer),
                              method.record.seed});
  check_slots(method);
}

/// Binds the tuner that all of `methods` share to them.
void prepare_tuner(std::vector<Method>& methods, const Model& model,
                   const std::vector<const std::vector<Example>*>& train) {
  Method& first = methods.at(0);
  Problem problem{model.backbone(),  model.vocabulary(),           {},
                  first.record.seed, files_of(first.record.tuner), {}};
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
}

} // namespace

CountedBackbone Method::backbone(const Model& model, Counters& counters) const {
  return {own_backbone ? *own_backbone : model.backbone(), counters};
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
  Method method;
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
  method.tuner = make_chosen<Tuner>(plugins, CUECARD_TUNER, choice.tuner, record.tuner);
  prepare_task(method, model);
  std::vector<Method> methods{std::move(method)};
  prepare_tuner(methods, model, {train});
  return std::move(methods[0]);
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
  prepare_task(method, model);
  std::vector<Method> methods{std::move(method)};
  prepare_tuner(methods, model, {});
  methods[0].verbalizer->import_learned(card.verbalizer_learned);
  methods[0].tuner->import_learned(card.tuner_learned);
  return std::move(methods[0]);
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
