// Which modules of an adapter's file PEFT 0.21.2 updates (tuners/tuners_utils.py, check_target_module_exists).
#include "peft/target_modules.hpp"

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "model/safetensors/safetensors.hpp"
#include "model/test_folder.hpp"

// After LibTorch, whose logging header also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::peft;
using nlohmann::json;

namespace {

const std::string q0 = "model.layers.0.self_attn.q_proj", v1 = "model.layers.1.self_attn.v_proj";

Adapter read(const json& fields) {
  json config{{"peft_type", "LORA"}, {"task_type", "CAUSAL_LM"}, {"r", 2}};
  config.update(fields);
  const TestFolder folder;
  folder.write("a/adapter_config.json", config.dump());
  TensorMap tensors;
  for (const std::string& module : {q0, v1}) {
    tensors["base_model.model." + module + ".lora_A.weight"] = at::zeros({2, 4});
    tensors["base_model.model." + module + ".lora_B.weight"] = at::zeros({4, 2});
  }
  write_safetensors(folder.path() / "a/adapter_model.safetensors", tensors);
  return read_adapter(folder.path() / "a");
}

} // namespace

TEST_CASE("tensors of modules that the configuration does not name are left out") {
  struct Case {
    json fields;
    std::vector<std::string> ignored;
  };
  const Case cases[] = {
      {{{"target_modules", {"q_proj", "v_proj"}}}, {}},
      {{{"target_modules", {"q_proj"}}}, {v1}},
      {{{"target_modules", {q0}}}, {v1}},
      {{{"target_modules", {"proj", "v_proj"}}}, {q0}},
      {{{"target_modules", nullptr}}, {}},
      {json::object(), {}},
      {{{"target_modules", "all-linear"}}, {}},
      {{{"target_modules", "All-Linear"}}, {}},
      {{{"target_modules", R"(.*\.layers\.1\..*)"}}, {q0}},
      {{{"target_modules", "(?i).*Q_proj"}}, {v1}},
      {{{"target_modules", "(q_proj"}}, {}}, // no regular expression
      {{{"target_modules", {"q_proj", "v_proj"}}, {"exclude_modules", {"v_proj"}}}, {v1}},
      {{{"target_modules", {"q_proj", "v_proj"}}, {"exclude_modules", ".*q_proj"}}, {q0}},
      {{{"target_modules", {"q_proj", "v_proj"}}, {"layers_to_transform", 1}}, {q0}},
      {{{"target_modules", {"q_proj", "v_proj"}}, {"layers_to_transform", {0}}, {"layers_pattern", "layers"}},
       {v1}},
      {{{"target_modules", {"q_proj", q0, "v_proj"}}, {"layers_to_transform", {1}}},
       {}}, // a whole name is in any layer
      {{{"target_modules", {"q_proj", "v_proj"}}, {"layers_to_transform", json::array()}}, {}},
  };
  for (const Case& each : cases) {
    CAPTURE(each.fields.dump());
    const Adapter adapter = read(each.fields);
    CHECK(adapter.ignored_modules == each.ignored);
    CHECK(adapter.module_tensors.size() == 4 - 2 * each.ignored.size());
    for (const std::string& module : each.ignored)
      CHECK(!adapter.module_tensors.contains(module + ".lora_A"));
  }
}

TEST_CASE("a configuration that names none of the file's modules, and layers that are none, are refused") {
  CHECK(contains(sentence([] {
                   read({{"target_modules", {"k_proj"}}});
                 }),
                 "has tensors of 2 modules, such as \"" + q0 +
                     "\", and \"target_modules\" of adapter_config.json names none"));
  CHECK(contains(sentence([] {
                   read({{"target_modules", {"q_proj"}}, {"layers_to_transform", {-1}}});
                 }),
                 "\"layers_to_transform\" is [-1]; expected a layer or a list of layers, counted from 0"));
}
