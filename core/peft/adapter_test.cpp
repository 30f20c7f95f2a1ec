// Foreign folders: what is missing, unknown, cut off or of another shape is one sentence each.
#include "peft/adapter.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "model/safetensors.hpp"
#include "model/test_folder.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
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

/// How a folder with these files is refused; "" when it is read.
std::string refusal(const json& config, const TensorMap& tensors) {
  const TestFolder folder;
  folder.write("a/adapter_config.json", config.dump());
  write_safetensors(folder.path() / "a/adapter_model.safetensors", tensors);
  return sentence([&] { read_adapter(folder.path() / "a"); });
}

std::string config_refusal(const std::string& key, const json& value) {
  json config = prompt_config();
  config[key] = value;
  return refusal(config, prompt_tensors());
}

std::string tensor_refusal(const std::string& name, const at::Tensor& tensor,
                           const json& more = json::object()) {
  json config = prompt_config();
  config.update(more);
  TensorMap tensors = prompt_tensors();
  tensors[name] = tensor;
  return refusal(config, tensors);
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

TEST_CASE("a whole adapter is read, whatever later versions add or older ones lack") {
  CHECK(refusal(prompt_config(), prompt_tensors()).empty());
  CHECK(refusal(multitask_config(), multitask_tensors()).empty());
  CHECK(refusal(prefix_config(), {{"prompt_embeddings", at::zeros({2, 24})}}).empty());
  const json oldest{{"peft_type", "PROMPT_TUNING"}, {"task_type", "CAUSAL_LM"}, {"num_virtual_tokens", 2}};
  CHECK(refusal(oldest, prompt_tensors()).empty());
  for (const at::ScalarType dtype : {at::kHalf, at::kBFloat16, at::kDouble})
    CHECK(refusal(prompt_config(), {{"prompt_embeddings", at::ones({2, 4}, dtype)}}).empty());
}

TEST_CASE("a configuration that is none of a card's kinds") {
  CHECK(contains(config_refusal("peft_type", "LORA"),
                 "adapter_config.json: \"peft_type\" is \"LORA\"; expected "
                 "PROMPT_TUNING, P_TUNING, PREFIX_TUNING or "
                 "MULTITASK_PROMPT_TUNING; other adapters change weights"));
  CHECK(contains(config_refusal("peft_type", nullptr), "lacks \"peft_type\""));
  CHECK(contains(config_refusal("peft_type", 3), "\"peft_type\" is 3; expected a text"));
  CHECK(contains(config_refusal("task_type", "QUESTION_ANS"),
                 "\"task_type\" is \"QUESTION_ANS\"; expected CAUSAL_LM"));
  CHECK(
      contains(config_refusal("task_type", nullptr), "lacks \"task_type\"; expected CAUSAL_LM, SEQ_2_SEQ_LM"));
  CHECK(contains(config_refusal("num_virtual_tokens", nullptr), "lacks \"num_virtual_tokens\""));
  for (const json& wrong : {json(0), json(-1), json(1.5), json("2"), json(1e12), json(18446744073709551615u)})
    CHECK(contains(config_refusal("num_virtual_tokens", wrong), "expected a whole number from 1 to 10000000"));
  CHECK(contains(config_refusal("token_dim", "4"), "\"token_dim\" is \"4\""));
  CHECK(contains(config_refusal("num_transformer_submodules", 2), "expected 1, since the model has one stack"));
  CHECK(contains(config_refusal("modules_to_save", "score"), "expected a list of names"));
  CHECK(contains(config_refusal("modules_to_save", {1}), "expected a list of names"));
  CHECK(contains(refusal(json::array(), prompt_tensors()), "is not a JSON object"));
}

TEST_CASE("tensors that the configuration doesn't say") {
  const std::string two_rows =
      "\"prompt_embeddings\" is 3 x 4; expected 2 rows, as \"num_virtual_tokens\" 2 says";
  CHECK(contains(tensor_refusal("prompt_embeddings", at::zeros({3, 4})), two_rows));
  CHECK(contains(tensor_refusal("prompt_embeddings", at::zeros({2, 5})),
                 "is 2 x 5; expected 2 x 4, as \"token_dim\""));
  CHECK(contains(tensor_refusal("prompt_embeddings", at::zeros({8})), "is 8; expected 2 rows"));
  CHECK(contains(tensor_refusal("prompt_embeddings", at::zeros({2, 0})), "is 2 x 0; expected 2 rows"));
  CHECK(contains(tensor_refusal("prompt_embeddings", at::zeros({2, 4}), {{"task_type", "SEQ_2_SEQ_LM"}}),
                 "expected 4 rows, as \"num_virtual_tokens\" 2 for each of two stacks says"));
  CHECK(contains(tensor_refusal("prompt_embeddings", at::zeros({2, 4}, at::kLong)),
                 "holds I64; expected floating"));
  CHECK(contains(tensor_refusal("prompt_embeddings", at::full({2, 4}, std::nan(""))),
                 "holds NaN or an infinite"));
  CHECK(contains(refusal(prefix_config(), prompt_tensors()), "is 2 x 4; expected 2 x 24, keys and values"));
  CHECK(contains(refusal(prompt_config(), {{"prompt_embedding", at::zeros({2, 4})}}),
                 "\"prompt_embedding\" is unknown: a PROMPT_TUNING adapter for CAUSAL_LM"));
  CHECK(contains(refusal(prompt_config(), {}), "lacks the tensor \"prompt_embeddings\""));
  TensorMap tensors = multitask_tensors();
  tensors["prefix_task_cols"] = at::zeros({2, 2, 2});
  CHECK(
      contains(refusal(multitask_config(), tensors), "\"prefix_task_cols\" is 2 x 2 x 2; expected 3 x 2 x 2"));
  tensors.erase("prefix_task_cols");
  CHECK(contains(refusal(multitask_config(), tensors), "lacks the tensor \"prefix_task_cols\""));
}

TEST_CASE("embeddings that PEFT put in are kept apart, weights that were learned are refused") {
  const at::Tensor matrix = at::zeros({9, 4});
  for (const char* name :
       {"base_model.lm_head.weight", "base_model.model.embed_tokens.weight",
        "base_model.transformer.wte.weight", "base_model.bert.embeddings.word_embeddings.weight"})
    CHECK(tensor_refusal(name, matrix).empty());
  CHECK(contains(tensor_refusal("base_model.lm_head.weight", matrix, {{"modules_to_save", {"lm_head"}}}),
                 "\"base_model.lm_head.weight\" would replace weights of the model"));
  CHECK(contains(tensor_refusal("base_model.model.layers.0.mlp.up_proj.weight", matrix),
                 "would replace weights"));
  CHECK(contains(tensor_refusal("base_model.score.weight", matrix), "has learned rows and nothing else"));
  CHECK(tensor_refusal("base_model.score.weight", matrix, {{"task_type", "SEQ_CLS"}}).empty());
  CHECK(tensor_refusal("base_model.model.score.weight", matrix, {{"task_type", "SEQ_CLS"}}).empty());
}

TEST_CASE("folders without an adapter, with a pickle, with one or more adapters inside") {
  const TestFolder folder;
  const auto at = [&](const std::string& name) {
    return sentence([&] { read_adapter(folder.path() / name); });
  };
  CHECK(contains(at("none"), "there is no such folder"));
  folder.write("empty/readme.txt", "");
  CHECK(contains(at("empty"), "it has no adapter_config.json, nor a folder that has one"));
  folder.write("old/adapter_config.json", prompt_config().dump());
  CHECK(contains(at("old"), "has no adapter_model.safetensors"));
  folder.write("old/adapter_model.bin", "\x80\x02}q");
  CHECK(contains(at("old"),
                 "adapter_model.bin: is a PyTorch pickle, which can run code and is never read; convert"));
  write_safetensors(folder.path() / "old/adapter_model.safetensors", prompt_tensors());
  CHECK(at("old").empty()); // the pickle beside it is left alone
  std::filesystem::create_directories(folder.path() / "named");
  std::filesystem::rename(folder.path() / "old", folder.path() / "named/first");
  CHECK(at("named").empty());
  CHECK(read_adapter(folder.path() / "named").folder.filename() == "first");
  folder.write("named/second/adapter_config.json", "{}");
  CHECK(contains(at("named"), "holds several adapters; name one of "));
  CHECK(at("named/first").empty());
}

TEST_CASE("cut at any byte of either file, an adapter is refused with the file's name") {
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

TEST_CASE("what is written is read back, and nothing is overwritten") {
  const TestFolder folder;
  Adapter adapter;
  adapter.config = parse_adapter_config(multitask_config().dump(), "test");
  adapter.config.task = Task::seq_cls;
  adapter.config.base_model = "a/model";
  adapter.config.saved = {"classifier", "score"};
  adapter.learned = multitask_tensors();
  adapter.head = {{"score.weight", at::ones({2, 4})}};
  write_adapter(adapter, folder.path() / "new");
  const Adapter read = read_adapter(folder.path() / "new");
  CHECK(read.config.type == adapter.config.type);
  CHECK(read.config.task == Task::seq_cls);
  CHECK(read.config.base_model == "a/model");
  CHECK(read.config.tasks == 3);
  CHECK(read.config.saved == adapter.config.saved);
  CHECK(at::equal(read.learned.at("prompt_embeddings"), adapter.learned.at("prompt_embeddings")));
  CHECK(at::equal(read.head.at("score.weight"), adapter.head.at("score.weight")));
  CHECK(SafetensorsFile(folder.path() / "new/adapter_model.safetensors").metadata().at("format") == "pt");
  CHECK(contains(sentence([&] { write_adapter(adapter, folder.path() / "new"); }), "exists already"));
}
