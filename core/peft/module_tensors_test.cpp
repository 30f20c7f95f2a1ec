// LoRA and (IA)^3 adapters: configuration, tensors of the file, and the layers that they update.
#include "peft/module_tensors.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <cuecard/testing/no_backbone.hpp>

#include "model/safetensors/safetensors.hpp"
#include "model/test_folder.hpp"

// After LibTorch, whose logging header also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::peft;
using nlohmann::json;

namespace {

class Layers final : public testing::NoBackbone {
public:
  explicit Layers(const std::string& family, std::vector<LinearLayer> layers) : layers_(std::move(layers)) {
    shape_.family = family;
  }
  const std::vector<LinearLayer>& linear_layers() const override { return layers_; }

private:
  std::vector<LinearLayer> layers_;
};

const Layers llama("llama", {{"model.layers.0.q_proj.weight", 6, 4},
                             {"model.layers.0.v_proj.weight", 3, 4},
                             {"model.layers.1.q_proj.weight", 6, 4},
                             {"model.layers.1.v_proj.weight", 3, 4}});

const std::string q0 = "model.layers.0.q_proj", v0 = "model.layers.0.v_proj", q1 = "model.layers.1.q_proj";

json lora_config() {
  return {{"peft_type", "LORA"}, {"task_type", "CAUSAL_LM"}, {"r", 2},
          {"lora_alpha", 6},     {"lora_dropout", 0.1},      {"target_modules", {"q_proj", "v_proj"}},
          {"bias", "none"}};
}

TensorMap lora_tensors() {
  const std::string stored = "base_model.model." + q0;
  return {{stored + ".lora_A.weight", at::randn({2, 4})}, {stored + ".lora_B.weight", at::randn({6, 2})}};
}

struct Read {
  Adapter adapter;
  std::string error;
};

Read read(const json& config, const TensorMap& tensors) {
  const TestFolder folder;
  folder.write("a/adapter_config.json", config.dump());
  write_safetensors(folder.path() / "a/adapter_model.safetensors", tensors);
  Read result;
  result.error = sentence([&] { result.adapter = read_adapter(folder.path() / "a"); });
  return result;
}

std::string config_error(const std::string& key, const json& value) {
  json config = lora_config();
  config[key] = value;
  return read(config, lora_tensors()).error;
}

Adapter adapter_of(Type type, TensorMap tensors) {
  Adapter adapter;
  adapter.config.type = type;
  adapter.config.rank = 2;
  adapter.config.alpha = 6;
  adapter.module_tensors = std::move(tensors);
  return adapter;
}

} // namespace

TEST_CASE("low-rank updates have the scale alpha / r, with rank-stabilised LoRA alpha / sqrt(r)") {
  json config = lora_config();
  Conditioning conditioning = updates_of(read(config, lora_tensors()).adapter, llama);
  REQUIRE(conditioning.low_rank.size() == 1);
  CHECK(conditioning.low_rank[0].weight == q0 + ".weight");
  CHECK(conditioning.low_rank[0].scale == 3);
  CHECK(conditioning.low_rank[0].dropout == 0.1);
  config["use_rslora"] = true;
  CHECK(updates_of(read(config, lora_tensors()).adapter, llama).low_rank[0].scale == 6 / std::sqrt(2.0));
  config["use_rslora"] = false;
  for (const char* key :
       {"q_proj", "layers.0.q_proj", "model\\.layers\\.0\\.q_proj", "^model.layers.0.q_proj"}) {
    CAPTURE(key);
    config["alpha_pattern"] = {{key, 5}};
    CHECK(updates_of(read(config, lora_tensors()).adapter, llama).low_rank[0].scale == 2.5);
  }
  config["alpha_pattern"] = {{"v_proj", 5}, {"proj", 7}, {"^q_proj", 8}};
  CHECK(updates_of(read(config, lora_tensors()).adapter, llama).low_rank[0].scale == 3);
}

TEST_CASE("of the keys of a pattern the first that matches counts, as in PEFT") {
  const auto scale = [](const std::string& alphas) {
    std::string config = lora_config().dump(); // sorts its keys
    config.insert(config.size() - 1, ",\"alpha_pattern\":" + alphas);
    const TestFolder folder;
    folder.write("a/adapter_config.json", config);
    write_safetensors(folder.path() / "a/adapter_model.safetensors", lora_tensors());
    return updates_of(read_adapter(folder.path() / "a"), llama).low_rank.at(0).scale;
  };
  CHECK(scale(R"({"q_proj": 5, "layers.0.q_proj": 7})") == 2.5);
  CHECK(scale(R"({"layers.0.q_proj": 7, "q_proj": 5})") == 3.5);
  CHECK(scale(R"({"layers.1.q_proj": 7, "q_proj": 5})") == 2.5);
  CHECK(scale(R"({"z": 1, "layers.*.q_proj": 9, "a": 2, "q_proj": 5})") == 4.5);
}

TEST_CASE("variants of LoRA that a card can't hold are refused with the field") {
  for (const auto& [key, value] : {std::pair<const char*, json>{"use_dora", true},
                                   {"lora_bias", true},
                                   {"layer_replication", {{0, 2}}},
                                   {"alora_invocation_tokens", {1}},
                                   {"trainable_token_indices", {1}}})
    CHECK(contains(config_error(key, value), std::string("adapter_config.json: \"") + key + "\" is "));
  CHECK(contains(config_error("use_dora", true),
                 "expected false, since a card does not support weight-decomposed updates (DoRA)"));
  CHECK(contains(config_error("bias", "lora_only"), "\"bias\" is \"lora_only\"; expected \"none\""));
  CHECK(contains(config_error("init_lora_weights", "pissa"), "\"init_lora_weights\" is \"pissa\""));
  CHECK(config_error("init_lora_weights", "gaussian").empty());
  CHECK(config_error("use_dora", nullptr).empty());
  CHECK(config_error("layer_replication", json::array()).empty());
  CHECK(config_error("target_modules", "all-linear").empty());
  CHECK(config_error("task_type", nullptr).empty());
  CHECK(contains(config_error("lora_alpha", -1), "expected a number above 0, up to 1e9"));
  CHECK(contains(config_error("lora_alpha", 1e38),
                 "\"lora_alpha\" is 1e+38; expected a number above 0, up to 1e9"));
  CHECK(contains(config_error("lora_bias", true), "\"lora_bias\" is true; expected false"));
  CHECK(contains(config_error("layer_replication", {{0, 2}}), "; expected none"));
  CHECK(contains(config_error("lora_dropout", 1), "expected a number from 0 to below 1"));
  CHECK(config_error("alpha_pattern", {{"layers.[0-3].*", 2}}).empty());
  CHECK(contains(config_error("alpha_pattern", {{"(layers", 2}}),
                 "expected module names, or regular expressions"));
  CHECK(contains(config_error("rank_pattern", {{"q_proj", 0}}), "expected whole numbers from 1"));
  CHECK(contains(config_error("use_rslora", 1), "expected true or false"));
}

TEST_CASE("tensors that contradict the configuration or each other are refused") {
  CHECK(contains(config_error("r", 3), "lora_A.weight\" is 2 x 4; expected 3 x in, since \"r\" is 3"));
  CHECK(config_error("rank_pattern", {{"q_proj", 2}}).empty());
  TensorMap tensors = lora_tensors();
  tensors.erase("base_model.model." + q0 + ".lora_B.weight");
  CHECK(contains(read(lora_config(), tensors).error,
                 "lacks the tensor \"base_model.model." + q0 + ".lora_B.weight\""));
  CHECK(contains(read(lora_config(), {}).error, "has no tensor of a LORA adapter"));
  const auto with = [&](const std::string& name, const at::Tensor& tensor) {
    TensorMap more = lora_tensors();
    more[name] = tensor;
    return read(lora_config(), more).error;
  };
  CHECK(contains(
      with("base_model.model." + q0 + ".bias", at::zeros({6})),
      "can't be imported; of a LORA adapter, a card can hold only the updates of linear layers in the blocks, "
      "no embedding layers or other modules of \"modules_to_save\"."));
  CHECK(contains(with("base_model.model.model.embed_tokens.lora_embedding_A", at::zeros({2, 9})),
                 "can't be imported; of a LORA adapter"));
  CHECK(contains(with("prompt_embeddings", at::zeros({2, 4})), "\"prompt_embeddings\" is unknown"));
  CHECK(with("base_model.model.lm_head.weight", at::zeros({9, 4}))
            .empty()); // saved because the vocabulary was resized
}

TEST_CASE("a head is stored after base_model.model, and read back") {
  json config = lora_config();
  config["task_type"] = "SEQ_CLS";
  config["modules_to_save"] = {"classifier", "score"};
  TensorMap tensors = lora_tensors();
  tensors["base_model.model.score.weight"] = at::ones({2, 4});
  Adapter adapter = read(config, tensors).adapter;
  CHECK(at::equal(adapter.head.at("score.weight"), at::ones({2, 4})));
  const TestFolder folder;
  write_adapter(adapter, folder.path() / "new");
  const SafetensorsFile file(folder.path() / "new/adapter_model.safetensors");
  CHECK(file.entries().contains("base_model.model.score.weight"));
  CHECK(file.entries().contains("base_model.model." + q0 + ".lora_A.weight"));
  CHECK(read_adapter(folder.path() / "new").config.alpha == 6);
}

TEST_CASE("modules are matched by the end of their names at a dot") {
  const Layers bare("bert", {{"encoder.layer.0.query.weight", 4, 4}, {"encoder.layer.10.query.weight", 4, 4}});
  const auto weight = [&](const std::string& module) {
    const Adapter adapter = adapter_of(
        Type::lora, {{module + ".lora_A", at::zeros({2, 4})}, {module + ".lora_B", at::zeros({4, 2})}});
    return updates_of(adapter, bare).low_rank.at(0).weight;
  };
  CHECK(weight("encoder.layer.0.query") == "encoder.layer.0.query.weight");
  CHECK(weight("bert.encoder.layer.10.query") == "encoder.layer.10.query.weight");
  CHECK(weight("layer.0.query") == "encoder.layer.0.query.weight");
  CHECK(contains(sentence([&] { weight("query"); }),
                 "may be \"encoder.layer.0.query.weight\" or \"encoder.layer.10.query.weight\""));
  CHECK(contains(
      sentence([&] { weight("pooler.dense"); }),
      "\"pooler.dense\", which is not a linear layer in the bert model's blocks; a card can hold updates of those "
      "layers alone"));
  CHECK(contains(sentence([&] { weight("encoder.layer.0.c_attn"); }), "use the model that it was trained on"));
  const Adapter twice = adapter_of(Type::ia3, {{"encoder.layer.0.query.ia3_l", at::zeros({4, 1})},
                                               {"bert.encoder.layer.0.query.ia3_l", at::zeros({4, 1})}});
  CHECK(contains(sentence([&] { updates_of(twice, bare); }),
                 "updates the layer \"encoder.layer.0.query.weight\" twice"));
}

TEST_CASE("updates of other sizes than the layer's are refused") {
  const auto error = [](int64_t in, int64_t out) {
    const Adapter adapter =
        adapter_of(Type::lora, {{q0 + ".lora_A", at::zeros({2, in})}, {q0 + ".lora_B", at::zeros({out, 2})}});
    return sentence([&] { updates_of(adapter, llama); });
  };
  CHECK(error(4, 6).empty());
  CHECK(contains(error(5, 6),
                 "lora_A.weight\" is 2 x 5; expected 2 x 4 for the model's \"model.layers.0.q_proj.weight\""));
  CHECK(contains(error(4, 5), "lora_B.weight\" is 5 x 2; expected 6 x 2"));
  const auto factors = [](at::IntArrayRef shape) {
    const Adapter adapter = adapter_of(Type::ia3, {{q0 + ".ia3_l", at::zeros(shape)}});
    return sentence([&] { updates_of(adapter, llama); });
  };
  CHECK(factors({6, 1}).empty());
  CHECK(factors({1, 4}).empty());
  CHECK(contains(factors({4, 1}), "is 4 x 1; expected 6 x 1"));
  CHECK(contains(factors({1, 6}), "is 1 x 6; expected 1 x 4"));
}

TEST_CASE("stored updates are read back, with patterns for ranks and scales of their own") {
  const std::vector<LowRankUpdate> updates{{q0 + ".weight", at::randn({2, 4}), at::randn({6, 2}), 1.5, 0.25},
                                           {v0 + ".weight", at::randn({1, 4}), at::randn({3, 1}), 1.5, 0.25},
                                           {q1 + ".weight", at::randn({2, 4}), at::randn({6, 2}), 0.5, 0.25}};
  Adapter adapter = adapter_of(Type::lora, {});
  store_low_rank(adapter, updates, llama);
  CHECK(adapter.config.rank == 2);
  CHECK(adapter.config.alpha == 3);
  CHECK(adapter.config.dropout == 0.25);
  CHECK(adapter.config.rank_pattern == std::vector<std::pair<std::string, int64_t>>{{v0, 1}});
  CHECK(adapter.config.alpha_pattern == std::vector<std::pair<std::string, double>>{{v0, 1.5}, {q1, 1}});
  CHECK(adapter.config.target_modules == std::vector<std::string>{v0, "q_proj"});
  const TestFolder folder;
  write_adapter(adapter, folder.path() / "new");
  const Conditioning again = updates_of(read_adapter(folder.path() / "new"), llama);
  REQUIRE(again.low_rank.size() == 3);
  for (const LowRankUpdate& update : updates) {
    const auto found = std::ranges::find(again.low_rank, update.weight, &LowRankUpdate::weight);
    REQUIRE(found != again.low_rank.end());
    CHECK(at::equal(found->a, update.a));
    CHECK(at::equal(found->b, update.b));
    CHECK(found->scale == update.scale);
  }
}

TEST_CASE("stored rescalings are read back; checkpoints without the stack's name get it") {
  const Layers gpt2(
      "gpt2",
      {{"h.0.attn.c_attn.weight", 9, 3}, {"h.0.attn.c_proj.weight", 3, 3}, {"h.0.mlp.c_proj.weight", 3, 12}});
  Adapter adapter = adapter_of(Type::ia3, {});
  store_rescalings(
      adapter,
      {{"h.0.attn.c_attn.weight", at::randn({9}), false}, {"h.0.mlp.c_proj.weight", at::randn({12}), true}},
      gpt2);
  CHECK(adapter.module_tensors.at("transformer.h.0.attn.c_attn.ia3_l").sizes() == at::IntArrayRef({9, 1}));
  CHECK(adapter.module_tensors.at("transformer.h.0.mlp.c_proj.ia3_l").sizes() == at::IntArrayRef({1, 12}));
  CHECK(adapter.config.target_modules == std::vector<std::string>{"c_attn", "transformer.h.0.mlp.c_proj"});
  CHECK(adapter.config.feedforward_modules == std::vector<std::string>{"transformer.h.0.mlp.c_proj"});
  const Conditioning again = updates_of(adapter, gpt2);
  REQUIRE(again.rescalings.size() == 2);
  CHECK(!again.rescalings[0].of_input);
  CHECK(again.rescalings[1].of_input);
}

TEST_CASE("a written configuration is read back") {
  for (const char* type : {"LORA", "IA3"}) {
    json config = lora_config();
    config["peft_type"] = type;
    config["task_type"] = nullptr;
    config["feedforward_modules"] = {"v_proj"};
    config["alpha_pattern"] = {{"q_proj", 2.5}};
    const std::string text = adapter_config_text(parse_adapter_config(config.dump(), "test"));
    CHECK(adapter_config_text(parse_adapter_config(text, "test")) == text);
    CHECK(json::parse(text)["task_type"].is_null());
  }
}
