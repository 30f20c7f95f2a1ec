#include <iostream>

#include "data/naming_place.hpp"
#include "files/atomic_write.hpp"
#include "host/device.hpp"
#include "host/loading.hpp"
#include "host/output/json_line.hpp"
#include "host/verbs/verbs.hpp"
#include "peft/export.hpp"

namespace cuecard::host {

namespace {

void print(const Json& exported) {
  std::cout << exported["out"].get<std::string>() << ": " << exported["peft_type"].get<std::string>()
            << (exported["virtual_tokens"] == 0
                    ? ""
                    : " with " + exported["virtual_tokens"].dump() + " virtual tokens")
            << " for " << exported["task_type"].get<std::string>() << '\n';
  for (const Json& part : exported["not_exported"])
    std::cout << "not exported: " << part.get<std::string>() << '\n';
}

} // namespace

int card_export(const Values& values) {
  const at::Device device = open_device(values);
  const std::string out = values.text("folder");
  require_free_place(out); // before the model is loaded
  const registry::Registry plugins = find_plugins(values);
  const Card card = read_card(values.text("card"));
  const Model model = load_model(values, plugins, device);

  peft::ExportChoice choice;
  choice.type = peft::type_of(values.text("type"));
  choice.base_model = values.given("base") ? values.text("base") : values.text("model");
  choice.drop_template = values.given("drop-template");
  const TaskPipeline pipeline = naming_place(values.text("card"), [&] {
    return pipeline_from_card(model, plugins, card, values.given("force") ? Force::given : Force::omitted);
  });
  const peft::Exported exported = peft::export_card(pipeline, model, plugins, choice);
  peft::write_adapter(exported.adapter, out);

  const peft::AdapterConfig& config = exported.adapter.config;
  const Json object{{"card", card.name},
                    {"out", out},
                    {"peft_type", peft::name_of(config.type)},
                    {"task_type", peft::name_of(config.task)},
                    {"base_model", config.base_model},
                    {"virtual_tokens", config.virtual_tokens},
                    {"head", !exported.adapter.head.empty()},
                    {"not_exported", exported.not_exported}};
  if (values.given("json"))
    print_line(object);
  else if (!values.given("quiet"))
    print(object);
  return 0;
}

} // namespace cuecard::host
