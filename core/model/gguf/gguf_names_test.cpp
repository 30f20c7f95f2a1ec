#include "model/gguf/gguf_names.hpp"

#include <cmath>
#include <map>

#include <ATen/ATen.h>

#include "model/gguf/gguf_bytes.hpp"
#include "model/gguf/gguf_configuration.hpp"
#include "model/gguf/gguf_weights.hpp"

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;

TEST_CASE("gguf: names and configuration of a tiny llama") {
  TestFolder folder;
  // One layer, hidden size 4, two query heads and one key head of size 2.
  std::vector<std::string> pairs{pair("general.architecture", 8, text("llama")),
                                 pair("llama.embedding_length", 4, raw<uint32_t>(4)),
                                 pair("llama.block_count", 4, raw<uint32_t>(1)),
                                 pair("llama.attention.head_count", 4, raw<uint32_t>(2)),
                                 pair("llama.attention.head_count_kv", 4, raw<uint32_t>(1)),
                                 pair("llama.feed_forward_length", 4, raw<uint32_t>(8)),
                                 pair("llama.context_length", 4, raw<uint32_t>(128)),
                                 pair("llama.vocab_size", 4, raw<uint32_t>(3)),
                                 pair("llama.attention.layer_norm_rms_epsilon", 6, raw(1e-5f)),
                                 pair("llama.rope.freq_base", 6, raw(100000.0f)),
                                 pair("tokenizer.ggml.bos_token_id", 4, raw<uint32_t>(1))};
  const std::vector<std::string> infos{info("token_embd.weight", {4, 3}, 0, 0),
                                       info("blk.0.attn_k.weight", {4, 2}, 0, 64)};
  const auto with = [&](const std::vector<std::string>& tensors) {
    return file_of(pairs, tensors, std::string(128, '\0'));
  };
  const GgufFile file(folder.write("a.gguf", with(infos)));
  const Configuration configuration = gguf_configuration(file);
  CHECK(configuration.text("model_type") == "llama");
  CHECK(configuration.integer("hidden_size") == 4);
  CHECK(configuration.integer("num_key_value_heads") == 1);
  CHECK(configuration.integer("head_dim") == 2);
  CHECK(configuration.integer("vocab_size") == 3);
  CHECK(configuration.number("rms_norm_eps") == 1e-5); // not 9.999999747378752e-06, the widened float32
  CHECK(configuration.number("rope_theta") == 100000.0);
  CHECK(configuration.boolean("tie_word_embeddings"));
  CHECK(configuration.integer("bos_token_id") == 1);
  CHECK(!configuration.has("eos_token_id"));
  const auto sources = gguf_sources(file, configuration);
  CHECK(sources.at("model.embed_tokens.weight").name == "token_embd.weight");
  CHECK(sources.at("model.layers.0.self_attn.k_proj.weight").interleaved_heads == 1);

  const auto error_of = [&](const std::vector<std::string>& tensors) {
    const GgufFile other(folder.write("b.gguf", with(tensors)));
    return sentence([&] { gguf_sources(other, gguf_configuration(other)); });
  };
  CHECK(contains(error_of({info("rope_freqs.weight", {4}, 0, 0)}), "\"rope_freqs.weight\" is not Llama 3.1's"));
  CHECK(contains(error_of({info("blk.x.attn_k.weight", {4, 2}, 0, 0)}), "not a known tensor"));
  CHECK(contains(error_of({info("blk.0.attn_q.weight", {4, 2}, 0, 0)}), "2 heads of size 2"));
  pairs[3] = pair("llama.attention.head_count", 4, raw<uint32_t>(0));
  CHECK(contains(error_of({}), "llama.attention.head_count"));
  pairs[3] = pair("llama.attention.head_count", 8, text("two"));
  CHECK(contains(error_of({}), "llama.attention.head_count"));
  pairs[0] = pair("general.architecture", 8, text("mamba"));
  CHECK(contains(error_of({}), "\"mamba\""));
}

TEST_CASE("gguf: missing keys of a llama file have llama.cpp's defaults") {
  TestFolder folder;
  const std::vector<std::string> needed{pair("general.architecture", 8, text("llama")),
                                        pair("llama.embedding_length", 4, raw<uint32_t>(8)),
                                        pair("llama.block_count", 4, raw<uint32_t>(1)),
                                        pair("llama.attention.head_count", 4, raw<uint32_t>(2)),
                                        pair("llama.feed_forward_length", 4, raw<uint32_t>(8)),
                                        pair("llama.context_length", 4, raw<uint32_t>(128)),
                                        pair("llama.vocab_size", 4, raw<uint32_t>(3)),
                                        pair("llama.attention.layer_norm_rms_epsilon", 6, raw(1e-5f))};
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> pairs = needed;
    pairs.insert(pairs.end(), more.begin(), more.end());
    return gguf_configuration(GgufFile(folder.write("a.gguf", file_of(pairs, {}, ""))));
  };
  const Configuration plain = with({});
  CHECK(plain.integer("num_key_value_heads") == 2);
  CHECK(plain.integer("head_dim") == 4);
  CHECK(plain.number("rope_theta") == 10000.0);
  CHECK(plain.text("rope_parameters.rope_type") == "default");
  const auto factor = [&](const std::vector<std::string>& more) {
    const Configuration scaled = with(more);
    return scaled.text_or("rope_scaling.rope_type", "") == "linear" ? scaled.number("rope_parameters.factor")
                                                                    : 1.0;
  };
  const std::string four = pair("llama.rope.scaling.factor", 6, raw(4.0f));
  CHECK(factor({four}) == 4); // without a type it is linear
  CHECK(factor({four, pair("llama.rope.scaling.type", 8, text("linear"))}) == 4);
  CHECK(factor({four, pair("llama.rope.scaling.type", 8, text("none"))}) == 1);
  CHECK(factor({pair("llama.rope.scaling.type", 8, text("linear"))}) == 1); // without a factor it is none
  CHECK(factor({pair("llama.rope.scaling.factor", 6, raw(0.0f))}) == 1);
  CHECK(factor({pair("llama.rope.scale_linear", 6, raw(2.0f))}) == 2); // as files had it before
  // A rotation of half a head is no smaller head.
  CHECK(contains(sentence([&] { with({pair("llama.rope.dimension_count", 4, raw<uint32_t>(2))}); }),
                 "is 2 but the head size is 4"));
}

TEST_CASE("gguf: names and configuration of a tiny gemma3") {
  // Other families are compared with transformers in tests/parity/gguf_test.cpp; llama.cpp takes every sixth layer of this one as full.
  TestFolder folder;
  const auto whole = [](const char* key, uint32_t value) { return pair(key, 4, raw(value)); };
  std::vector<std::string> pairs{pair("general.architecture", 8, text("gemma3")),
                                 whole("gemma3.embedding_length", 8),
                                 whole("gemma3.block_count", 1),
                                 whole("gemma3.attention.head_count", 2),
                                 whole("gemma3.attention.head_count_kv", 1),
                                 whole("gemma3.attention.key_length", 6),
                                 whole("gemma3.attention.sliding_window", 512),
                                 whole("gemma3.feed_forward_length", 8),
                                 whole("gemma3.context_length", 64),
                                 whole("gemma3.vocab_size", 3),
                                 pair("gemma3.attention.layer_norm_rms_epsilon", 6, raw(1e-6f)),
                                 pair("gemma3.rope.freq_base", 6, raw(1e6f)),
                                 pair("gemma3.rope.scaling.factor", 6, raw(8.0f))};
  std::vector<std::string> infos;
  const std::map<std::string, std::string> norms{
      {"output_norm", "model.norm"},
      {"blk.0.attn_norm", "model.layers.0.input_layernorm"},
      {"blk.0.post_attention_norm", "model.layers.0.post_attention_layernorm"},
      {"blk.0.ffn_norm", "model.layers.0.pre_feedforward_layernorm"},
      {"blk.0.post_ffw_norm", "model.layers.0.post_feedforward_layernorm"},
      {"blk.0.attn_q_norm", "model.layers.0.self_attn.q_norm"},
      {"blk.0.attn_k_norm", "model.layers.0.self_attn.k_norm"}};
  for (const auto& [gguf, hugging_face] : norms)
    infos.push_back(info(gguf + ".weight", {8}, 0, 32 * infos.size()));
  const GgufFile file(folder.write("a.gguf", file_of(pairs, infos, std::string(32 * infos.size(), '\0'))));
  const Configuration c = gguf_configuration(file);
  CHECK(c.text("model_type") == "gemma3_text");
  CHECK(c.text("hidden_activation") == "gelu_pytorch_tanh");
  CHECK(c.integer("sliding_window") == 512);
  CHECK(c.integer("query_pre_attn_scalar") == 6);
  CHECK(c.number("rope_theta") == 1e6);
  CHECK(c.number("rope_local_base_freq") == 1e4);
  CHECK(c.text("rope_scaling.rope_type") == "linear");
  CHECK(c.number("rope_scaling.factor") == 8);
  CHECK(c.number("attn_logit_softcapping") == 0);
  const auto sources = gguf_sources(file, c);
  CHECK(sources.size() == norms.size());
  for (const auto& [gguf, hugging_face] : norms) {
    CAPTURE(gguf);
    const GgufSource& source = sources.at(hugging_face + ".weight");
    CHECK(source.name == gguf + ".weight");
    CHECK(source.plus_one);
    CHECK(to_hugging_face_layout(at::full({8}, 1.5f), source).equal(at::full({8}, 0.5f)));
  }
}

TEST_CASE("gguf: names and configuration of a tiny bert") {
  TestFolder folder;
  std::vector<std::string> pairs{pair("general.architecture", 8, text("bert")),
                                 pair("bert.embedding_length", 4, raw<uint32_t>(4)),
                                 pair("bert.block_count", 4, raw<uint32_t>(12)),
                                 pair("bert.attention.head_count", 4, raw<uint32_t>(2)),
                                 pair("bert.feed_forward_length", 4, raw<uint32_t>(8)),
                                 pair("bert.context_length", 4, raw<uint32_t>(64)),
                                 pair("bert.attention.layer_norm_epsilon", 6, raw(1e-12f)),
                                 pair("tokenizer.ggml.padding_token_id", 4, raw<uint32_t>(0))};
  // Names as llama.cpp's converter writes them for BertModel, and as transformers does.
  const std::vector<std::pair<std::string, std::string>> names{
      {"token_embd.weight", "embeddings.word_embeddings.weight"},
      {"token_types.weight", "embeddings.token_type_embeddings.weight"},
      {"position_embd.weight", "embeddings.position_embeddings.weight"},
      {"token_embd_norm.weight", "embeddings.LayerNorm.weight"},
      {"token_embd_norm.bias", "embeddings.LayerNorm.bias"},
      {"blk.11.attn_q.weight", "encoder.layer.11.attention.self.query.weight"},
      {"blk.11.attn_q.bias", "encoder.layer.11.attention.self.query.bias"},
      {"blk.11.attn_k.weight", "encoder.layer.11.attention.self.key.weight"},
      {"blk.11.attn_v.bias", "encoder.layer.11.attention.self.value.bias"},
      {"blk.11.attn_output.weight", "encoder.layer.11.attention.output.dense.weight"},
      {"blk.11.attn_output_norm.bias", "encoder.layer.11.attention.output.LayerNorm.bias"},
      {"blk.11.ffn_up.weight", "encoder.layer.11.intermediate.dense.weight"},
      {"blk.11.ffn_down.bias", "encoder.layer.11.output.dense.bias"},
      {"blk.11.layer_output_norm.weight", "encoder.layer.11.output.LayerNorm.weight"}};
  const auto with = [&](const std::vector<std::pair<std::string, std::string>>& tensors) {
    std::vector<std::string> infos;
    for (const auto& [gguf, hugging_face] : tensors) {
      const bool matrix = gguf.starts_with("token_embd.") || gguf.starts_with("token_types.");
      const uint64_t rows = gguf.starts_with("token_types.") ? 2 : 5;
      infos.push_back(
          info(gguf, matrix ? std::vector<uint64_t>{4, rows} : std::vector<uint64_t>{4}, 0, 96 * infos.size()));
    }
    return file_of(pairs, infos, std::string(96 * infos.size(), '\0'));
  };
  const GgufFile file(folder.write("a.gguf", with(names)));
  const Configuration configuration = gguf_configuration(file);
  CHECK(configuration.text("model_type") == "bert");
  CHECK(configuration.integer("hidden_size") == 4);
  CHECK(configuration.integer("num_hidden_layers") == 12);
  CHECK(configuration.integer("num_attention_heads") == 2);
  CHECK(configuration.integer("intermediate_size") == 8);
  CHECK(configuration.integer("max_position_embeddings") == 64);
  CHECK(configuration.integer("vocab_size") == 5);
  CHECK(configuration.integer("type_vocab_size") == 2);
  CHECK(configuration.integer("pad_token_id") == 0);
  CHECK(configuration.number("layer_norm_eps") == 1e-12);
  const auto sources = gguf_sources(file, configuration);
  CHECK(sources.size() == names.size());
  for (const auto& [gguf, hugging_face] : names) {
    CAPTURE(gguf);
    REQUIRE(sources.count(hugging_face) == 1);
    CHECK(sources.at(hugging_face).name == gguf);
    CHECK(sources.at(hugging_face).interleaved_heads == 0); // no RoPE
  }
  const auto error_of = [&](const std::vector<std::pair<std::string, std::string>>& tensors) {
    const GgufFile other(folder.write("b.gguf", with(tensors)));
    return sentence([&] { gguf_sources(other, gguf_configuration(other)); });
  };
  CHECK(contains(error_of({{"token_embd.weight", ""}}), "lacks the matrix \"token_types.weight\""));
  CHECK(
      contains(error_of({{"token_embd.weight", ""}, {"token_types.weight", ""}, {"blk.0.ffn_gate.weight", ""}}),
               "\"blk.0.ffn_gate.weight\" is not a known tensor of a bert model"));
}

TEST_CASE("gguf: reordering the rows of rotary heads undoes the converter's permutation") {
  // The converter: [heads * d, n] -> reshape(heads, 2, d / 2, n), swap the middle two, reshape back.
  const at::Tensor original = at::arange(2 * 6 * 3, at::kFloat).reshape({12, 3});
  const at::Tensor stored = original.reshape({2, 2, 3, 3}).transpose(1, 2).reshape({12, 3});
  CHECK(!stored.equal(original));
  CHECK(to_hugging_face_layout(stored, {"", 2}).equal(original));
  CHECK(to_hugging_face_layout(stored.select(1, 0), {"", 2}).equal(original.select(1, 0)));
  CHECK(to_hugging_face_layout(stored, {}).is_same(stored));
}

TEST_CASE("gguf: names, configuration and transposed matrices of a tiny gpt2") {
  TestFolder folder;
  const std::vector<std::string> pairs{pair("general.architecture", 8, text("gpt2")),
                                       pair("gpt2.embedding_length", 4, raw<uint32_t>(2)),
                                       pair("gpt2.block_count", 4, raw<uint32_t>(1)),
                                       pair("gpt2.attention.head_count", 4, raw<uint32_t>(1)),
                                       pair("gpt2.feed_forward_length", 4, raw<uint32_t>(3)),
                                       pair("gpt2.context_length", 4, raw<uint32_t>(7)),
                                       pair("gpt2.attention.layer_norm_epsilon", 6, raw(1e-5f))};
  // The first feed-forward matrix in llama.cpp layout, [out, in] = [3, 2], with the values 0 to 5.
  std::string data;
  for (int i = 0; i < 6; ++i)
    data += raw(static_cast<float>(i));
  data.resize(512, '\0');
  const auto file = std::make_shared<const GgufFile>(folder.write(
      "a.gguf", file_of(pairs,
                        {info("blk.0.ffn_up.weight", {2, 3}, 0, 0), info("blk.0.ffn_up.bias", {3}, 0, 32),
                         info("token_embd.weight", {2, 5}, 0, 64), info("position_embd.weight", {2, 7}, 0, 128),
                         info("blk.0.attn_qkv.weight", {2, 6}, 0, 192), info("output_norm.bias", {2}, 0, 256),
                         info("blk.0.attn_norm.weight", {2}, 0, 288)},
                        data)));
  const Configuration configuration = gguf_configuration(*file);
  CHECK(configuration.text("model_type") == "gpt2");
  CHECK(configuration.integer("n_embd") == 2);
  CHECK(configuration.integer("n_inner") == 3);
  CHECK(configuration.integer("n_positions") == 7);
  CHECK(configuration.integer("vocab_size") == 5);
  CHECK(configuration.number("layer_norm_epsilon") == 1e-5);
  CHECK(configuration.boolean("tie_word_embeddings"));
  const GgufWeights weights(file, configuration, {at::kFloat}, at::kCPU);
  for (const char* name : {"transformer.wte.weight", "transformer.wpe.weight", "transformer.ln_f.bias",
                           "transformer.h.0.ln_1.weight", "transformer.h.0.attn.c_attn.weight"})
    CHECK(weights.has(name));
  CHECK(weights.stored("transformer.h.0.mlp.c_fc.weight").shape == std::vector<int64_t>{2, 3});
  CHECK(weights.get("transformer.h.0.mlp.c_fc.weight", {2, 3})
            .equal(at::tensor({0.f, 2.f, 4.f, 1.f, 3.f, 5.f}).view({2, 3})));
  CHECK(weights.get("transformer.h.0.mlp.c_fc.bias", {3}).size(0) == 3);
}

namespace {

/// A file of a Llama-like architecture with head size 64 and these tensors.
std::string llama_like_file(const std::string& architecture, const std::vector<std::string>& infos,
                            const std::string& data) {
  const auto number = [&](const char* key, uint32_t value) {
    return pair(architecture + "." + key, 4, raw(value));
  };
  return file_of({pair("general.architecture", 8, text(architecture)), number("embedding_length", 4),
                  number("block_count", 1), number("attention.head_count", 2),
                  number("attention.head_count_kv", 1), number("attention.key_length", 64),
                  number("feed_forward_length", 8), number("context_length", 128), number("vocab_size", 3),
                  pair(architecture + ".attention.layer_norm_rms_epsilon", 6, raw(1e-5f)),
                  pair(architecture + ".rope.freq_base", 6, raw(500000.0f))},
                 infos, data);
}

} // namespace

TEST_CASE("gguf: Qwen's rows are not interleaved; biases and q_norm are mapped") {
  TestFolder folder;
  const std::vector<std::string> infos{info("blk.0.attn_q.weight", {4, 128}, 0, 0),
                                       info("blk.0.attn_k.bias", {64}, 0, 2048),
                                       info("blk.0.attn_q_norm.weight", {64}, 0, 2304)};
  const std::string data(4096, '\0');
  const GgufFile three(folder.write("3.gguf", llama_like_file("qwen3", infos, data)));
  const Configuration configuration = gguf_configuration(three);
  CHECK(configuration.text("model_type") == "qwen3");
  CHECK(configuration.integer("head_dim") == 64);
  const auto sources = gguf_sources(three, configuration);
  CHECK(sources.at("model.layers.0.self_attn.q_proj.weight").interleaved_heads == 0);
  CHECK(sources.count("model.layers.0.self_attn.k_proj.bias") == 1);
  CHECK(sources.count("model.layers.0.self_attn.q_norm.weight") == 1);
  const GgufFile two(folder.write("2.gguf", llama_like_file("qwen2", infos, data)));
  CHECK(gguf_configuration(two).text("model_type") == "qwen2");
  CHECK(contains(sentence([&] { gguf_sources(two, gguf_configuration(two)); }),
                 "\"blk.0.attn_q_norm.weight\" is not a known tensor of a qwen2 model"));
}

TEST_CASE("gguf: Llama 3.1's RoPE scaling is recognised from its tensor") {
  TestFolder folder;
  // As in the reference implementation: short wavelengths are kept, long ones divided, and those in between
  // interpolated.
  const auto divisors = [](double factor, double original) {
    std::string data;
    for (int i = 0; i < 32; ++i) {
      const double wavelength = 2 * M_PI * std::pow(500000.0, i / 32.0);
      const double smooth = (original / wavelength - 1) / (4 - 1);
      data += raw(static_cast<float>(wavelength < original / 4 ? 1
                                     : wavelength > original   ? factor
                                                               : 1 / ((1 - smooth) / factor + smooth)));
    }
    return data;
  };
  const auto file = [&](const std::string& data) {
    return GgufFile(
        folder.write("a.gguf", llama_like_file("llama", {info("rope_freqs.weight", {32}, 0, 0)}, data)));
  };
  const GgufFile known = file(divisors(32, 8192));
  const Configuration configuration = gguf_configuration(known);
  CHECK(configuration.text("rope_parameters.rope_type") == "llama3");
  CHECK(configuration.text("rope_scaling.rope_type") == "llama3");
  CHECK(configuration.number("rope_parameters.factor") == doctest::Approx(32));
  CHECK(configuration.integer("rope_parameters.original_max_position_embeddings") == 8192);
  CHECK(gguf_sources(known, configuration).empty());
  CHECK(gguf_configuration(file(divisors(1, 8192))).text("rope_parameters.rope_type") == "default");
  CHECK(contains(sentence([&] { gguf_configuration(file(divisors(32, 4096))); }),
                 "\"rope_freqs.weight\" is not Llama 3.1's"));
}
