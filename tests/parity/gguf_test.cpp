// Decoders from GGUF files written as llama.cpp's converter writes them: hidden states equal transformers' of the same weights.
#include <cmath>
#include <fstream>
#include <functional>
#include <map>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "model/gguf/gguf_bytes.hpp"
#include "model/test_folder.hpp"
#include "recorded.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using nlohmann::json;
using Pairs = std::vector<std::string>;

std::string whole(const std::string& key, int64_t value) {
  return pair(key, 4, raw(static_cast<uint32_t>(value)));
}
std::string number(const std::string& key, double value) {
  return pair(key, 6, raw(static_cast<float>(value)));
}

/// How a family is converted.
struct Converted {
  const char* model; ///< the golden one
  const char* architecture;
  const char* stack;                        ///< before "0.": the layers' prefix
  std::map<std::string, std::string> names; ///< stems, of the whole model and of a layer
  std::function<void(const json& config, Pairs& pairs)> more = [](const json&, Pairs&) {};
};

const std::map<std::string, std::string> llama{{"model.embed_tokens", "token_embd"},
                                               {"model.norm", "output_norm"},
                                               {"lm_head", "output"},
                                               {"self_attn.q_proj", "attn_q"},
                                               {"self_attn.k_proj", "attn_k"},
                                               {"self_attn.v_proj", "attn_v"},
                                               {"self_attn.o_proj", "attn_output"},
                                               {"self_attn.q_norm", "attn_q_norm"},
                                               {"self_attn.k_norm", "attn_k_norm"},
                                               {"mlp.gate_proj", "ffn_gate"},
                                               {"mlp.up_proj", "ffn_up"},
                                               {"mlp.down_proj", "ffn_down"},
                                               {"input_layernorm", "attn_norm"},
                                               {"post_attention_layernorm", "ffn_norm"}};

std::map<std::string, std::string> with(std::map<std::string, std::string> more) {
  more.insert(llama.begin(), llama.end());
  return more;
}

const std::vector<Converted> families{
    {"gemma", "gemma", "model.layers.", llama},
    {"gemma2", "gemma2", "model.layers.",
     with({{"post_attention_layernorm", "post_attention_norm"},
           {"pre_feedforward_layernorm", "ffn_norm"},
           {"post_feedforward_layernorm", "post_ffw_norm"}}),
     [](const json& config, Pairs& pairs) {
       pairs.push_back(whole("gemma2.attention.sliding_window", config.at("sliding_window")));
       pairs.push_back(number("gemma2.attn_logit_softcapping", config.at("attn_logit_softcapping")));
       pairs.push_back(number("gemma2.final_logit_softcapping", config.at("final_logit_softcapping")));
     }},
    {"phi3", "phi3", "model.layers.",
     with({{"self_attn.qkv_proj", "attn_qkv"}, {"mlp.gate_up_proj", "ffn_up"}}),
     [](const json& config, Pairs& pairs) {
       pairs.push_back(whole("phi3.rope.dimension_count", 3)); // half of 6
       pairs.push_back(whole("phi3.attention.sliding_window", config.at("sliding_window")));
     }},
    {"phi3-longrope", "phi3", "model.layers.",
     with({{"self_attn.qkv_proj", "attn_qkv"}, {"mlp.gate_up_proj", "ffn_up"}}),
     [](const json&, Pairs& pairs) {
       pairs.push_back(whole("phi3.rope.scaling.original_context_length", 8));
       pairs.push_back(
           number("phi3.rope.scaling.attn_factor", std::sqrt(1 + std::log(40.0 / 8) / std::log(8.0))));
     }},
    {"olmo2", "olmo2", "model.layers.",
     with({{"post_attention_layernorm", "post_attention_norm"},
           {"post_feedforward_layernorm", "post_ffw_norm"}})},
    {"gpt-neox",
     "gptneox",
     "gpt_neox.layers.",
     {{"gpt_neox.embed_in", "token_embd"},
      {"gpt_neox.final_layer_norm", "output_norm"},
      {"embed_out", "output"},
      {"input_layernorm", "attn_norm"},
      {"attention.query_key_value", "attn_qkv"},
      {"attention.dense", "attn_output"},
      {"post_attention_layernorm", "ffn_norm"},
      {"mlp.dense_h_to_4h", "ffn_up"},
      {"mlp.dense_4h_to_h", "ffn_down"}},
     [](const json& config, Pairs& pairs) {
       pairs.push_back(whole("gptneox.rope.dimension_count", 2)); // of 6
       pairs.push_back(number("gptneox.attention.layer_norm_epsilon", config.at("layer_norm_eps")));
       pairs.push_back(pair("gptneox.use_parallel_residual", 7, raw<uint8_t>(1)));
     }},
};

Pairs metadata(const Converted& family, const json& config) {
  const std::string at = std::string(family.architecture) + ".";
  std::string tokens = raw<uint32_t>(8) + raw<uint64_t>(config.at("vocab_size").get<uint64_t>());
  for (int64_t id = 0; id < config.at("vocab_size").get<int64_t>(); ++id)
    tokens += text("w" + std::to_string(id));
  const int64_t heads = config.at("num_attention_heads");
  Pairs pairs{pair("general.architecture", 8, text(family.architecture)),
              whole(at + "embedding_length", config.at("hidden_size")),
              whole(at + "block_count", config.at("num_hidden_layers")),
              whole(at + "attention.head_count", heads),
              whole(at + "attention.head_count_kv", config.value("num_key_value_heads", heads)),
              whole(at + "attention.key_length",
                    config.value("head_dim", config.at("hidden_size").get<int64_t>() / heads)),
              whole(at + "feed_forward_length", config.at("intermediate_size")),
              whole(at + "context_length", config.at("max_position_embeddings")),
              number(at + "rope.freq_base", config.at("rope_parameters").at("rope_theta")),
              pair("tokenizer.ggml.model", 8, text("gpt2")),
              pair("tokenizer.ggml.pre", 8, text("gpt-2")),
              pair("tokenizer.ggml.tokens", 9, tokens)};
  if (config.contains("rms_norm_eps"))
    pairs.push_back(number(at + "attention.layer_norm_rms_epsilon", config.at("rms_norm_eps")));
  family.more(config, pairs);
  return pairs;
}

/// A tensor as the converter stores it.
at::Tensor converted(const Converted& family, const std::string& name, const at::Tensor& tensor,
                     int64_t heads) {
  const std::string architecture = family.architecture;
  if (architecture.starts_with("gemma") && name.ends_with("norm.weight"))
    return tensor + 1;
  if (architecture != "gptneox" || name.find("query_key_value") == std::string::npos)
    return tensor;
  // Rows of all queries, all keys, all values, instead of head by head.
  const int64_t size = tensor.size(0) / heads / 3;
  std::vector<at::Tensor> rows;
  for (int64_t part = 0; part < 3; ++part)
    for (int64_t head = 0; head < heads; ++head)
      rows.push_back(tensor.narrow(0, (head * 3 + part) * size, size));
  return at::cat(rows);
}

/// `halves`: matrices are float16.
class Writer {
public:
  explicit Writer(bool halves) : halves_(halves) {}

  void add(const std::string& name, const at::Tensor& tensor) {
    std::vector<uint64_t> dimensions;
    for (int64_t i = tensor.dim() - 1; i >= 0; --i)
      dimensions.push_back(static_cast<uint64_t>(tensor.size(i)));
    const bool half = halves_ && tensor.dim() == 2;
    infos_.push_back(info(name, dimensions, half ? 1 : 0, data_.size())); // ggml's numbers of F16 and F32
    const at::Tensor stored = tensor.to(half ? at::kHalf : at::kFloat).contiguous();
    data_.append(static_cast<const char*>(stored.const_data_ptr()), stored.nbytes());
    data_.append((32 - data_.size() % 32) % 32, '\0');
  }
  std::string file(const Pairs& pairs) const { return file_of(pairs, infos_, data_); }

private:
  bool halves_;
  std::vector<std::string> infos_;
  std::string data_;
};

std::filesystem::path write_gguf(const TestFolder& folder, const Converted& family, bool halves = false) {
  const std::filesystem::path source = golden / "models" / family.model;
  std::ifstream config_file(source / "config.json");
  const json config = json::parse(config_file);
  const SafetensorsFile tensors(source / "model.safetensors");
  Writer writer(halves);
  for (const auto& [name, entry] : tensors.entries()) {
    const std::size_t dot = name.rfind('.');
    std::string stem = name.substr(0, dot), layer;
    if (const std::string stack = family.stack; stem.starts_with(stack)) {
      const std::size_t end = stem.find('.', stack.size());
      layer = "blk." + stem.substr(stack.size(), end - stack.size()) + ".";
      stem = stem.substr(end + 1);
    }
    writer.add(layer + family.names.at(stem) + name.substr(dot),
               converted(family, name, tensors.tensor(name), config.at("num_attention_heads")));
  }
  const json& rope = config.at("rope_parameters");
  for (const auto& [key, tensor] :
       {std::pair("long_factor", "rope_factors_long.weight"), {"short_factor", "rope_factors_short.weight"}})
    if (rope.contains(key))
      writer.add(tensor, at::tensor(rope.at(key).get<std::vector<float>>()));
  return folder.write(std::string(family.model) + ".gguf", writer.file(metadata(family, config)));
}

} // namespace

TEST_CASE("hidden states and log-probabilities from a GGUF file equal transformers'") {
  const TestFolder folder;
  for (const Converted& family : families) {
    CAPTURE(family.model);
    const Model model = Model::load(write_gguf(folder, family), plugins(), {at::kCPU, at::kFloat});
    const Recording recording(golden / "models" / family.model / "outputs.safetensors");
    std::vector<int64_t> all;
    for (int64_t row = 0; row < recording["ids"].size(0); ++row)
      all.push_back(row);
    const Batch batch = packed(recording, all, false);
    const at::Tensor hidden = model.backbone().forward({batch, {}});
    CHECK((hidden - recording["hidden"]).abs().max().item<double>() < 1e-4);
    const at::Tensor log_probs = model.backbone()
                                     .project({hidden, {OutputRequest::Kind::log_probs, {}}})
                                     .index_select(0, recording["target_rows"]);
    CHECK((log_probs - recording["log_probs"]).abs().max().item<double>() < 1e-4);
  }
}

TEST_CASE(
    "matrices that stay as a GGUF file has them are those that are converted, in whatever order the file has their rows") {
  const TestFolder folder;
  for (const Converted& family : families) {
    CAPTURE(family.model);
    const std::filesystem::path file = write_gguf(folder, family, true);
    const Recording recording(golden / "models" / family.model / "outputs.safetensors");
    const Batch batch = packed(recording, {0, 1}, false);
    const auto hidden = [&](MatrixForm matrices) {
      const Model model = Model::load(file, plugins(), {at::kCPU, at::kFloat, true, matrices});
      return model.backbone().forward({batch, {}});
    };
    CHECK((hidden(MatrixForm::stored) - hidden(MatrixForm::converted)).abs().max().item<double>() < 1e-4);
  }
}
