#include "batch/pack.hpp"

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

/// A prompt of the given ids; negative ones are soft slots -1 - id. The last token is selected.
TokenizedPrompt prompt(const std::vector<int64_t>& ids) {
  TokenizedPrompt result;
  for (int64_t id : ids) {
    PromptToken token;
    token.id = id < 0 ? 0 : id;
    token.soft_slot = id < 0 ? -1 - id : -1;
    result.input.push_back(token);
  }
  result.answers = {static_cast<int64_t>(ids.size()) - 1};
  result.targets = {-1};
  return result;
}

std::vector<int64_t> host(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<int64_t>(), tensor.const_data_ptr<int64_t>() + tensor.numel()};
}

using Ids = std::vector<int64_t>;

} // namespace

TEST_CASE("sequences are concatenated, each with positions from 0") {
  const TokenizedPrompt a = prompt({5, 6, 7}), b = prompt({8, -3});
  Example positive;
  positive.label = 1;
  const Batch batch = pack({{&a, &positive}, {&b, nullptr, 2, 10}}, {});
  CHECK(host(batch.input.ids) == Ids{5, 6, 7, 8, 0});
  CHECK(host(batch.input.positions) == Ids{0, 1, 2, 0, 1});
  CHECK(batch.input.offsets == Ids{0, 3, 5});
  CHECK(host(batch.input.soft_tokens) == Ids{4});
  CHECK(host(batch.input.soft_slots) == Ids{12});
  CHECK(batch.answer_tokens_host == Ids{2, 4});
  CHECK(batch.answer_offsets == Ids{0, 1, 2});
  CHECK(host(batch.labels) == Ids{1, -1});
  CHECK(batch.cards == Ids{0, 2});
  CHECK(!batch.input.segments.defined());
}

TEST_CASE("the common prefix of a card's sequences is stored once") {
  const TokenizedPrompt a = prompt({-1, -2, 5, 6}), b = prompt({-1, -2, 5, 7, 8}), other = prompt({-1, 9, 9});
  const Batch batch = pack({{&a}, {&b}, {&other, nullptr, 1, 2}}, {at::kCPU, true});
  CHECK(batch.input.offsets == Ids{0, 3, 4, 6, 9});
  CHECK(batch.input.parent == Ids{-1, 0, 0, -1});
  CHECK(batch.sequence_of == Ids{1, 2, 3});
  CHECK(batch.input.cards == Ids{0, 0, 0, 1});
  CHECK(host(batch.input.positions) == Ids{0, 1, 2, 3, 3, 4, 0, 1, 2});
  CHECK(batch.answer_tokens_host == Ids{3, 5, 8});
  CHECK(host(batch.input.soft_slots) == Ids{0, 1, 2});
}

TEST_CASE("a selected token is never shared, nor is a common prefix of one token") {
  const TokenizedPrompt a = prompt({5, 6, 7}), same = prompt({5, 6, 7});
  CHECK(common_prefix({{&a}, {&same}}) == 2);
  const TokenizedPrompt b = prompt({5, 1}), c = prompt({5, 2});
  CHECK(pack({{&b}, {&c}}, {at::kCPU, true}).input.num_tokens() == 4);
}

TEST_CASE("after a card's common prefix, that of an example's sequences is stored once, too") {
  const Example one, two;
  const TokenizedPrompt a = prompt({-1, -2, 5, 6, 1}), b = prompt({-1, -2, 5, 6, 2, 3}),
                        c = prompt({-1, -2, 8, 9});
  const Batch batch = pack({{&a, &one}, {&b, &one}, {&c, &two}}, {at::kCPU, true});
  CHECK(batch.input.offsets == Ids{0, 2, 4, 5, 7, 9});
  CHECK(batch.input.parent == Ids{-1, 0, 1, 1, 0});
  CHECK(host(batch.input.positions) == Ids{0, 1, 2, 3, 4, 4, 5, 2, 3});
  CHECK(batch.sequence_of == Ids{2, 3, 4});
  CHECK(batch.answer_tokens_host == Ids{4, 6, 8});
  CHECK((batch.begins_example(0) && !batch.begins_example(1) && batch.begins_example(2)));
}

TEST_CASE("an encoder-decoder's input is encoded once for all outputs of an example") {
  const Example one;
  TokenizedPrompt a = prompt({5, 6}), b = a;
  a.output = prompt({0, 1}).input;
  b.output = prompt({0, 2, 3}).input;
  a.answers = {1};
  b.answers = {2};
  const Batch batch = pack({{&a, &one}, {&b, &one}}, {});
  CHECK(batch.input.offsets == Ids{0, 2});
  CHECK(batch.output->offsets == Ids{0, 2, 5});
  CHECK(batch.source_of == Ids{0, 0});
  CHECK(batch.answer_tokens_host == Ids{1, 4});
}

TEST_CASE("cached tokens are skipped, and positions count from their end") {
  const TokenizedPrompt a = prompt({5, 6, 7, 8}), b = prompt({5, 6, 9});
  const Batch batch = pack({{&a, nullptr, 0, 0, 0, 2, 0}, {&b, nullptr, 0, 0, 0, 2, 0}}, {at::kCPU, true});
  CHECK(host(batch.input.ids) == Ids{7, 8, 9});
  CHECK(host(batch.input.positions) == Ids{0, 1, 0});
  CHECK(batch.input.cache_of == Ids{0, 0});
  CHECK(batch.answer_tokens_host == Ids{1, 2});
}

TEST_CASE(
    "late soft tokens have the position of the token after them and rows of their own in the embeddings") {
  TokenizedPrompt a = prompt({-1, -2, -3, 5, 6}), b = prompt({-1, 7}), c = prompt({8, -2});
  for (const std::size_t token : {0, 1})
    a.input[token].first_layer = 4;
  b.input[0].first_layer = 2;
  const Batch batch = pack({{&a, nullptr, 0, 10, 20}, {&b, nullptr, 1, 30, 40}, {&c, nullptr, 2, 50, 60}}, {});
  CHECK(host(batch.input.positions) == Ids{0, 0, 0, 1, 2, 0, 0, 0, 1});
  CHECK(host(batch.input.soft_tokens) == Ids{2, 8});
  CHECK(host(batch.input.soft_slots) == Ids{12, 51});
  REQUIRE(batch.input.late.size() == 2); // by layer
  CHECK(batch.input.late[0].layer == 2);
  CHECK(host(batch.input.late[0].tokens) == Ids{5});
  CHECK(host(batch.input.late[0].slots) == Ids{40});
  CHECK(batch.input.late[1].layer == 4);
  CHECK(host(batch.input.late[1].tokens) == Ids{0, 1});
  CHECK(host(batch.input.late[1].slots) == Ids{20, 21});
  CHECK(batch.input.late_lengths == Ids{2, 1, 0});
  CHECK(batch.input.late_layers == Ids{4, 2, 0});
  CHECK(pack({{&c}}, {}).input.late_lengths.empty());
}

TEST_CASE("late soft tokens are shared like others, and texts after them count from 0") {
  TokenizedPrompt a = prompt({-1, -2, 5, 6}), b = prompt({-1, -2, 5, 7, 8}), other = a;
  for (TokenizedPrompt* late : {&a, &b})
    late->input[0].first_layer = late->input[1].first_layer = 3;
  CHECK(common_prefix({{&a}, {&b}}) == 3);
  CHECK(common_prefix({{&a}, {&other}}) == 0); // not of one layer
  const Batch batch = pack({{&a}, {&b}}, {at::kCPU, true});
  CHECK(batch.input.offsets == Ids{0, 3, 4, 6});
  CHECK(batch.input.parent == Ids{-1, 0, 0});
  CHECK(host(batch.input.positions) == Ids{0, 0, 0, 1, 1, 2});
  CHECK(batch.input.late_lengths == Ids{2, 0, 0});
}

TEST_CASE("inputs of an input-dependent card are named for each sequence, and share nothing") {
  const TokenizedPrompt a = prompt({-1, -2, 5, 6}), b = prompt({-1, -2, 5, 7});
  const Batch batch =
      pack({{&a, nullptr, 0, 0, 0, 0, -1, 0}, {&b, nullptr, 0, 2, 0, 0, -1, 1}}, {at::kCPU, true});
  CHECK(batch.input.inputs == Ids{0, 1});
  CHECK(batch.input.parent == Ids{-1, -1});
  CHECK(host(batch.input.soft_slots) == Ids{0, 1, 2, 3});
  CHECK(pack({{&a}}, {}).input.inputs.empty());
}
