// Conversion between PEFT's tensor layouts and soft prompts and prefixes, and the limits of PEFT's formats.
#include "peft/adapter_tensors.hpp"

#include <ATen/ATen.h>

#include "model/test_folder.hpp"

// After LibTorch, whose logging header also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::peft;

namespace {

BackboneShape shape_of(int64_t layers, bool encoder_decoder) {
  BackboneShape shape;
  shape.family = "tiny";
  shape.layers = layers;
  shape.heads = 4;
  shape.embedding_width = 5;
  shape.encoder_decoder = encoder_decoder;
  shape.causal = !encoder_decoder;
  shape.sites = {{PrefixSite::self, layers, 2, 3}};
  return shape;
}

Adapter adapter_of(Type type, Task task, int64_t virtual_tokens, TensorMap prompt_tensors) {
  Adapter adapter;
  adapter.config.type = type;
  adapter.config.task = task;
  adapter.config.virtual_tokens = virtual_tokens;
  adapter.config.submodules = task == Task::seq_2_seq_lm ? 2 : 1;
  adapter.prompt_tensors = std::move(prompt_tensors);
  return adapter;
}

/// A prefix of length 2; the key of pair i is 10 i everywhere, its value 10 i + 5.
at::Tensor numbered_prefix(int64_t layers) {
  const at::Tensor pairs = at::arange(2 * layers, at::kFloat) * 5;
  return pairs.view({1, -1, 1}).expand({2, -1, 6}).reshape({2, -1}).contiguous();
}

std::vector<double> layer_means(const at::Tensor& keys) {
  std::vector<double> numbers;
  for (int64_t layer = 0; layer < keys.size(0); ++layer)
    numbers.push_back(keys[layer].mean().item<double>());
  return numbers;
}

Prefix random_prefix(int64_t layers) {
  return {PrefixSite::self, at::randn({layers, 2, 2, 3}), at::randn({layers, 2, 2, 3}), 2};
}

} // namespace

TEST_CASE("a prefix has one key-value pair per layer and counts towards position ids") {
  const auto adapter =
      adapter_of(Type::prefix_tuning, Task::causal_lm, 2, {{"prompt_embeddings", numbered_prefix(3)}});
  const Prefix prefix = conditioning_of(adapter, shape_of(3, false), 0).prefixes.at(0);
  CHECK(layer_means(prefix.key) == std::vector<double>{0, 10, 20});
  CHECK(layer_means(prefix.value) == std::vector<double>{5, 15, 25});
  CHECK(prefix.positions == 2);
  CHECK(prefix.site == PrefixSite::self);
}

TEST_CASE("in an encoder-decoder, layer l uses the stored pair 2 l mod L, as in PEFT") {
  const auto keys = [](int64_t layers) {
    const auto adapter = adapter_of(Type::prefix_tuning, Task::seq_2_seq_lm, 2,
                                    {{"prompt_embeddings", numbered_prefix(layers)}});
    return layer_means(conditioning_of(adapter, shape_of(layers, true), 0).prefixes.at(0).key);
  };
  CHECK(keys(1) == std::vector<double>{0});
  CHECK(keys(3) == std::vector<double>{0, 20, 10});
  CHECK(keys(4) == std::vector<double>{0, 20, 0, 20});
}

TEST_CASE(
    "the stored pairs of an encoder-decoder may be as many as its encoder has layers, if that is enough") {
  auto adapter =
      adapter_of(Type::prefix_tuning, Task::seq_2_seq_lm, 2, {{"prompt_embeddings", numbered_prefix(4)}});
  adapter.config.layers = 4;
  CHECK(layer_means(conditioning_of(adapter, shape_of(2, true), 0).prefixes.at(0).key) ==
        std::vector<double>{0, 20});
  CHECK(layer_means(conditioning_of(adapter, shape_of(3, true), 0).prefixes.at(0).value) ==
        std::vector<double>{5, 25, 5});
  CHECK(contains(sentence([&] { conditioning_of(adapter, shape_of(5, true), 0); }),
                 "\"num_layers\" is 4, but the decoder of the tiny model has 5 layers"));
}

TEST_CASE("prefixes survive a round trip") {
  for (const auto& [layers, encoder_decoder] :
       {std::pair<int64_t, bool>{3, false}, {4, false}, {1, true}, {2, true}, {3, true}, {4, true}}) {
    const BackboneShape shape = shape_of(layers, encoder_decoder);
    auto adapter =
        adapter_of(Type::prefix_tuning, encoder_decoder ? Task::seq_2_seq_lm : Task::causal_lm, 0, {});
    const Prefix prefix = random_prefix(layers);
    CHECK(store_prefix(adapter, prefix, shape).empty());
    CHECK(adapter.config.virtual_tokens == 2);
    CHECK(adapter.config.width == 6);
    CHECK(adapter.config.layers == (encoder_decoder && layers % 2 == 0 ? layers + 1 : layers));
    const Prefix restored = conditioning_of(adapter, shape, 0).prefixes.at(0);
    CHECK(at::equal(restored.key, prefix.key));
    CHECK(at::equal(restored.value, prefix.value));
  }
}

TEST_CASE("prefixes that PEFT does not support are rejected") {
  auto adapter = adapter_of(Type::prefix_tuning, Task::causal_lm, 0, {});
  Prefix prefix = random_prefix(2);
  prefix.site = PrefixSite::cross;
  CHECK(contains(store_prefix(adapter, prefix, shape_of(2, true)), "cross-attention"));
  prefix.site = PrefixSite::self;
  prefix.positions = 0;
  CHECK(contains(store_prefix(adapter, prefix, shape_of(2, false)), "does not count towards position ids"));
  auto imported =
      adapter_of(Type::prefix_tuning, Task::seq_cls, 2, {{"prompt_embeddings", numbered_prefix(2)}});
  for (const std::string family : {"distilbert", "albert", "mpnet", "deberta-v2", "modernbert"}) {
    BackboneShape without = shape_of(2, false);
    without.family = family;
    CHECK(contains(sentence([&] { conditioning_of(imported, without, 0); }),
                   "is a prefix, which PEFT does not support in " + family + " models"));
    CHECK(contains(store_prefix(adapter, random_prefix(2), without),
                   "does not support prefixes in " + family + " models"));
  }
}

TEST_CASE("adapters of other models and unsupported layouts are rejected") {
  const auto error_of = [](Adapter adapter, const BackboneShape& shape) {
    return sentence([&] { conditioning_of(adapter, shape, 0); });
  };
  auto adapter =
      adapter_of(Type::prefix_tuning, Task::causal_lm, 2, {{"prompt_embeddings", numbered_prefix(3)}});
  CHECK(contains(error_of(adapter, shape_of(2, false)), "prefix width is 36, but the tiny model's is 24"));
  adapter.config.heads = 4; // written before PEFT supported grouped-query attention
  CHECK(contains(error_of(adapter, shape_of(3, false)), "num_attention_heads is 4, but the tiny model's is 2"));
  BackboneShape closed = shape_of(3, false);
  closed.sites.clear();
  CHECK(contains(error_of(adapter, closed), "the tiny model does not support"));
  adapter = adapter_of(Type::prefix_tuning, Task::seq_2_seq_lm, 2, {{"prompt_embeddings", numbered_prefix(3)}});
  adapter.config.submodules = 1;
  CHECK(contains(error_of(adapter, shape_of(3, true)), "PEFT shares one prefix"));
  adapter = adapter_of(Type::prompt_tuning, Task::causal_lm, 2, {{"prompt_embeddings", at::zeros({2, 4})}});
  CHECK(contains(error_of(adapter, shape_of(3, false)), "embedding width is 4, but the tiny model's is 5"));
}

TEST_CASE(
    "encoder-decoders use the first set of virtual tokens; multitask prompts multiply the shared prompt") {
  const at::Tensor virtual_tokens = at::randn({4, 5});
  const auto two_sets =
      adapter_of(Type::p_tuning, Task::seq_2_seq_lm, 2, {{"prompt_embeddings", virtual_tokens}});
  CHECK(at::equal(conditioning_of(two_sets, shape_of(3, true), 0).embeddings, virtual_tokens.slice(0, 0, 2)));

  const at::Tensor shared = at::randn({2, 5}), cols = at::randn({3, 2, 2}), task_rows = at::randn({3, 2, 5});
  auto multitask =
      adapter_of(Type::multitask_prompt_tuning, Task::causal_lm, 2,
                 {{"prompt_embeddings", shared}, {"prefix_task_cols", cols}, {"prefix_task_rows", task_rows}});
  multitask.config.tasks = 3;
  for (int64_t task = 0; task < 3; ++task)
    CHECK(at::allclose(conditioning_of(multitask, shape_of(3, false), task).embeddings,
                       shared * cols[task].matmul(task_rows[task])));
  CHECK(contains(sentence([&] { conditioning_of(multitask, shape_of(3, false), 3); }),
                 "has 3 tasks, numbered from 0"));
  CHECK(contains(sentence([&] { conditioning_of(two_sets, shape_of(3, true), 1); }),
                 "--task-id applies only to MULTITASK"));
  multitask.config.task = Task::seq_2_seq_lm;
  multitask.config.submodules = 2;
  CHECK(contains(sentence([&] { conditioning_of(multitask, shape_of(3, true), 0); }),
                 "virtual tokens to the decoder"));

  store_soft_prompt(multitask, shared, shape_of(3, false));
  multitask.config.tasks = 1;
  CHECK(at::equal(conditioning_of(multitask, shape_of(3, false), 0).embeddings, shared));
}
