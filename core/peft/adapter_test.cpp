// Reading and writing adapter folders: errors for missing, unknown, truncated or misshapen contents.
#include "peft/adapter.hpp"

#include <cmath>

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

json prompt_config() {
  return {{"peft_type", "PROMPT_TUNING"},
          {"task_type", "CAUSAL_LM"},
          {"num_virtual_tokens", 2},
          {"token_dim", 4},
          {"num_layers", 3},
          {"num_attention_heads", 2},
          {"peft_version", "0.99.0"},
          {"a_later_field", {1, 2}},
          {"base_model_name_or_path", nullptr}};
}

TensorMap prompt_tensors() {
  return {{"prompt_embeddings", at::arange(8, at::kFloat).view({2, 4})}};
}

/// The error for a folder with these contents; empty when it is valid.
std::string error_of(const json& config, const TensorMap& tensors) {
  const TestFolder folder;
  folder.write("a/adapter_config.json", config.dump());
  write_safetensors(folder.path() / "a/adapter_model.safetensors", tensors);
  return sentence([&] { read_adapter(folder.path() / "a"); });
}

std::string config_error(const std::string& key, const json& value) {
  json config = prompt_config();
  config[key] = value;
  return error_of(config, prompt_tensors());
}

std::string tensor_error(const std::string& name, const at::Tensor& tensor, const json& more = json::object()) {
  json config = prompt_config();
  config.update(more);
  TensorMap tensors = prompt_tensors();
  tensors[name] = tensor;
  return error_of(config, tensors);
}

json prefix_config() {
  json config = prompt_config();
  config["peft_type"] = "PREFIX_TUNING";
  return config;
}

json multitask_config() {
  json config = prompt_config();
  config.update({{"peft_type", "MULTITASK_PROMPT_TUNING"}, {"num_tasks", 3}, {"num_ranks", 2}});
  return config;
}

TensorMap multitask_tensors() {
  TensorMap tensors = prompt_tensors();
  tensors["prefix_task_cols"] = at::zeros({3, 2, 2});
  tensors["prefix_task_rows"] = at::zeros({3, 2, 4});
  return tensors;
}

} // namespace

TEST_CASE("valid adapters of newer and older PEFT versions are read") {
  CHECK(error_of(prompt_config(), prompt_tensors()).empty());
  CHECK(error_of(multitask_config(), multitask_tensors()).empty());
  CHECK(error_of(prefix_config(), {{"prompt_embeddings", at::zeros({2, 24})}}).empty());
  const json oldest{{"peft_type", "PROMPT_TUNING"}, {"task_type", "CAUSAL_LM"}, {"num_virtual_tokens", 2}};
  CHECK(error_of(oldest, prompt_tensors()).empty());
  for (const at::ScalarType dtype : {at::kHalf, at::kBFloat16, at::kDouble})
    CHECK(error_of(prompt_config(), {{"prompt_embeddings", at::ones({2, 4}, dtype)}}).empty());
}

TEST_CASE("unsupported or malformed configurations are rejected") {
  CHECK(contains(
      config_error("peft_type", "ADALORA"),
      "adapter_config.json: \"peft_type\" is \"ADALORA\"; expected PROMPT_TUNING, P_TUNING, PREFIX_TUNING, "
      "MULTITASK_PROMPT_TUNING, LORA or IA3; adapters of other types can't be imported"));
  CHECK(contains(config_error("peft_type", nullptr), "lacks \"peft_type\""));
  CHECK(contains(config_error("peft_type", 3), "\"peft_type\" is 3; expected a string"));
  CHECK(contains(config_error("task_type", "QUESTION_ANS"),
                 "\"task_type\" is \"QUESTION_ANS\"; expected CAUSAL_LM"));
  CHECK(contains(config_error("task_type", nullptr), "lacks \"task_type\"; expected CAUSAL_LM, SEQ_2_SEQ_LM"));
  CHECK(contains(config_error("num_virtual_tokens", nullptr), "lacks \"num_virtual_tokens\""));
  for (const json& wrong : {json(0), json(-1), json(1.5), json("2"), json(1e12), json(18446744073709551615u)})
    CHECK(contains(config_error("num_virtual_tokens", wrong), "expected a whole number from 1 to 10000000"));
  CHECK(contains(config_error("token_dim", "4"), "\"token_dim\" is \"4\""));
  CHECK(contains(config_error("num_transformer_submodules", 2),
                 "expected 1, since the model is not an encoder-decoder"));
  CHECK(contains(config_error("modules_to_save", "score"), "expected a list of names"));
  CHECK(contains(config_error("modules_to_save", {1}), "expected a list of names"));
  CHECK(contains(error_of(json::array(), prompt_tensors()), "is not a JSON object"));
}

TEST_CASE("tensors that contradict the configuration are rejected") {
  const std::string two_rows =
      "\"prompt_embeddings\" is 3 x 4; expected 2 rows, since \"num_virtual_tokens\" is 2";
  CHECK(contains(tensor_error("prompt_embeddings", at::zeros({3, 4})), two_rows));
  CHECK(contains(tensor_error("prompt_embeddings", at::zeros({2, 5})),
                 "is 2 x 5; expected 2 x 4, from \"token_dim\""));
  CHECK(contains(tensor_error("prompt_embeddings", at::zeros({8})), "is 8; expected 2 rows"));
  CHECK(contains(tensor_error("prompt_embeddings", at::zeros({2, 0})), "is 2 x 0; expected 2 rows"));
  CHECK(contains(tensor_error("prompt_embeddings", at::zeros({2, 4}), {{"task_type", "SEQ_2_SEQ_LM"}}),
                 "expected 4 rows, since \"num_virtual_tokens\" is 2 for each of two submodules"));
  CHECK(contains(tensor_error("prompt_embeddings", at::zeros({2, 4}, at::kLong)),
                 "has dtype I64; expected a floating"));
  CHECK(
      contains(tensor_error("prompt_embeddings", at::full({2, 4}, std::nan(""))), "contains NaN or infinite"));
  CHECK(contains(error_of(prefix_config(), prompt_tensors()),
                 "is 2 x 4; expected 2 x 24, for the keys and values"));
  CHECK(contains(error_of(prompt_config(), {{"prompt_embedding", at::zeros({2, 4})}}),
                 "\"prompt_embedding\" is unknown; of a PROMPT_TUNING adapter"));
  CHECK(contains(error_of(prompt_config(), {}), "lacks the tensor \"prompt_embeddings\""));
  TensorMap tensors = multitask_tensors();
  tensors["prefix_task_cols"] = at::zeros({2, 2, 2});
  CHECK(
      contains(error_of(multitask_config(), tensors), "\"prefix_task_cols\" is 2 x 2 x 2; expected 3 x 2 x 2"));
  tensors.erase("prefix_task_cols");
  CHECK(contains(error_of(multitask_config(), tensors), "lacks the tensor \"prefix_task_cols\""));
}

TEST_CASE("saved embedding matrices are kept separately, other model weights are rejected") {
  const at::Tensor matrix = at::zeros({9, 4});
  for (const char* name :
       {"base_model.lm_head.weight", "base_model.model.embed_tokens.weight",
        "base_model.transformer.wte.weight", "base_model.bert.embeddings.word_embeddings.weight"})
    CHECK(tensor_error(name, matrix).empty());
  CHECK(contains(tensor_error("base_model.lm_head.weight", matrix, {{"modules_to_save", {"lm_head"}}}),
                 "\"base_model.lm_head.weight\" would replace weights of the model"));
  CHECK(
      contains(tensor_error("base_model.model.layers.0.mlp.up_proj.weight", matrix), "would replace weights"));
  CHECK(contains(tensor_error("base_model.score.weight", matrix), "a card can hold only the trained prompt."));
  CHECK(tensor_error("base_model.score.weight", matrix, {{"task_type", "SEQ_CLS"}}).empty());
  CHECK(tensor_error("base_model.model.score.weight", matrix, {{"task_type", "SEQ_CLS"}}).empty());
}

TEST_CASE("folders without an adapter, with a pickle, and with adapters in subfolders") {
  const TestFolder folder;
  const auto at = [&](const std::string& name) {
    return sentence([&] { read_adapter(folder.path() / name); });
  };
  CHECK(contains(at("none"), "the folder does not exist"));
  folder.write("empty/readme.txt", "");
  CHECK(contains(at("empty"), "it has no adapter_config.json, and neither does any subfolder"));
  folder.write("old/adapter_config.json", prompt_config().dump());
  CHECK(contains(at("old"), "has no adapter_model.safetensors"));
  folder.write("old/adapter_model.bin", "\x80\x02}q");
  CHECK(
      contains(at("old"),
               "adapter_model.bin: is a PyTorch pickle, which can execute code and is never loaded; convert"));
  write_safetensors(folder.path() / "old/adapter_model.safetensors", prompt_tensors());
  CHECK(at("old").empty()); // a pickle next to the safetensors file is ignored
  std::filesystem::create_directories(folder.path() / "named");
  std::filesystem::rename(folder.path() / "old", folder.path() / "named/first");
  CHECK(at("named").empty());
  CHECK(read_adapter(folder.path() / "named").folder.filename() == "first");
  folder.write("named/second/adapter_config.json", "{}");
  CHECK(contains(at("named"), "contains several adapters; choose one of "));
  CHECK(at("named/first").empty());
}

TEST_CASE("an adapter truncated at any byte of either file is rejected with the file name") {
  const TestFolder folder;
  folder.write("a/adapter_config.json", prompt_config().dump());
  write_safetensors(folder.path() / "a/adapter_model.safetensors", prompt_tensors());
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors"}) {
    const std::string whole = bytes_of_file(folder.path() / "a" / name);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      folder.write(std::string("a/") + name, whole.substr(0, size));
      CHECK_MESSAGE(contains(sentence([&] { read_adapter(folder.path() / "a"); }), name), size);
    }
    folder.write(std::string("a/") + name, whole);
  }
  CHECK(sentence([&] { read_adapter(folder.path() / "a"); }).empty());
}

TEST_CASE("a written adapter is read back, and existing folders are not overwritten") {
  const TestFolder folder;
  Adapter adapter;
  adapter.config = parse_adapter_config(multitask_config().dump(), "test");
  adapter.config.task = Task::seq_cls;
  adapter.config.base_model = "a/model";
  adapter.config.modules_to_save = {"classifier", "score"};
  adapter.prompt_tensors = multitask_tensors();
  adapter.head = {{"score.weight", at::ones({2, 4})}};
  write_adapter(adapter, folder.path() / "new");
  const Adapter read = read_adapter(folder.path() / "new");
  CHECK(read.config.type == adapter.config.type);
  CHECK(read.config.task == Task::seq_cls);
  CHECK(read.config.base_model == "a/model");
  CHECK(read.config.tasks == 3);
  CHECK(read.config.modules_to_save == adapter.config.modules_to_save);
  CHECK(at::equal(read.prompt_tensors.at("prompt_embeddings"), adapter.prompt_tensors.at("prompt_embeddings")));
  CHECK(at::equal(read.head.at("score.weight"), adapter.head.at("score.weight")));
  CHECK(SafetensorsFile(folder.path() / "new/adapter_model.safetensors").metadata().at("format") == "pt");
  CHECK(contains(sentence([&] { write_adapter(adapter, folder.path() / "new"); }), "already exists"));
}
