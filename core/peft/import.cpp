#include "peft/import.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>

#include <cuecard/error.hpp>

#include "peft/head.hpp"
#include "peft/learned_rows.hpp"

namespace cuecard::peft {

namespace {

void set(ComponentChoice& choice, const std::string& name, const std::string& value) {
  std::erase_if(choice.set, [&](const auto& known) { return known.first == name; });
  choice.set.emplace_back(name, value);
}

bool is_set(const ComponentChoice& choice, const std::string& name) {
  return std::ranges::any_of(choice.set, [&](const auto& known) { return known.first == name; });
}

void require_model_for(const Adapter& adapter, const BackboneShape& shape) {
  const Task task = adapter.config.task;
  const bool fits = task == Task::causal_lm      ? shape.causal && shape.scores_vocabulary
                    : task == Task::seq_2_seq_lm ? shape.encoder_decoder
                                                 : !shape.encoder_decoder;
  if (fits)
    return;
  throw DataError(adapter.folder.string() + ": \"task_type\" is " + name_of(task) + ", and the " +
                  shape.family + " model is " +
                  (shape.encoder_decoder ? "an encoder-decoder"
                   : shape.causal        ? "a causal model"
                                         : "an encoder") +
                  (task == Task::causal_lm && shape.causal ? " without a head over the vocabulary" : "") +
                  "; name the model that it was learned on.");
}

/// A multitask prompt is one prompt once its task is chosen.
std::string adopted_as(Type type) {
  return name_of(type == Type::multitask_prompt_tuning ? Type::prompt_tuning : type);
}

/// The tuner that bears the name of the kind (PREFIX_TUNING: prefix-tuning), else the first that adopts it.
registry::Entry tuner_for(const Adapter& adapter, const registry::Registry& plugins, const std::string& asked) {
  const std::string kind = adopted_as(adapter.config.type);
  const auto adopts = [&](const registry::Entry& entry) {
    return std::ranges::count(entry.component().adopts, kind) > 0;
  };
  if (!asked.empty()) {
    const registry::Entry entry = plugins.find(CUECARD_TUNER, asked);
    if (!adopts(entry))
      throw UsageError("the tuner \"" + asked + "\" does not take adapters of the kind " + kind +
                       "; leave --tuner out, or name one that `cuecard plugin info` says it of.");
    return entry;
  }
  std::string namesake = kind;
  std::ranges::transform(namesake, namesake.begin(), [](char c) {
    return c == '_' ? '-' : c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  });
  std::vector<registry::Entry> found = plugins.entries(CUECARD_TUNER);
  std::erase_if(found, [&](const registry::Entry& entry) { return !adopts(entry); });
  if (found.empty())
    throw PluginError("no installed tuner takes PEFT adapters of the kind " + kind +
                      "; put the library of one, such "
                      "as " +
                      namesake + ", into a folder given with --plugin-path.");
  for (const registry::Entry& entry : found)
    if (entry.component().name == namesake)
      return entry;
  return found.front();
}

/// Sizes the tuner for what it shall adopt, by the options' common names: as many rows, at the places where the
/// adapter has them, counted as positions, learned directly. Tuners declare those of them that they need.
void fit_options(ComponentChoice& choice, const registry::Entry& entry, const Conditioning& learned) {
  const auto at_site = [&](PrefixSite site) {
    return std::ranges::any_of(learned.prefixes, [&](const Prefix& prefix) { return prefix.site == site; });
  };
  const auto text = [](bool flag) { return flag ? std::string("true") : std::string("false"); };
  const int64_t rows = learned.prefixes.empty() ? learned.embeddings.size(0) : learned.prefixes[0].key.size(1);
  struct Known {
    const char* name;
    uint32_t type;
    std::string value;
  };
  const Known known[] = {
      {"length", CUECARD_INTEGER, std::to_string(rows)},
      {"projection", CUECARD_FLAG, "false"},
      {"count-positions", CUECARD_FLAG, "true"},
      {"self", CUECARD_FLAG, text(at_site(PrefixSite::self))},
      {"encoder", CUECARD_FLAG, text(at_site(PrefixSite::encoder))},
      {"cross", CUECARD_FLAG, text(at_site(PrefixSite::cross))},
  };
  for (const OptionInfo& option : entry.component().options)
    for (const Known& each : known)
      if (option.name == each.name && option.type == each.type)
        set(choice, option.name, each.value);
}

std::vector<std::string> label_names(const Adapter& adapter, const Model& model, int64_t count) {
  if (std::ssize(adapter.config.labels) == count)
    return adapter.config.labels;
  std::vector<std::string> named, numbered;
  const Configuration& configuration = model.files().configuration;
  for (int64_t label = 0; label < count; ++label) {
    numbered.push_back(std::to_string(label));
    if (configuration.has("id2label." + numbered.back()))
      named.push_back(configuration.text("id2label." + numbered.back()));
  }
  const bool all = std::ssize(named) == count && !configuration.has("id2label." + std::to_string(count));
  return all ? named : numbered;
}

/// The verbalizer and the labels, from the adapter's head or from the choice; template options that go with
/// them.
void choose_reading(MethodChoice& choice, const Adapter& adapter, const Model& model,
                    const registry::Registry& plugins, const std::optional<Head>& head) {
  if (head) {
    if (choice.labels.empty())
      choice.labels = label_names(adapter, model, head->labels);
    if (std::ssize(choice.labels) != head->labels)
      throw UsageError(adapter.folder.string() + ": the adapter's head has " + std::to_string(head->labels) +
                       " labels, and " + std::to_string(choice.labels.size()) + " are named.");
    if (choice.verbalizer.component != head->verbalizer)
      choice.verbalizer = {head->verbalizer, {}};
    for (const auto& [name, value] : head->options)
      set(choice.verbalizer, name, value);
    return;
  }
  if (choice.labels.empty() && choice.verbalizer.component == "manual")
    choice.verbalizer.component = "text";
  if (plugins.find(CUECARD_VERBALIZER, choice.verbalizer.component).component().learns !=
      CUECARD_LEARNS_NOTHING)
    throw UsageError("the verbalizer \"" + choice.verbalizer.component + "\" learns, and a " +
                     name_of(adapter.config.task) +
                     " adapter has nothing for it; name one that learns nothing, such as manual or text.");
  // As PEFT's models are asked: the whole text to the encoder, nothing to the decoder.
  if (model.backbone().shape().encoder_decoder && choice.prompt_template.component == "manual" &&
      !is_set(choice.prompt_template, "encoder-decoder"))
    set(choice.prompt_template, "encoder-decoder", "plain");
}

/// How an embedding matrix that lies in the adapter compares with the model's.
std::string note_on(const std::string& name, const at::Tensor& matrix, const Backbone& backbone) {
  const BackboneShape& shape = backbone.shape();
  const bool output = name.ends_with("lm_head.weight");
  const int64_t rows = std::min(matrix.size(0), shape.vocabulary);
  std::string verdict = "is of another width than the model's";
  if (matrix.size(1) == shape.embedding_width) {
    int64_t changed = 0;
    constexpr int64_t step = 4096; // rows compared at once: such a matrix can be as large as a model
    for (int64_t first = 0; first < rows; first += step) {
      const at::Tensor ids = at::arange(first, std::min(rows, first + step), backbone.device());
      const at::Tensor here = backbone.token_rows(output ? TokenTable::output : TokenTable::input, ids);
      const at::Tensor there = matrix.slice(0, first, first + ids.size(0)).to(here.options());
      changed += here.ne(there).any(1).sum().item<int64_t>();
    }
    verdict = changed == 0 ? "is the model's own where they have the same tokens"
                           : "differs from the model's in " + std::to_string(changed) + " of " +
                                 std::to_string(rows) + " tokens, whose scores will differ";
  }
  return "the adapter's embedding matrix \"" + name + "\" (" + std::to_string(matrix.size(0)) + " tokens) " +
         verdict + "; it is left out, since a card has none.";
}

void record_origin(Options& settings, const Adapter& adapter, int64_t task) {
  settings.set("imported-from",
               std::string("PEFT ") + name_of(adapter.config.type) + ", " + name_of(adapter.config.task));
  settings.set("base-model", adapter.config.base_model);
  settings.set("dtype", adapter.dtype == at::kHalf       ? std::string("float16")
                        : adapter.dtype == at::kBFloat16 ? "bfloat16"
                        : adapter.dtype == at::kDouble   ? "float64"
                                                         : "float32");
  if (!adapter.config.peft_version.empty())
    settings.set("peft-version", adapter.config.peft_version);
  if (adapter.config.type == Type::multitask_prompt_tuning)
    settings.set("task-id", task);
}

Conditioning on(const at::Device& device, Conditioning learned) {
  if (learned.embeddings.defined())
    learned.embeddings = learned.embeddings.to(device);
  for (Prefix& prefix : learned.prefixes) {
    prefix.key = prefix.key.to(device);
    prefix.value = prefix.value.to(device);
  }
  return learned;
}

} // namespace

Imported import_adapter(const Adapter& adapter, const Model& model, const registry::Registry& plugins,
                        ImportChoice choice) {
  const BackboneShape& shape = model.backbone().shape();
  require_model_for(adapter, shape);
  Conditioning learned = conditioning_of(adapter, shape, choice.task);
  if (learned.embeddings.defined())
    learned.embeddings = learned.embeddings / embedding_scale(model.files().configuration, shape);
  std::optional<Head> head;
  if (adapter.config.has_head())
    head = head_of(adapter, shape);

  MethodChoice& method_choice = choice.method;
  const registry::Entry entry = tuner_for(adapter, plugins, method_choice.tuner.component);
  method_choice.tuner.component = entry.plugin->manifest.id + "/" + entry.component().name;
  fit_options(method_choice.tuner, entry, learned);
  choose_reading(method_choice, adapter, model, plugins, head);

  Method method = make_method(model, plugins, method_choice);
  std::string why = "it gave no reason";
  if (!method.tuner->adopt(on(model.backbone().device(), learned), why))
    throw DataError(adapter.folder.string() + ": the tuner \"" + entry.component().name +
                    "\" can't take what the adapter learned: " + why + ".");
  if (head)
    method.verbalizer->import_learned(head->learned);
  record_origin(method.record.training.settings, adapter, choice.task);

  Imported imported{to_card(method, model), {}};
  for (const auto& [name, matrix] : adapter.embeddings)
    imported.notes.push_back(note_on(name, matrix, model.backbone()));
  return imported;
}

} // namespace cuecard::peft
