// What PEFT's layouts come to on a model of given sizes, and what PEFT has no place for.
#include "peft/learned_rows.hpp"

#include <ATen/ATen.h>

#include "model/test_folder.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
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

Adapter adapter_of(Type type, Task task, int64_t rows, TensorMap learned) {
  Adapter adapter;
  adapter.config.type = type;
  adapter.config.task = task;
  adapter.config.virtual_tokens = rows;
  adapter.config.submodules = task == Task::seq_2_seq_lm ? 2 : 1;
  adapter.learned = std::move(learned);
  return adapter;
}

/// Two rows; the key of pair i holds 10 i, its value 10 i + 5.
at::Tensor numbered_prefix(int64_t layers) {
  const at::Tensor pairs = at::arange(2 * layers, at::kFloat) * 5;
  return pairs.view({1, -1, 1}).expand({2, -1, 6}).reshape({2, -1}).contiguous();
}

std::vector<double> first_of_layers(const at::Tensor& keys) {
  std::vector<double> numbers;
  for (int64_t layer = 0; layer < keys.size(0); ++layer)
    numbers.push_back(keys[layer].mean().item<double>());
  return numbers;
}

Prefix random_prefix(int64_t layers) {
  return {PrefixSite::self, at::randn({layers, 2, 2, 3}), at::randn({layers, 2, 2, 3}), 2};
}

} // namespace

TEST_CASE("a prefix is each layer's own, its rows counted as positions") {
  const auto adapter =
      adapter_of(Type::prefix_tuning, Task::causal_lm, 2, {{"prompt_embeddings", numbered_prefix(3)}});
  const Prefix prefix = conditioning_of(adapter, shape_of(3, false), 0).prefixes.at(0);
  CHECK(first_of_layers(prefix.key) == std::vector<double>{0, 10, 20});
  CHECK(first_of_layers(prefix.value) == std::vector<double>{5, 15, 25});
  CHECK(prefix.positions == 2);
  CHECK(prefix.site == PrefixSite::self);
}

TEST_CASE("in an encoder-decoder layer l has the stored pair 2 l mod L, as PEFT cuts its list") {
  const auto keys = [](int64_t layers) {
    const auto adapter = adapter_of(Type::prefix_tuning, Task::seq_2_seq_lm, 2,
                                    {{"prompt_embeddings", numbered_prefix(layers)}});
    return first_of_layers(conditioning_of(adapter, shape_of(layers, true), 0).prefixes.at(0).key);
  };
  CHECK(keys(1) == std::vector<double>{0});
  CHECK(keys(3) == std::vector<double>{0, 20, 10});
  CHECK(keys(4) == std::vector<double>{0, 20, 0, 20});
}

TEST_CASE("a prefix goes there and back; in an encoder-decoder of even depth only where layers share") {
  for (const auto& [layers, encoder_decoder] :
       {std::pair<int64_t, bool>{3, false}, {4, false}, {1, true}, {3, true}}) {
    const BackboneShape shape = shape_of(layers, encoder_decoder);
    auto adapter =
        adapter_of(Type::prefix_tuning, encoder_decoder ? Task::seq_2_seq_lm : Task::causal_lm, 0, {});
    const Prefix prefix = random_prefix(layers);
    CHECK(keep_prefix(adapter, prefix, shape).empty());
    CHECK(adapter.config.virtual_tokens == 2);
    CHECK(adapter.config.width == 6);
    const Prefix again = conditioning_of(adapter, shape, 0).prefixes.at(0);
    CHECK(at::equal(again.key, prefix.key));
    CHECK(at::equal(again.value, prefix.value));
  }
  auto adapter = adapter_of(Type::prefix_tuning, Task::seq_2_seq_lm, 0, {});
  Prefix prefix = random_prefix(4);
  CHECK(contains(keep_prefix(adapter, prefix, shape_of(4, true)), "layers 1 and 3 the same prefix"));
  for (const at::Tensor& part : {prefix.key, prefix.value})
    part.slice(0, 2, 4).copy_(part.slice(0, 0, 2));
  CHECK(keep_prefix(adapter, prefix, shape_of(4, true)).empty());
}

TEST_CASE("a prefix that PEFT has no place for") {
  auto adapter = adapter_of(Type::prefix_tuning, Task::causal_lm, 0, {});
  Prefix prefix = random_prefix(2);
  prefix.site = PrefixSite::cross;
  CHECK(contains(keep_prefix(adapter, prefix, shape_of(2, true)), "cross-attention"));
  prefix.site = PrefixSite::self;
  prefix.positions = 0;
  CHECK(contains(keep_prefix(adapter, prefix, shape_of(2, false)), "does not count as positions"));
}

TEST_CASE("sizes of another model are named, and so is what no card can do") {
  const auto refusal = [](Adapter adapter, const BackboneShape& shape) {
    return sentence([&] { conditioning_of(adapter, shape, 0); });
  };
  auto adapter =
      adapter_of(Type::prefix_tuning, Task::causal_lm, 2, {{"prompt_embeddings", numbered_prefix(3)}});
  CHECK(contains(refusal(adapter, shape_of(2, false)), "prefix width is 36 and the tiny model's 24"));
  adapter.config.heads = 4; // an adapter from before PEFT knew grouped heads
  CHECK(contains(refusal(adapter, shape_of(3, false)), "num_attention_heads is 4 and the tiny model's 2"));
  BackboneShape closed = shape_of(3, false);
  closed.sites.clear();
  CHECK(contains(refusal(adapter, closed), "the tiny model takes none"));
  adapter = adapter_of(Type::prefix_tuning, Task::seq_2_seq_lm, 2, {{"prompt_embeddings", numbered_prefix(3)}});
  adapter.config.submodules = 1;
  CHECK(contains(refusal(adapter, shape_of(3, true)), "share the prefix, which no card can"));
  adapter = adapter_of(Type::prompt_tuning, Task::causal_lm, 2, {{"prompt_embeddings", at::zeros({2, 4})}});
  CHECK(contains(refusal(adapter, shape_of(3, false)), "width of an embedding is 4 and the tiny model's 5"));
}

TEST_CASE(
    "of an encoder-decoder's rows the first half counts; a task's prompt is the shared one times its matrix") {
  const at::Tensor rows = at::randn({4, 5});
  const auto both = adapter_of(Type::p_tuning, Task::seq_2_seq_lm, 2, {{"prompt_embeddings", rows}});
  CHECK(at::equal(conditioning_of(both, shape_of(3, true), 0).embeddings, rows.slice(0, 0, 2)));

  const at::Tensor shared = at::randn({2, 5}), cols = at::randn({3, 2, 2}), task_rows = at::randn({3, 2, 5});
  auto many =
      adapter_of(Type::multitask_prompt_tuning, Task::causal_lm, 2,
                 {{"prompt_embeddings", shared}, {"prefix_task_cols", cols}, {"prefix_task_rows", task_rows}});
  many.config.tasks = 3;
  for (int64_t task = 0; task < 3; ++task)
    CHECK(at::allclose(conditioning_of(many, shape_of(3, false), task).embeddings,
                       shared * cols[task].matmul(task_rows[task])));
  CHECK(contains(sentence([&] { conditioning_of(many, shape_of(3, false), 3); }),
                 "holds 3 tasks, counted from 0"));
  CHECK(contains(sentence([&] { conditioning_of(both, shape_of(3, true), 1); }), "--task-id is for MULTITASK"));
  many.config.task = Task::seq_2_seq_lm;
  many.config.submodules = 2;
  CHECK(contains(sentence([&] { conditioning_of(many, shape_of(3, true), 0); }), "rows into the decoder"));

  keep_rows(many, shared, shape_of(3, false));
  many.config.tasks = 1;
  CHECK(at::equal(conditioning_of(many, shape_of(3, false), 0).embeddings, shared));
}
