#include "conformance/kit_files.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "conformance/planted_task.hpp"
#include "files/atomic_write.hpp"

namespace cuecard::conformance {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char *train_file = "train.jsonl", *test_file = "test.jsonl";
constexpr int64_t train_rows = 8; ///< a case takes all of them, or the first ones
constexpr int64_t test_rows = 32;
constexpr uint64_t other_examples = 100; ///< added to the seed, as in the case "verbalizer-calibration"

std::string json_lines(const std::vector<Example>& rows) {
  std::string text;
  for (const Example& row : rows) {
    Json line = Json::object();
    for (const auto& [name, field] : row.fields)
      line[name] = field;
    for (const auto& [name, words] : row.words)
      line[name] = words;
    line["label"] = row.label;
    line["word_labels"] = row.word_labels;
    line["answer"] = row.answers.at(0);
    line["start"] = row.spans.at(0).begin; // in characters, which are bytes here
    text += line.dump() + "\n";
  }
  return text;
}

/// Names these files and their columns. Each example has what any kind of task needs.
Json data_json(bool labels_words) {
  Json data{{"train", train_file},
            {"dev", train_file},
            {"test", test_file}}; // the cases train and evaluate on the same
  for (const char* field : {"text", "context", "question"})
    data["fields"][field] = field;
  data["words"]["words"] = "words";
  if (!labels_words) // every list of words would need as many labels
    data["choices"]["choices"] = "choices";
  data["label"] = labels_words ? "word_labels" : "label";
  data["answers"] = "answer";
  data["spans"] = {{"field", "context"}, {"texts", "answer"}, {"starts", "start"}};
  return data;
}

/// Relative paths in a task file are relative to it; those of `--set` to the working directory.
std::string absolute_path(const ComponentInfo& component, const std::string& option, const std::string& value) {
  const bool is_path = std::ranges::any_of(component.options, [&](const OptionInfo& each) {
    return each.name == option && (each.type == CUECARD_FILE || each.type == CUECARD_CARD);
  });
  return is_path && !value.empty() ? fs::absolute(value).string() : value;
}

Json component_json(const registry::Registry& plugins, uint32_t kind, const ComponentChoice& choice) {
  const registry::Entry entry = plugins.find(kind, choice.component);
  Json component{{"component", choice.component}};
  for (const auto& [name, value] : choice.set)
    if (kind == CUECARD_TEMPLATE && name == "text")
      component["text"] = value;
    else
      component["options"][name] = absolute_path(entry.component(), name, value);
  return component;
}

std::string task_text(const registry::Registry& plugins, const PipelineChoice& choice, bool labels_words) {
  Json labels = Json::array();
  for (std::size_t label = 0; label < choice.labels.size(); ++label)
    labels.push_back({{"name", choice.labels[label]},
                      {"words", choice.label_words[label]},
                      {"values", Json::array({label})}});
  const Json task{{"name", choice.name},
                  {"data", data_json(labels_words)},
                  {"labels", labels},
                  {"template", component_json(plugins, CUECARD_TEMPLATE, choice.prompt_template)},
                  {"verbalizer", component_json(plugins, CUECARD_VERBALIZER, choice.verbalizer)}};
  return task.dump(2) + "\n";
}

/// Writes each text of the template before it is tried, so that after a crash the file is the task that crashes.
void write_task(const Subject& subject, const Model& model, const fs::path& file) {
  const PlantedChoice planted = planted_with(subject);
  const bool labels_words = asked_by(subject.plugins, planted).positions.kind == OutputPositions::Kind::words;
  try {
    planted_pipeline(subject, model, planted, planted_rows(train_rows, subject.seed),
                     [&](const PipelineChoice& choice) {
                       write_file_atomically(file, task_text(subject.plugins, choice, labels_words));
                     });
  } catch (const Refused& refusal) {
    fs::remove(file);
    throw NotApplicable(refusal.what());
  }
}

class KitWriter {
public:
  KitWriter(const AtomicDirectory& folder, const registry::Registry& plugins,
            const std::shared_ptr<const registry::Plugin>& plugin, const RunSettings& settings)
      : folder_(folder), plugins_(plugins), plugin_(plugin), settings_(settings) {}

  void examples(const char* name, int64_t count, uint64_t seed) {
    try {
      write_file_atomically(folder_.path() / name, json_lines(planted_rows(count, seed)));
    } catch (const DataError& error) {
      throw DataError(folder_.with_target_path(error.what()));
    }
    files_.push_back({name, true, ""});
  }

  /// Returns whether it was written.
  bool model(const std::string& name, const std::string& model_type, uint64_t seed) {
    const fs::path place = folder_.path() / name;
    const Finding finding = in_a_copy(
        [&](const Subject& subject) { write_tiny_model(place, model_type, subject.plugins, seed); }, 0);
    if (finding.status != Status::passed)
      fs::remove_all(place);
    return add(name, finding);
  }

  void task(const std::string& name, const std::string& model, std::size_t component) {
    const Finding finding = in_a_copy(
        [&](const Subject& subject) {
          const Model loaded = Model::load(folder_.path() / model, subject.plugins, {});
          if (subject.info().kind == CUECARD_BACKBONE && !loaded.shape().has_lm_head)
            throw NotApplicable("it has no head over the vocabulary, which the planted task needs.");
          write_task(subject, loaded, folder_.path() / name);
        },
        component);
    add(name, finding);
  }

  const std::vector<KitFile>& files() const { return files_; }

private:
  Finding in_a_copy(const std::function<void(const Subject&)>& write, std::size_t component) {
    const auto run = [&](const Subject& subject) {
      write(subject);
      return std::string();
    };
    return run_case({"", 0, "", run}, plugins_, plugin_, component, settings_);
  }

  bool add(const std::string& name, const Finding& finding) {
    const bool written = fs::exists(folder_.path() / name);
    files_.push_back({name, written, folder_.with_target_path(finding.text)});
    return written;
  }

  const AtomicDirectory& folder_;
  const registry::Registry& plugins_;
  const std::shared_ptr<const registry::Plugin>& plugin_;
  const RunSettings& settings_;
  std::vector<KitFile> files_;
};

/// "tuner-my-tuner": components of different kinds may have one name.
std::string file_name(const ComponentInfo& component) {
  return kind_name(component.kind) + "-" + component.name;
}

} // namespace

std::vector<KitFile> write_kit_files(const fs::path& folder, const registry::Registry& plugins,
                                     const std::shared_ptr<const registry::Plugin>& plugin,
                                     const RunSettings& settings) {
  require_free_place(folder);
  AtomicDirectory directory(folder);
  KitWriter writer(directory, plugins, plugin, settings);
  writer.examples(train_file, train_rows, settings.seed);
  writer.examples(test_file, test_rows, settings.seed + other_examples);
  const std::vector<ComponentInfo> components =
      plugin->refusal.empty() ? plugin->manifest.components : std::vector<ComponentInfo>();
  for (const Family& family : families()) {
    if (!writer.model(family.name, family.model_type, model_seed(settings.seed)))
      continue;
    for (std::size_t i = 0; i < components.size(); ++i)
      if (components[i].kind != CUECARD_BACKBONE)
        writer.task(file_name(components[i]) + "." + family.name + ".json", family.name, i);
  }
  for (std::size_t i = 0; i < components.size(); ++i)
    if (const std::string name = file_name(components[i]); components[i].kind == CUECARD_BACKBONE)
      if (writer.model(name, components[i].model_types.at(0), settings.seed))
        writer.task(name + ".json", name, i);
  directory.commit();
  return writer.files();
}

} // namespace cuecard::conformance
