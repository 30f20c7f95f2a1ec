#include "model/gguf/gguf_configuration.hpp"

#include <doctest/doctest.h>

#include "model/gguf/gguf_bytes.hpp"

using namespace cuecard;

TEST_CASE("gguf: sizes of layers may be arrays of equal values") {
  TestFolder folder;
  const auto array = [](uint32_t type, const std::vector<uint32_t>& values) {
    std::string bytes = raw(type) + raw<uint64_t>(values.size());
    for (const uint32_t value : values)
      bytes += raw(value);
    return bytes;
  };
  const auto with = [&](const std::vector<uint32_t>& heads, const std::vector<uint32_t>& kv_heads,
                        const std::vector<uint32_t>& intermediate) {
    return gguf_configuration(
        GgufFile(folder.write("a.gguf", file_of({pair("general.architecture", 8, text("llama")),
                                                 pair("llama.embedding_length", 4, raw<uint32_t>(8)),
                                                 pair("llama.block_count", 4, raw<uint32_t>(2)),
                                                 pair("llama.attention.head_count", 9, array(4, heads)),
                                                 pair("llama.attention.head_count_kv", 9, array(4, kv_heads)),
                                                 pair("llama.feed_forward_length", 9, array(4, intermediate)),
                                                 pair("llama.context_length", 4, raw<uint32_t>(128)),
                                                 pair("llama.vocab_size", 4, raw<uint32_t>(3)),
                                                 pair("llama.attention.layer_norm_rms_epsilon", 6, raw(1e-5f))},
                                                {}, ""))));
  };
  const Configuration alike = with({2, 2}, {1, 1}, {8, 8});
  CHECK(alike.integer("num_attention_heads") == 2);
  CHECK(alike.integer("num_key_value_heads") == 1);
  CHECK(alike.integer("intermediate_size") == 8);
  CHECK(contains(sentence([&] {
                   with({2, 4}, {1, 1}, {8, 8});
                 }),
                 "\"llama.attention.head_count\" is an array with different values for the layers"));
  CHECK(contains(sentence([&] {
                   with({2, 2}, {1, 2}, {8, 8});
                 }),
                 "\"llama.attention.head_count_kv\" is an array with different values for the layers"));
  CHECK(contains(sentence([&] {
                   with({2, 2}, {1, 1}, {8, 9});
                 }),
                 "\"llama.feed_forward_length\" is an array with different values for the layers"));
  CHECK(
      contains(sentence([&] {
                 with({2, 2, 2}, {1, 1}, {8, 8});
               }),
               "\"llama.attention.head_count\" is an array of 3; expected one entry for each of the 2 layers"));
}

TEST_CASE("gguf: Gemma 3's windows are those that llama.cpp reads") {
  TestFolder folder;
  const auto whole = [](const char* key, uint32_t value) { return pair(key, 4, raw(value)); };
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> pairs{pair("general.architecture", 8, text("gemma3")),
                                   whole("gemma3.embedding_length", 8),
                                   whole("gemma3.block_count", 3),
                                   whole("gemma3.attention.head_count", 2),
                                   whole("gemma3.attention.key_length", 6),
                                   whole("gemma3.feed_forward_length", 8),
                                   whole("gemma3.context_length", 64),
                                   whole("gemma3.vocab_size", 3),
                                   pair("gemma3.attention.layer_norm_rms_epsilon", 6, raw(1e-6f))};
    pairs.insert(pairs.end(), more.begin(), more.end());
    return gguf_configuration(GgufFile(folder.write("a.gguf", file_of(pairs, {}, ""))));
  };
  const std::string size = whole("gemma3.attention.sliding_window", 5);
  const auto period = [&](const std::vector<std::string>& more) {
    const Configuration c = with(more);
    CHECK(!c.has("layer_types"));
    return c.integer("sliding_window_pattern");
  };
  CHECK(with({size}).integer("sliding_window") == 5);
  CHECK(period({size}) == 6);
  CHECK(period({size, whole("gemma3.attention.sliding_window_pattern", 2)}) == 2);
  CHECK(period({size, whole("gemma3.attention.sliding_window_pattern", 0)}) == 4); // no layer of three is full
  // Every layer is full.
  CHECK(period({}) == 1);
  CHECK(period({whole("gemma3.attention.sliding_window", 0)}) == 1);
  CHECK(period({whole("gemma3.attention.sliding_window_pattern", 2)}) == 1);
  const auto flags = [](const std::string& values) {
    return pair("gemma3.attention.sliding_window_pattern", 9,
                raw<uint32_t>(7) + raw<uint64_t>(values.size()) + values);
  };
  const Configuration listed = with({size, flags(std::string("\0\1\0", 3))});
  CHECK(
      listed.values().find("layer_types")->second ==
      Configuration::Value(std::vector<std::string>{"full_attention", "sliding_attention", "full_attention"}));
  CHECK(contains(sentence([&] {
                   with({size, flags(std::string("\0\1", 2))});
                 }),
                 "is an array of 2; expected one entry for each of the 3 layers"));
}
