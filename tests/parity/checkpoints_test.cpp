// The many forms in which a checkpoint of one model is saved: each must give the numbers of the recorded one. Forms are made here
// of the golden models, whose numbers are transformers'; `./run oracle` has transformers make more (checkpoints.py).
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <tuple>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "recorded.hpp"
#include "saved_otherwise.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// Of the recorded tokens; the largest difference from the recording in hidden states and, with a head, in log-probabilities.
double difference(const Model& model, const Recording& recording, bool scores = true) {
  Batch batch = packed(recording, {}, recording.has("segments"));
  std::vector<int64_t> tokens(static_cast<std::size_t>(batch.answer_side().num_tokens()));
  std::iota(tokens.begin(), tokens.end(), 0);
  batch.answer_tokens = at::tensor(tokens, at::kLong);
  batch.answer_tokens_host = tokens;
  const at::Tensor hidden = model.backbone().forward({batch, {}});
  const auto distance = [](const at::Tensor& a, const at::Tensor& b) {
    REQUIRE(a.sizes() == b.sizes());
    return (a - b).abs().max().item<double>();
  };
  double largest = distance(hidden, recording["hidden"]);
  if (!scores || !model.shape().has_lm_head || !recording.has("log_probs"))
    return largest;
  at::Tensor log_probs = model.backbone().project({hidden, {OutputRequest::Kind::log_probs, {}}});
  if (recording["log_probs"].size(0) != log_probs.size(0))
    log_probs = log_probs.index_select(0, recording["target_rows"]);
  return std::max(largest, distance(log_probs, recording["log_probs"]));
}

double difference(const SavedOtherwise& saved) {
  return difference(saved.load(), Recording(golden / "models" / saved.name() / "outputs.safetensors"));
}

struct Family {
  const char* name;
  const char* prefix; ///< of all names but the head's
  const char* words;  ///< the table of words, without the prefix
  const char* head;   ///< what scores words
  std::vector<const char*> others = {};
};

const std::vector<Family> families{
    {"llama-tied", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"llama-untied", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"mistral", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"qwen2", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"qwen3", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"gemma", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"gemma2", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"gemma3", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"phi3", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"phi3-longrope", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"olmo2", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"gpt-neox", "gpt_neox.", "embed_in.weight", "embed_out.weight"},
    {"opt", "model.", "decoder.embed_tokens.weight", "lm_head.weight"},
    {"gpt2-tied", "", "wte.weight", "lm_head.weight"},
    {"gpt2-untied", "transformer.", "wte.weight", "lm_head.weight"},
    {"bert-mlm", "bert.", "embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"},
    {"roberta-mlm", "roberta.", "embeddings.word_embeddings.weight", "lm_head.decoder.weight"},
    {"distilbert-mlm", "distilbert.", "embeddings.word_embeddings.weight", "vocab_projector.weight"},
    {"electra-generator", "electra.", "embeddings.word_embeddings.weight", "generator_lm_head.weight"},
    {"albert", "albert.", "embeddings.word_embeddings.weight", "predictions.decoder.weight"},
    {"camembert", "roberta.", "embeddings.word_embeddings.weight", "lm_head.decoder.weight"},
    {"mpnet", "mpnet.", "embeddings.word_embeddings.weight", "lm_head.decoder.weight"},
    {"modernbert", "model.", "embeddings.tok_embeddings.weight", "decoder.weight"},
    {"deberta-v2", "deberta.", "embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"},
    {"bart",
     "model.",
     "shared.weight",
     "lm_head.weight",
     {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}},
    {"t5-plain",
     "",
     "shared.weight",
     "lm_head.weight",
     {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}},
    {"mt5",
     "",
     "shared.weight",
     "lm_head.weight",
     {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}},
    {"umt5",
     "",
     "shared.weight",
     "lm_head.weight",
     {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}},
    {"t5-gated",
     "",
     "shared.weight",
     "lm_head.weight",
     {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}},
};

bool tied(const Family& family) {
  const SavedOtherwise saved(family.name);
  return !saved.tensors.contains(family.head);
}

} // namespace

TEST_CASE("a bare model is the one that its names lack the beginning of") {
  for (const Family& family : families) {
    CAPTURE(family.name);
    SavedOtherwise saved(family.name);
    const bool headed = tied(family);
    std::map<std::string, at::Tensor> bare;
    for (const auto& [name, tensor] : saved.tensors)
      if (name.starts_with(family.prefix) && name != family.head)
        bare[name.substr(std::strlen(family.prefix))] = tensor;
    saved.tensors = bare;
    const bool masked = std::string(family.words).starts_with("embeddings.");
    const Model model = saved.load();
    // Of masked models the transform before the head is gone, too; T5 ties in any case.
    CHECK(model.shape().has_lm_head == (!masked && (headed || family.prefix[0] == '\0')));
    // What BART adds to its scores is gone, and T5 1.1 is tied where it was recorded with a head of its own.
    const bool scores = std::string(family.name) != "bart" && std::string(family.name) != "t5-gated";
    const Recording recording(golden / "models" / family.name / "outputs.safetensors");
    CHECK(difference(model, recording, scores) < 1e-4);
    if (!model.shape().has_lm_head)
      CHECK_THROWS_WITH_AS(
          model.backbone().project({at::zeros({1, model.shape().hidden}), {OutputRequest::Kind::logits, {}}}),
          doctest::Contains("has no"), PluginError);
  }
}

TEST_CASE("tensors that differ are not tied, whatever the configuration says") {
  for (const Family& family : families) {
    if (tied(family))
      continue;
    CAPTURE(family.name);
    for (const bool flag : {true, false}) {
      SavedOtherwise saved(family.name);
      saved.config["tie_word_embeddings"] = flag;
      if (saved.config["model_type"] == "t5")
        saved.config["scale_decoder_outputs"] = false; // older files say this by the tie flag alone
      CHECK(difference(saved) < 1e-4);
    }
  }
}

TEST_CASE("a shared table is found under any of its names, and is one where it is there under several") {
  for (const Family& family : families) {
    if (!tied(family))
      continue;
    CAPTURE(family.name);
    const std::string words = std::string(family.prefix) + family.words;
    std::vector<std::string> names{words, family.head};
    for (const char* other : family.others)
      names.push_back(std::string(family.prefix) + other);
    for (const std::string& name : names) {
      CAPTURE(name);
      SavedOtherwise saved(family.name);
      const at::Tensor table = saved.tensors.at(words);
      saved.tensors.erase(words);
      saved.tensors[name] = table;
      CHECK(difference(saved) < 1e-4);
    }
    SavedOtherwise all(family.name);
    for (const std::string& name : names)
      all.tensors[name] = all.tensors.at(words).clone();
    CHECK(difference(all) < 1e-4);
    const Model model = all.load();
    for (const std::string& name : names)
      CHECK(model.backbone().weights().contains(name) == (name == words));
  }
}

TEST_CASE("names in safetensors' metadata refer to the tensor that was saved") {
  for (const Family& family : families) {
    CAPTURE(family.name);
    if (!tied(family) || (family.prefix[0] == '\0' && std::string(family.words) == "shared.weight"))
      continue;
    SavedOtherwise saved(family.name);
    const std::string words = std::string(family.prefix) + family.words;
    // As save_model writes it: the name that comes first is kept. Without the flag, only the metadata tells of the other.
    saved.tensors[family.head] = saved.tensors.at(words);
    saved.tensors.erase(words);
    saved.config["tie_word_embeddings"] = false;
    saved.metadata = {{words, family.head}, {"format", "pt"}};
    for (const char* other : family.others)
      saved.metadata[std::string(family.prefix) + other] = family.head;
    CHECK(saved.load().shape().has_lm_head);
    CHECK(difference(saved) < 1e-4);
    saved.metadata = {};
    CHECK_THROWS_WITH_AS(saved.load(), doctest::Contains(words.c_str()), DataError);
  }
}

TEST_CASE("both sides of an encoder-decoder read the tables that they have") {
  // A table of its own for the decoder is the recorded model where its rows are permuted together with the decoder's ids.
  for (const char* name : {"bart", "t5-plain"}) {
    CAPTURE(name);
    SavedOtherwise saved(name);
    const std::string prefix = std::string(name) == "bart" ? "model." : "";
    const at::Tensor shared = saved.tensors.at(prefix + "shared.weight");
    saved.tensors[prefix + "encoder.embed_tokens.weight"] = shared.clone();
    saved.tensors[prefix + "decoder.embed_tokens.weight"] = shared.roll(1, 0);
    saved.tensors["lm_head.weight"] = shared.clone();
    const Model model = saved.load();
    const Recording recording(golden / "models" / name / "outputs.safetensors");
    Batch batch = packed(recording, {}, false);
    batch.output->ids = (batch.output->ids + 1) % model.shape().vocabulary;
    std::vector<int64_t> tokens(static_cast<std::size_t>(batch.output->num_tokens()));
    std::iota(tokens.begin(), tokens.end(), 0);
    batch.answer_tokens = at::tensor(tokens, at::kLong);
    batch.answer_tokens_host = tokens;
    CHECK((model.backbone().forward({batch, {}}) - recording["hidden"]).abs().max().item<double>() < 1e-4);
  }
}

TEST_CASE("of a masked-LM head's two biases the decoder's is added") {
  for (const auto& [name, head, decoder] :
       {std::tuple{"bert-mlm", "cls.predictions.bias", "cls.predictions.decoder.bias"},
        std::tuple{"roberta-mlm", "lm_head.bias", "lm_head.decoder.bias"},
        std::tuple{"albert", "predictions.bias", "predictions.decoder.bias"},
        std::tuple{"deberta-v2", "cls.predictions.bias", "cls.predictions.decoder.bias"}}) {
    CAPTURE(name);
    SavedOtherwise only(name), both(name);
    const at::Tensor bias = only.tensors.contains(head) ? only.tensors.at(head) : only.tensors.at(decoder);
    only.tensors.erase(head);
    only.tensors[decoder] = bias;
    CHECK(difference(only) < 1e-4);
    both.tensors[head] = bias + 1;
    both.tensors[decoder] = bias;
    CHECK(difference(both) < 1e-4);
  }
}

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
    // Only where the recorded model has what the family has anyway.
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
  // Neither mT5's scores nor umT5's depend on what the file says of tying.
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
  // Its own files of version 3 do not say which of the two heads they have.
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

TEST_CASE("checkpoints that transformers has saved") {
  const char* folder = std::getenv("CUECARD_CHECKPOINTS");
  if (!folder) {
    MESSAGE("skipped: CUECARD_CHECKPOINTS names no folder; ./run oracle makes one");
    return;
  }
  int compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    CAPTURE(entry.path().filename().string());
    try {
      const Model model = Model::load(entry.path(), plugins(), {at::kCPU, at::kFloat});
      const Recording recording(entry.path() / "outputs.safetensors");
      CHECK(model.shape().has_lm_head == !recording.has("no_head"));
      CHECK(difference(model, recording) < 1e-4);
    } catch (const Error& error) {
      FAIL_CHECK(error.what());
    }
    ++compared;
  }
  CHECK(compared > 100);
}
