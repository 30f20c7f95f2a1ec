#include "conformance/tiny_model.hpp"

#include <map>

#include <nlohmann/json.hpp>

#include <cuecard/parts/random.hpp>
#include <cuecard/weights.hpp>

#include "files/atomic_write.hpp"
#include "model/configuration_json.hpp"
#include "model/safetensors/safetensors.hpp"
#include "tokenizer/text/byte_level.hpp"

namespace cuecard::conformance {

namespace {

using Json = nlohmann::ordered_json;

/// A special token per name that the families use; their ids are 0, 1, ...
const std::vector<std::string> special_tokens{"<pad>", "<s>",    "</s>",         "<unk>",       "<cls>",
                                              "<sep>", "<mask>", "<extra_id_0>", "<extra_id_1>"};

/// A byte-level BPE: every text has tokens, and the words of `tiny_words` are one each.
Json tokenizer_json() {
  Json vocabulary = Json::object(), merges = Json::array(), added = Json::array();
  const auto add = [&](const std::string& piece) {
    if (!vocabulary.contains(piece))
      vocabulary[piece] = vocabulary.size();
  };
  for (const std::string& token : special_tokens) {
    added.push_back({{"id", vocabulary.size()},
                     {"content", token},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
    add(token);
  }
  for (const std::string& letter : tokenizer::byte_level_alphabet())
    add(letter);
  const std::string& blank = tokenizer::byte_level_alphabet()[' '];
  for (const std::string& word : tiny_words()) {
    std::string left = blank;
    for (const char letter : word) {
      const std::string merged = left + letter;
      if (!vocabulary.contains(merged))
        merges.push_back(left + " " + letter);
      add(merged);
      left = merged;
    }
  }
  const Json byte_level{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level},
          {"post_processor", nullptr},
          {"decoder", byte_level},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"vocab", vocabulary},
            {"merges", merges}}}};
}

/// With the tokens that a masked model puts around every text.
Json with_ends(Json tokenizer) {
  const auto token = [](const char* name, int64_t id) {
    return Json{{name, {{"id", name}, {"ids", {id}}, {"tokens", {name}}}}};
  };
  Json specials = token("<cls>", 4);
  specials.update(token("<sep>", 5));
  const Json cls{{"SpecialToken", {{"id", "<cls>"}, {"type_id", 0}}}},
      sep{{"SpecialToken", {{"id", "<sep>"}, {"type_id", 0}}}};
  const Json text{{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
      other{{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  tokenizer["post_processor"] = {{"type", "TemplateProcessing"},
                                 {"single", Json::array({cls, text, sep})},
                                 {"pair", Json::array({cls, text, sep, other, sep})},
                                 {"special_tokens", specials}};
  return tokenizer;
}

bool is_masked(const std::string& model_type) {
  return model_type == families()[1].model_type;
}

/// Factors of norms are near 1, everything else is near 0, so that a signal comes through.
class DrawnWeights final : public Weights {
public:
  explicit DrawnWeights(uint64_t seed) : seed_(seed) {}

  bool has(std::string_view) const override { return true; }
  std::vector<std::string> names() const override { return {}; }
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    const at::Tensor drawn = Random(seed_, std::hash<std::string_view>{}(name)).normal_tensor(shape, 0.25);
    const bool factors = shape.size() == 1 && name.ends_with("weight");
    return factors ? drawn + 1 : drawn;
  }

private:
  uint64_t seed_;
};

} // namespace

const std::vector<Family>& families() {
  static const std::vector<Family> list{{"causal", "llama"}, {"masked", "bert"}, {"encoder-decoder", "t5"}};
  return list;
}

const std::vector<std::string>& tiny_words() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> list{"good", "bad",  "fine", "poor", "the", "film", "was",
                                  "a",    "plot", "of",   "and",  "so",  "it",   "is"};
    for (const char first : std::string("bdfgklmnpr")) // a hundred more, for as many labels
      for (const char second : std::string("aeiouvwxyz"))
        list.push_back({'q', first, second});
    return list;
  }();
  return words;
}

Configuration tiny_configuration(const std::string& model_type, int64_t layers) {
  Configuration configuration("config.json");
  const auto set = [&](const char* key, Configuration::Value value) {
    configuration.set(key, std::move(value));
  };
  constexpr int64_t width = 24, heads = 3, inner = 40, positions = 128, vocabulary = 512;
  set("model_type", model_type);
  for (const char* key : {"hidden_size", "n_embd", "d_model", "embedding_size", "dim"})
    set(key, width);
  for (const char* key : {"num_hidden_layers", "n_layer", "num_layers", "num_decoder_layers", "encoder_layers",
                          "decoder_layers", "n_layers"})
    set(key, layers);
  for (const char* key : {"num_attention_heads", "n_head", "num_heads", "num_key_value_heads",
                          "encoder_attention_heads", "decoder_attention_heads", "n_heads"})
    set(key, heads);
  for (const char* key :
       {"intermediate_size", "n_inner", "d_ff", "encoder_ffn_dim", "decoder_ffn_dim", "hidden_dim"})
    set(key, inner);
  for (const char* key : {"max_position_embeddings", "n_positions", "n_ctx"})
    set(key, positions);
  for (const char* key : {"head_dim", "d_kv"})
    set(key, width / heads);
  set("vocab_size", vocabulary);
  set("type_vocab_size", int64_t{2});
  set("relative_attention_num_buckets", int64_t{32});
  set("relative_attention_max_distance", int64_t{128});
  set("pad_token_id", int64_t{0});
  set("bos_token_id", int64_t{1});
  set("eos_token_id", int64_t{2});
  set("decoder_start_token_id", int64_t{0});
  for (const char* key : {"rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon"})
    set(key, 1e-5);
  set("rope_theta", 10000.0);
  set("hidden_act", std::string(model_type == "llama" ? "silu" : "gelu"));
  for (const char* key : {"activation_function", "activation"})
    set(key, std::string("gelu"));
  set("feed_forward_proj", std::string("relu"));
  set("tie_word_embeddings", model_type != "t5");
  set("is_encoder_decoder", model_type == "t5" || model_type == "bart");
  set("scale_embedding", false);
  return configuration;
}

void write_tiny_model(const std::filesystem::path& folder, const std::string& model_type,
                      const registry::Registry& plugins, uint64_t seed) {
  const Configuration configuration = tiny_configuration(model_type);
  const DrawnWeights drawn(seed);
  const BackboneArguments arguments{configuration, drawn};
  const std::shared_ptr<Backbone> backbone = registry::make(plugins.find_backbone(model_type), arguments);

  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "config.json", configuration_text(configuration));
  const Json tokenizer = is_masked(model_type) ? with_ends(tokenizer_json()) : tokenizer_json();
  write_file_atomically(folder / "tokenizer.json", tokenizer.dump());
  Json names{{"tokenizer_class", "PreTrainedTokenizerFast"}, {"pad_token", "<pad>"}, {"eos_token", "</s>"}};
  if (is_masked(model_type))
    names.update({{"cls_token", "<cls>"}, {"sep_token", "<sep>"}, {"mask_token", "<mask>"}});
  else if (model_type == families()[0].model_type)
    names["bos_token"] = "<s>";
  write_file_atomically(folder / "tokenizer_config.json", names.dump());
  // In half precision: converted on loading, and so copied.
  std::map<std::string, at::Tensor> weights;
  for (const auto& [name, tensor] : backbone->weights())
    weights[name] = tensor.detach().to(at::kHalf).contiguous();
  write_safetensors(folder / "model.safetensors", weights, {{"format", "pt"}});
}

Model tiny_model(const std::filesystem::path& folder, const std::string& model_type,
                 const registry::Registry& plugins, uint64_t seed, const ModelSettings& settings) {
  write_tiny_model(folder, model_type, plugins, seed);
  return Model::load(folder, plugins, settings);
}

} // namespace cuecard::conformance
