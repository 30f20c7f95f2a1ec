// Compares SmolLM2 with transformers reading the same file; the expected values come from gguf_reference.py.
#include <map>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include "files/sha256.hpp"
#include "model/gguf/gguf_configuration.hpp"
#include "model/gguf/gguf_weights.hpp"
#include "model/test_folder.hpp"

using namespace cuecard;

namespace {

const std::filesystem::path model =
    std::filesystem::path(CUECARD_SOURCE_DIR) / ".cache/models/SmolLM2-135M-Instruct.Q4_1.gguf";

} // namespace

TEST_CASE("gguf: SmolLM2's weights equal those loaded by transformers") {
  if (!std::filesystem::exists(model)) {
    MESSAGE("skipped: SmolLM2's GGUF file is not in .cache/models");
    return;
  }
  const auto file = std::make_shared<const GgufFile>(model);
  CHECK(file->tensors().size() == 272);
  const Configuration configuration = gguf_configuration(*file);
  const GgufWeights weights(file, configuration, {at::kFloat}, at::kCPU);
  const std::vector<std::string> names = weights.names();
  CHECK(names.size() == 272);

  struct Sums {
    double all, first_row;
  };
  const std::map<std::string, Sums> expected{
      {"model.embed_tokens.weight", {-15353.04449415207, -2.2541093826293945}},
      {"model.layers.7.self_attn.q_proj.weight", {-26.595428466796875, -1.6341552734375}},
      {"model.layers.29.self_attn.k_proj.weight", {87.89241790771484, -1.0412521362304688}},
      {"model.layers.3.mlp.down_proj.weight", {81.66989135742188, 2.892364501953125}},
      {"model.norm.weight", {1038.33203125, 1.7578125}}};
  std::string all;
  for (const std::string& name : names) {
    const at::Tensor tensor = weights.get(name, weights.stored(name).shape).contiguous();
    if (const auto sums = expected.find(name); sums != expected.end()) {
      CHECK_MESSAGE(tensor.sum(at::kDouble).item<double>() == doctest::Approx(sums->second.all).epsilon(1e-9),
                    name);
      CHECK_MESSAGE(tensor[0].sum(at::kDouble).item<double>() ==
                        doctest::Approx(sums->second.first_row).epsilon(1e-9),
                    name);
    }
    all += name + '\0';
    all.append(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
  }
  CHECK(sha256(all) == "96784af0fd2afebc40f6d0b187880feb3f5fdc4616c2e8ab970bc63e248feacd");

  CHECK(configuration.integer("hidden_size") == 576);
  CHECK(configuration.integer("num_hidden_layers") == 30);
  CHECK(configuration.integer("num_attention_heads") == 9);
  CHECK(configuration.integer("num_key_value_heads") == 3);
  CHECK(configuration.integer("head_dim") == 64);
  CHECK(configuration.integer("intermediate_size") == 1536);
  CHECK(configuration.integer("max_position_embeddings") == 8192);
  CHECK(configuration.integer("vocab_size") == 49152);
  CHECK(configuration.integer("bos_token_id") == 1);
  CHECK(configuration.integer("eos_token_id") == 2);
  CHECK(configuration.integer("pad_token_id") == 2);
  CHECK(configuration.number("rope_theta") == 100000.0);
  CHECK(static_cast<float>(configuration.number("rms_norm_eps")) == static_cast<float>(9.999999747378752e-06));
  CHECK(configuration.boolean("tie_word_embeddings"));
  CHECK(!configuration.boolean("attention_bias"));
}
