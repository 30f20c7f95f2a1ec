// The many equivalent forms of config.json: each must give the recorded outputs, which are transformers'.
#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "recorded_difference.hpp"

using namespace cuecard;
using namespace cuecard::test;

TEST_CASE("keys that say what the family's models have anyway may be missing") {
  struct Missing {
    const char* name;
    std::vector<const char*> keys;
  };
  for (const Missing& missing : std::vector<Missing>{
           {"llama-tied", {"attention_bias", "mlp_bias", "hidden_act", "pretraining_tp"}},
           {"llama-untied", {"rms_norm_eps", "tie_word_embeddings", "mlp_bias", "rope_theta"}},
           {"mistral", {"rms_norm_eps", "tie_word_embeddings", "hidden_act", "head_dim"}},
           {"qwen2", {"rms_norm_eps", "use_sliding_window", "max_window_layers", "layer_types", "hidden_act"}},
           {"qwen3", {"tie_word_embeddings", "use_sliding_window", "hidden_act"}},
           {"gpt2-tied", {"tie_word_embeddings", "scale_attn_weights", "activation_function", "n_inner"}},
           {"bert-mlm", {"tie_word_embeddings", "type_vocab_size", "layer_norm_eps", "hidden_act"}},
           {"roberta-mlm", {"tie_word_embeddings", "pad_token_id"}},
           {"albert", {"tie_word_embeddings", "hidden_act", "layer_norm_eps", "type_vocab_size"}},
           {"mpnet", {"relative_attention_num_buckets", "tie_word_embeddings", "hidden_act"}},
           {"deberta-v3",
            {"conv_kernel_size", "max_relative_positions", "type_vocab_size", "hidden_act", "layer_norm_eps"}},
           {"modernbert",
            {"tie_word_embeddings", "norm_bias", "decoder_bias", "hidden_activation", "classifier_activation",
             "norm_eps"}},
           {"mt5", {"feed_forward_proj", "num_decoder_layers", "is_gated_act", "dense_act_fn"}},
           {"umt5", {"feed_forward_proj", "tie_word_embeddings", "num_decoder_layers"}},
           {"bart", {"tie_word_embeddings", "decoder_start_token_id", "activation_function"}},
           {"t5-plain", {"feed_forward_proj", "layer_norm_epsilon"}}}) {
    CAPTURE(missing.name);
    // Only where the recorded model has the family's default.
    const nlohmann::json anyway{
        {"attention_bias", false},    {"mlp_bias", false},           {"hidden_act", nullptr},
        {"rms_norm_eps", 1e-6},       {"use_sliding_window", false}, {"tie_word_embeddings", nullptr},
        {"rope_theta", 10000.0},      {"scale_attn_weights", true},  {"activation_function", nullptr},
        {"type_vocab_size", nullptr}, {"layer_norm_eps", nullptr},   {"pad_token_id", 1},
        {"decoder_start_token_id", 2}};
    SavedOtherwise saved(missing.name);
    int erased = 0;
    for (const char* key : missing.keys)
      if (const auto wanted = anyway.find(key);
          wanted == anyway.end() || wanted->is_null() || saved.config.value(key, *wanted) == *wanted)
        erased += static_cast<int>(saved.config.erase(key));
    CHECK(erased > 0);
    CHECK(difference(saved) < 1e-4);
  }
}

TEST_CASE("keys are read by the names of other families, as transformers reads them") {
  const auto renamed = [](const char* name, const std::vector<std::pair<const char*, const char*>>& keys) {
    CAPTURE(name);
    SavedOtherwise saved(name);
    for (const auto& [own, other] : keys) {
      saved.config[other] = saved.config.at(own);
      saved.config[own] = 1; // which does not count
    }
    CHECK(difference(saved) < 1e-4);
  };
  renamed("gpt2-tied", {{"n_layer", "num_hidden_layers"},
                        {"n_embd", "hidden_size"},
                        {"n_head", "num_attention_heads"},
                        {"n_positions", "max_position_embeddings"}});
  renamed("distilbert-mlm",
          {{"n_layers", "num_hidden_layers"}, {"dim", "hidden_size"}, {"n_heads", "num_attention_heads"}});
  renamed("bart", {{"encoder_layers", "num_hidden_layers"}, {"d_model", "hidden_size"}});
  renamed("t5-plain",
          {{"num_layers", "num_hidden_layers"}, {"num_heads", "num_attention_heads"}, {"d_kv", "head_dim"}});
}

TEST_CASE("families that are another's by configuration are read by their own names") {
  for (const auto& [name, types] :
       {std::pair{"roberta-mlm", std::vector<std::string>{"xlm-roberta", "camembert"}},
        std::pair{"camembert", std::vector<std::string>{"xlm-roberta", "roberta"}}})
    for (const std::string& type : types) {
      CAPTURE(name);
      CAPTURE(type);
      SavedOtherwise saved(name);
      saved.config["model_type"] = type;
      CHECK(difference(saved) < 1e-4);
    }
  // Neither mT5's logits nor umT5's depend on the file's tie flag.
  for (const char* name : {"mt5", "umt5"})
    for (const bool flag : {true, false}) {
      CAPTURE(name);
      SavedOtherwise saved(name);
      saved.config["tie_word_embeddings"] = flag;
      CHECK(difference(saved) < 1e-4);
    }
}

TEST_CASE("DeBERTa's keys are read in the forms that its files have") {
  SavedOtherwise saved("deberta-v3");
  saved.config["pos_att_type"] = "P2C | c2p";
  saved.config["max_relative_positions"] = -1;
  saved.config["conv_kernel_size"] = 0;
  CHECK(difference(saved) < 1e-4);
  // The published files of version 3 do not say which of the two heads they have.
  saved.config.erase("legacy");
  CHECK(difference(saved) < 1e-4);
}

TEST_CASE("rotary settings are read in both spellings, and the older one counts where both are there") {
  SavedOtherwise saved("llama3");
  nlohmann::json scaling = saved.config.at("rope_scaling");
  REQUIRE(scaling.at("rope_type") == "llama3");
  const nlohmann::json theta = saved.config.at("rope_theta");
  saved.config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 3.0}};
  CHECK(difference(saved) < 1e-4);
  saved.config["rope_parameters"] = scaling;
  saved.config["rope_parameters"]["rope_theta"] = theta;
  saved.config.erase("rope_scaling");
  saved.config["rope_theta"] = 7.0; // which does not count
  CHECK(difference(saved) < 1e-4);
  saved.config.erase("rope_parameters");
  saved.config["rope_theta"] = theta;
  scaling["type"] = scaling["rope_type"];
  scaling.erase("rope_type");
  saved.config["rope_scaling"] = scaling;
  CHECK(difference(saved) < 1e-4);
  // Without the original length, that of the whole model.
  saved.config["max_position_embeddings"] = scaling.at("original_max_position_embeddings");
  saved.config["rope_scaling"].erase("original_max_position_embeddings");
  CHECK(difference(saved) < 1e-4);
}

TEST_CASE("a Mistral file without a window has one, and one that says null has none") {
  const auto windows = [](const nlohmann::json& window) {
    SavedOtherwise saved("mistral");
    saved.config.erase("sliding_window");
    if (!window.is_discarded())
      saved.config["sliding_window"] = window;
    return saved.load().shape().windows;
  };
  CHECK(windows(nlohmann::json(nlohmann::json::value_t::discarded)) == std::vector<int64_t>{4096});
  CHECK(windows(nullptr).empty());
  CHECK(windows(100) == std::vector<int64_t>{100});
}

TEST_CASE("Gemma 3's rotary positions are read as transformers 4 wrote them, too") {
  SavedOtherwise saved("gemma3");
  saved.config.erase("rope_parameters");
  saved.config["rope_theta"] = 1000.0;
  saved.config["rope_local_base_freq"] = 100.0;
  saved.config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
  CHECK(difference(saved) < 1e-4);
}

TEST_CASE("Phi-3's longrope has three names") {
  for (const char* kind : {"su", "yarn"}) {
    SavedOtherwise saved("phi3-longrope");
    nlohmann::json scaling = saved.config.at("rope_parameters");
    saved.config["rope_theta"] = scaling.at("rope_theta");
    scaling.erase("rope_theta");
    scaling.erase("rope_type");
    scaling["type"] = kind;
    saved.config.erase("rope_parameters");
    saved.config["rope_scaling"] = scaling;
    CHECK(difference(saved) < 1e-4);
  }
}

TEST_CASE("padding in the text of a RoBERTa has transformers' numbers, wherever the padding's id lies") {
  for (const char* padding : {"1", "6"}) {
    CAPTURE(padding);
    SavedOtherwise saved("roberta-mlm");
    saved.config["pad_token_id"] = std::stoi(padding);
    CHECK(difference(saved.load(), Recording(golden / "models/roberta-mlm" /
                                             ("padding_" + std::string(padding) + ".safetensors"))) < 1e-4);
  }
}
