// Which tensors of a file become stored matrices, and what is refused.
#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cuecard/parts/stored/stored_matrix.hpp>

#include "model/gguf/gguf_bytes.hpp"
#include "model/gguf/gguf_configuration.hpp"
#include "model/gguf/gguf_weights.hpp"
#include "model/safetensors/safetensors.hpp"
#include "model/safetensors/safetensors_weights.hpp"
#include "model/test_folder.hpp"

using namespace cuecard;

namespace {

constexpr NumberFormat as_stored{at::kFloat, MatrixForm::stored};

/// A GPT-2 or Llama with one head of 32, Q8_0 matrices and a float32 norm.
std::string gguf_file(const std::string& architecture, uint32_t type = 8) {
  const auto number = [&](const char* key, uint32_t value) {
    return pair(architecture + "." + key, 4, raw(value));
  };
  const bool gpt2 = architecture == "gpt2";
  const std::vector<std::string> pairs{
      pair("general.architecture", 8, text(architecture)),
      number("embedding_length", 32),
      number("block_count", 1),
      number("attention.head_count", 1),
      number("feed_forward_length", 64),
      number("context_length", 8),
      number("vocab_size", 5),
      pair(architecture + (gpt2 ? ".attention.layer_norm_epsilon" : ".attention.layer_norm_rms_epsilon"), 6,
           raw(1e-5f)),
      pair("tokenizer.ggml.model", 8, text("gpt2"))};
  std::string data(8192, '\0');
  for (std::size_t i = 0; i < data.size(); ++i)
    data[i] = static_cast<char>(i * 37 % 64);
  return file_of(pairs,
                 {info(gpt2 ? "blk.0.ffn_up.weight" : "blk.0.attn_q.weight", {32, gpt2 ? 64u : 32u}, type, 0),
                  info("token_embd.weight", {32, 5}, 8, 4096), info("output_norm.weight", {32}, 0, 4512)},
                 data);
}

} // namespace

TEST_CASE(
    "stored: matrices of a GGUF file, with reordered rows and transposed, are views or copies of its bytes") {
  TestFolder folder;
  for (const char* architecture : {"llama", "gpt2"}) {
    CAPTURE(architecture);
    const auto file = std::make_shared<const GgufFile>(folder.write("a.gguf", gguf_file(architecture)));
    const Configuration configuration = gguf_configuration(*file);
    const GgufWeights weights(file, configuration, as_stored, at::kCPU),
        plain(file, configuration, {}, at::kCPU);
    for (const std::string& name : weights.names()) {
      CAPTURE(name);
      const std::vector<int64_t> shape = weights.stored(name).shape;
      const at::Tensor matrix = weights.matrix(name, shape);
      CHECK(is_stored(matrix) == (shape.size() == 2));
      CHECK(matrix.sizes() == at::IntArrayRef(shape));
      CHECK(at::equal(dense(matrix), plain.get(name, shape)));
      CHECK(!is_stored(weights.get(name, shape)));
      CHECK(!is_stored(plain.matrix(name, shape)));
      CHECK(contains(sentence([&] { weights.matrix(name, {7, 7}); }), "expected [7, 7]"));
    }
    CHECK(contains(sentence([&] { weights.matrix("nothing", {-1, -1}); }), "has no tensor \"nothing\""));
    CHECK(contains(sentence([&] {
                     GgufWeights(file, configuration, {at::kFloat, MatrixForm::int8}, at::kCPU);
                   }),
                   "--dtype int8 quantises the weights of a model folder"));
  }
  // IQ3_S has blocks of 256, and 32 x 64 are 8 of them in 4 kB.
  const std::string name = "transformer.h.0.mlp.c_fc.weight";
  CHECK(contains(sentence([&] { GgufFile(folder.write("b.gguf", gguf_file("gpt2", 21))); }),
                 "has rows of 32 elements, but its type IQ3_S needs a multiple of 256"));
  const auto unknown = std::make_shared<const GgufFile>(folder.write("c.gguf", gguf_file("gpt2", 39)));
  const GgufWeights weights(unknown, gguf_configuration(*unknown), as_stored, at::kCPU);
  CHECK(contains(sentence([&] {
                   weights.matrix(name, {32, 64});
                 }),
                 "has the type MXFP4, which is not supported"));
}

TEST_CASE(
    "stored: half-precision matrices of a folder are views of its file, and int8 quantises whole blocks") {
  TestFolder folder;
  const at::Tensor x = at::rand({3, 64}), odd = at::rand({4, 33});
  write_safetensors(folder.path() / "model.safetensors", {{"bf16", x.to(at::kBFloat16)},
                                                          {"f16", x.to(at::kHalf)},
                                                          {"f32", x},
                                                          {"odd", odd.to(at::kHalf)},
                                                          {"vector", x[0].to(at::kHalf)},
                                                          {"ids", at::ones({2, 2}, at::kLong)}});
  const SafetensorsWeights weights(folder.path(), as_stored, at::kCPU);
  for (const auto& [name, type] : {std::pair("bf16", at::kBFloat16), std::pair("f16", at::kHalf)}) {
    const at::Tensor matrix = weights.matrix(name, {-1, 64});
    CHECK(is_stored(matrix));
    CHECK(at::equal(dense(matrix), x.to(type).to(at::kFloat)));
  }
  CHECK(is_stored(weights.matrix("odd", {4, 33})));
  CHECK(at::equal(weights.matrix("f32", {3, 64}), x));
  CHECK(weights.matrix("f32", {3, 64}).const_data_ptr() == weights.get("f32", {3, 64}).const_data_ptr());
  CHECK((weights.matrix("vector", {64}).scalar_type() == at::kFloat));
  CHECK((weights.matrix("ids", {2, 2}).scalar_type() == at::kLong));
  CHECK(contains(sentence([&] {
                   weights.matrix("bf16", {64, 3});
                 }),
                 "has the shape [3, 64]; expected [64, 3]"));

  // Other devices have no stored matrices: they are converted when they are loaded.
  const SafetensorsWeights elsewhere(folder.path(), as_stored, at::kMeta);
  CHECK(!is_stored(elsewhere.matrix("bf16", {3, 64})));
  CHECK(elsewhere.matrix("bf16", {3, 64}).is_meta());
  CHECK((elsewhere.matrix("bf16", {3, 64}).scalar_type() == at::kFloat));

  const SafetensorsWeights int8(folder.path(), {at::kFloat, MatrixForm::int8}, at::kCPU);
  CHECK(is_stored(int8.matrix("f32", {3, 64})));
  CHECK(at::allclose(dense(int8.matrix("f32", {3, 64})), x, 0, 0.5 / 127 + 1e-3));
  CHECK(!is_stored(int8.matrix("vector", {64})));
  CHECK(contains(sentence([&] { int8.matrix("odd", {4, 33}); }), "needs a multiple of 32"));
}
