#include <iostream>

#include <cuecard/error.hpp>

#include "host/device.hpp"
#include "host/loading.hpp"
#include "host/output/json_line.hpp"
#include "host/runs/task_data.hpp"
#include "host/verbs/verbs.hpp"
#include "machine/models.hpp"
#include "peft/import.hpp"
#include "program/one_line.hpp"

namespace cuecard::host {

namespace {

/// The task that the flags describe, in the form of a task file.
TaskFile described_task(const Values& values, const peft::Adapter& adapter) {
  TaskFile task;
  if (values.given("task")) {
    if (values.given("template") || values.given("label"))
      throw UsageError("the file of --task has a template and labels; omit --template and --label.");
    return read_task_file(values.text("task"));
  }
  const std::filesystem::path folder = values.text("adapter");
  task.name = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
  task.template_text = values.given("template")                       ? template_text(values)
                       : adapter.config.task == peft::Task::token_cls ? "{words}"
                                                                      : "{text}";
  for (const std::string& name : values.texts("label")) {
    TaskLabel& label = task.labels.emplace_back();
    label.name = name;
    label.words = {name};
  }
  const LabelIndex checked(task.labels); // UsageError for two labels of one name
  return task;
}

/// A model's name without folders, file extension and case: "Llama-2-7b" of "meta-llama/Llama-2-7b" and of "dir/llama-2-7b.gguf".
std::string bare_name(std::filesystem::path path) {
  if (!path.has_filename())
    path = path.parent_path();
  std::string name = (path.extension() == ".gguf" ? path.stem() : path.filename()).string();
  for (char& letter : name)
    letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  return name;
}

/// An adapter names the model that it was trained for and holds no hash of it, so only the names can be compared: one begins with
/// the other, since files of quantised weights have their type after it.
void warn_of_other_model(const std::string& base, const std::string& given) {
  if (base.empty())
    return;
  const std::string trained = bare_name(base), used = bare_name(std::filesystem::absolute(model_path(given)));
  if (!trained.starts_with(used) && !used.starts_with(trained))
    std::cerr << "cuecard: warning: the adapter was trained for the model \"" << one_line(base)
              << "\" (base_model_name_or_path), and --model is \"" << one_line(given)
              << "\"; if that is another model, the card does not work.\n";
}

void print(const Json& imported) {
  // "virtual_tokens" is 0 of updates of linear layers.
  std::cout << imported["out"].get<std::string>() << ": "
            << (imported["virtual_tokens"] == 0 ? "updates of layers"
                                                : imported["virtual_tokens"].dump() + " virtual tokens")
            << " for " << imported["tuner"].get<std::string>() << ", "
            << imported["verbalizer"].get<std::string>();
  std::string labels;
  for (const Json& label : imported["labels"])
    labels += (labels.empty() ? "" : ", ") + one_line(label.get<std::string>());
  std::cout << (labels.empty() ? "" : " with labels " + labels) << '\n';
}

} // namespace

int card_import(const Values& values) {
  const at::Device device = open_device(values);
  const std::string out = values.text("out");
  check_card_place(out);
  const registry::Registry plugins = find_plugins(values);
  const peft::Adapter adapter = peft::read_adapter(values.text("adapter"));
  const TaskFile task = described_task(values, adapter);
  const Model model = load_model(values, plugins, device);

  const peft::ImportChoice choice{choice_of(task, values.text("tuner"), values.pairs("set"), 0, plugins),
                                  values.integer("task-id")};
  const peft::Imported imported = peft::import_adapter(adapter, model, plugins, choice);
  save_card(imported.card, out);

  const Card& card = imported.card;
  for (const std::string& note : imported.notes)
    std::cerr << "cuecard: warning: " << note << '\n';
  warn_of_other_model(adapter.config.base_model, values.text("model"));
  const Json object{{"card", card.name},
                    {"out", out},
                    {"adapter", adapter.folder.string()},
                    {"peft_type", peft::name_of(adapter.config.type)},
                    {"task_type", peft::name_of(adapter.config.task)},
                    {"base_model", adapter.config.base_model},
                    {"virtual_tokens", adapter.config.virtual_tokens},
                    {"tuner", card.tuner.component},
                    {"verbalizer", card.verbalizer.component},
                    {"labels", card.labels},
                    {"not_imported", imported.notes}};
  if (values.given("json"))
    print_line(object);
  else if (!values.given("quiet"))
    print(object);
  return 0;
}

} // namespace cuecard::host
