#include "peft/import.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>

#include <cuecard/error.hpp>

#include "engine/train/train.hpp"
#include "peft/adapter_tensors.hpp"
#include "peft/head.hpp"
#include "peft/module_tensors.hpp"
#include "peft/name_pattern.hpp"

namespace cuecard::peft {

namespace {

void set(ComponentChoice& choice, const std::string& name, const std::string& value) {
  std::erase_if(choice.set, [&](const auto& option) { return option.first == name; });
  choice.set.emplace_back(name, value);
}

bool is_set(const ComponentChoice& choice, const std::string& name) {
  return std::ranges::any_of(choice.set, [&](const auto& option) { return option.first == name; });
}

void require_model_for(const Adapter& adapter, const BackboneShape& shape) {
  require_class_for_head(adapter, shape);
  const Task task = adapter.config.task;
  const bool fits = task == Task::causal_lm      ? shape.causal && shape.has_lm_head
                    : task == Task::seq_2_seq_lm ? shape.encoder_decoder
                    : task == Task::unspecified  ? shape.has_lm_head
                                                 : true;
  if (fits)
    return;
  throw DataError(adapter.folder.string() + ": \"task_type\" is " + name_of(task) + ", but the " +
                  shape.family + " model is " +
                  (shape.encoder_decoder ? "an encoder-decoder"
                   : shape.causal        ? "a causal model"
                                         : "an encoder") +
                  ((task == Task::causal_lm && shape.causal) || task == Task::unspecified
                       ? " without a language modeling head"
                       : "") +
                  "; use the model that it was trained on.");
}

/// The adapter type that the tuner must support: a multitask prompt becomes a plain one once its task is
/// selected.
std::string type_to_adopt(Type type) {
  return name_of(type == Type::multitask_prompt_tuning ? Type::prompt_tuning : type);
}

/// The tuner named after the adapter type (PREFIX_TUNING: prefix-tuning), else the first that adopts it.
registry::Entry tuner_for(const Adapter& adapter, const registry::Registry& plugins,
                          const std::string& requested) {
  const std::string kind = type_to_adopt(adapter.config.type);
  const auto adopts = [&](const registry::Entry& entry) {
    return std::ranges::count(entry.component().adopts, kind) > 0;
  };
  if (!requested.empty()) {
    const registry::Entry entry = plugins.find(CUECARD_TUNER, requested);
    if (!adopts(entry))
      throw UsageError("the tuner \"" + requested + "\" does not support " + kind +
                       " adapters; omit --tuner, or choose one whose `cuecard plugin info` lists that type.");
    return entry;
  }
  std::string namesake = kind;
  std::ranges::transform(namesake, namesake.begin(), [](char c) {
    return c == '_' ? '-' : c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  });
  std::vector<registry::Entry> found = plugins.entries(CUECARD_TUNER);
  std::erase_if(found, [&](const registry::Entry& entry) { return !adopts(entry); });
  if (found.empty())
    throw PluginError("no installed tuner supports PEFT adapters of type " + kind + "; install one, such as " +
                      namesake + ", in a folder given with --plugin-path.");
  for (const registry::Entry& entry : found)
    if (entry.component().name == namesake)
      return entry;
  return found.front();
}

/// The shortest text that is read as `value`.
std::string number_text(double value) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

/// Sets the options whose role says that they size the tuner for an adopted state: length, prefix sites, position ids, no
/// reparameterization; rank, scale and layers.
void set_tuner_options(ComponentChoice& choice, const registry::Entry& entry,
                       const Conditioning& conditioning) {
  const auto at_site = [&](PrefixSite site) {
    return std::ranges::any_of(conditioning.prefixes,
                               [&](const Prefix& prefix) { return prefix.site == site; });
  };
  const auto flag = [](bool value) { return value ? std::string("true") : std::string("false"); };
  std::map<uint32_t, std::string> values{
      {CUECARD_ROLE_REPARAMETRISED, "false"},
      {CUECARD_ROLE_COUNTS_POSITIONS, "true"},
      {CUECARD_ROLE_SITE_SELF, flag(at_site(PrefixSite::self))},
      {CUECARD_ROLE_SITE_ENCODER, flag(at_site(PrefixSite::encoder))},
      {CUECARD_ROLE_SITE_CROSS, flag(at_site(PrefixSite::cross))},
  };
  if (conditioning.embeddings.defined())
    values[CUECARD_ROLE_LENGTH] = std::to_string(conditioning.embeddings.size(0));
  if (!conditioning.prefixes.empty())
    values[CUECARD_ROLE_LENGTH] = std::to_string(conditioning.prefixes[0].key.size(1));
  std::string targets;
  int64_t largest = 0;
  for (const LowRankUpdate& update : conditioning.low_rank) {
    targets += (targets.empty() ? "" : ",") + update.weight;
    const int64_t rank = update.a.size(0);
    if (rank <= largest)
      continue;
    largest = rank;
    values[CUECARD_ROLE_RANK] = std::to_string(rank);
    values[CUECARD_ROLE_SCALE] = number_text(update.scale * static_cast<double>(rank));
  }
  for (const Rescaling& rescaling : conditioning.rescalings)
    targets += (targets.empty() ? "" : ",") + rescaling.weight;
  if (!targets.empty())
    values[CUECARD_ROLE_TARGETS] = targets;
  for (const OptionInfo& option : entry.component().options)
    if (const auto value = values.find(option.role); value != values.end())
      set(choice, option.name, value->second);
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

/// Sets verbalizer, labels and related template options, from the adapter's head or from the user's choice.
void choose_verbalizer(PipelineChoice& choice, const Adapter& adapter, const Model& model,
                       const registry::Registry& plugins, const std::optional<Head>& head) {
  if (head) {
    if (choice.labels.empty())
      choice.labels = label_names(adapter, model, head->labels);
    if (std::ssize(choice.labels) != head->labels)
      throw UsageError(adapter.folder.string() + ": the adapter's head has " + counted(head->labels, "label") +
                       ", but " + counted(choice.labels.size(), "label name") +
                       (choice.labels.size() == 1 ? " is given." : " are given."));
    if (choice.verbalizer.component != head->verbalizer)
      choice.verbalizer = {head->verbalizer, {}};
    for (const auto& [name, value] : head->options)
      set(choice.verbalizer, name, value);
    return;
  }
  if (choice.labels.empty() && choice.verbalizer.component == "manual")
    choice.verbalizer.component = "text";
  if (choice.labels.empty() && !model.shape().generates())
    throw UsageError(
        adapter.folder.string() + ": the " + model.shape().family +
        " model is a masked language model and the adapter has no head; give a task file or label names.");
  if (plugins.find(CUECARD_VERBALIZER, choice.verbalizer.component).component().trains !=
      CUECARD_TRAINS_NOTHING)
    throw UsageError("the verbalizer \"" + choice.verbalizer.component + "\" has trained parameters, and a " +
                     name_of(adapter.config.task) +
                     " adapter has none for it; choose one without parameters, such as manual or text.");
  // As in PEFT: the whole text goes to the encoder, nothing to the decoder.
  if (model.shape().encoder_decoder && choice.prompt_template.component == "manual" &&
      !is_set(choice.prompt_template, "encoder-decoder"))
    set(choice.prompt_template, "encoder-decoder", "plain");
}

/// Compares an embedding matrix saved in the adapter with the model's.
std::string embedding_note(const std::string& name, const at::Tensor& matrix, const Backbone& backbone) {
  const BackboneShape& shape = backbone.shape();
  const bool output = name.ends_with("lm_head.weight");
  const int64_t tokens = std::min(matrix.size(0), shape.vocabulary);
  std::string verdict = "has a different width from the model's";
  if (matrix.size(1) == shape.embedding_width) {
    int64_t changed = 0;
    constexpr int64_t step = 4096; // tokens compared at once, since the matrix can be as large as a model
    for (int64_t first = 0; first < tokens; first += step) {
      const at::Tensor ids = at::arange(first, std::min(tokens, first + step), backbone.device());
      const at::Tensor here = backbone.token_vectors(output ? TokenTable::output : TokenTable::input, ids);
      const at::Tensor there = matrix.slice(0, first, first + ids.size(0)).to(here.options());
      changed += here.ne(there).any(1).sum().item<int64_t>();
    }
    verdict = changed == 0 ? "equals the model's for their common tokens"
                           : "differs from the model's in " + std::to_string(changed) + " of " +
                                 std::to_string(tokens) + " tokens, whose logits will differ";
  }
  return "the adapter's embedding matrix \"" + name + "\" (" + std::to_string(matrix.size(0)) + " tokens) " +
         verdict + "; it is not imported, because cards hold no embedding matrices.";
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

Conditioning to_device(const at::Device& device, Conditioning conditioning) {
  if (conditioning.embeddings.defined())
    conditioning.embeddings = conditioning.embeddings.to(device);
  for (Prefix& prefix : conditioning.prefixes) {
    prefix.key = prefix.key.to(device);
    prefix.value = prefix.value.to(device);
  }
  for (LowRankUpdate& update : conditioning.low_rank) {
    update.a = update.a.to(device);
    update.b = update.b.to(device);
  }
  for (Rescaling& rescaling : conditioning.rescalings)
    rescaling.factors = rescaling.factors.to(device);
  return conditioning;
}

} // namespace

Imported import_adapter(const Adapter& adapter, const Model& model, const registry::Registry& plugins,
                        ImportChoice choice) {
  const BackboneShape& shape = model.shape();
  require_model_for(adapter, shape);
  Conditioning conditioning = adapter.config.updates_layers() ? updates_of(adapter, model.backbone())
                                                              : conditioning_of(adapter, shape, choice.task);
  if (conditioning.embeddings.defined())
    conditioning.embeddings = conditioning.embeddings / embedding_scale(model.files().configuration, shape);
  std::optional<Head> head;
  if (adapter.config.has_head())
    head = head_of(adapter, shape, base_layers_of(model.files(), shape));

  PipelineChoice& pipeline_choice = choice.pipeline;
  const registry::Entry entry = tuner_for(adapter, plugins, pipeline_choice.tuner.component);
  pipeline_choice.tuner.component = entry.plugin->manifest.id + "/" + entry.component().name;
  set_tuner_options(pipeline_choice.tuner, entry, conditioning);
  choose_verbalizer(pipeline_choice, adapter, model, plugins, head);

  TaskPipeline pipeline = make_pipeline(model, plugins, pipeline_choice);
  std::string why = "it gave no reason";
  if (!pipeline.tuner->adopt(to_device(model.backbone().device(), conditioning), why))
    throw DataError(adapter.folder.string() + ": the tuner \"" + entry.component().name +
                    "\" can't load the adapter: " + why + ".");
  if (head)
    pipeline.verbalizer->load_state(head->state);
  else // calibration depends on the prompt, so an adapter has none
    fit_verbalizer(model, pipeline, {}, {}, VerbalizerFitArgs::Moment::before_training);
  record_origin(pipeline.record.training.settings, adapter, choice.task);

  Imported imported{to_card(pipeline, model), {}};
  if (const std::vector<std::string>& ignored = adapter.ignored_modules; !ignored.empty())
    imported.notes.push_back("the adapter's file has tensors of " + counted(ignored.size(), "module") +
                             " that its \"target_modules\" do not name, such as \"" +
                             ignored.front().substr(0, 120) +
                             "\"; they are not imported, and PEFT does not use them either.");
  if (const std::string& pattern = adapter.config.target_pattern;
      !pattern.empty() && !NamePattern::parse(pattern))
    imported.notes.push_back(
        "\"target_modules\" is \"" + pattern.substr(0, 120) +
        "\", which can't be read as a regular expression; the updates of all modules in the file are imported.");
  for (const auto& [name, matrix] : adapter.embeddings)
    imported.notes.push_back(embedding_note(name, matrix, model.backbone()));
  return imported;
}

} // namespace cuecard::peft
