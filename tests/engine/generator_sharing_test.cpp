// Tokens that are forwarded once and shared: soft prompts and prefixes, common prefixes of prompts, a prompt of
// several beams, the encoder's states. Against a reference that recomputes every token at each step.
#include <algorithm>
#include <cmath>

#include <cuecard/parts/random.hpp>

#include "written.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// A soft prompt (on the encoder's side, where there is one).
Conditioning soft_prompt(const BackboneShape& shape) {
  Conditioning conditioning;
  conditioning.embeddings = Random(3).normal_tensor({4, shape.embedding_width}, 0.3);
  return conditioning;
}

/// Prefixes at every site.
Conditioning trained_prefixes(const BackboneShape& shape) {
  Conditioning conditioning;
  uint64_t seed = 4;
  for (const BackboneShape::Site& site : shape.sites) {
    Prefix prefix;
    prefix.site = site.site;
    prefix.key = Random(seed++).normal_tensor({site.layers, 3, site.kv_heads, site.head_dim}, 0.5);
    prefix.value = Random(seed++).normal_tensor({site.layers, 3, site.kv_heads, site.head_dim}, 0.5);
    prefix.positions = shape.encoder_decoder ? 0 : 3;
    conditioning.prefixes.push_back(std::move(prefix));
  }
  return conditioning;
}

std::vector<std::vector<int64_t>> with_soft_prompt(std::vector<std::vector<int64_t>> prompts) {
  for (std::vector<int64_t>& prompt : prompts)
    prompt.insert(prompt.begin(), {-1, -2, -3, -4});
  return prompts;
}

/// Beam search by hand, over texts that all have `length` tokens, so that none ends early.
std::vector<Expected> beam_search(const Model& model, const std::vector<int64_t>& prompt, std::size_t beams,
                                  int64_t length, const Conditioning& conditioning) {
  std::vector<Expected> best{{}};
  for (int64_t i = 0; i < length; ++i) {
    std::vector<Expected> longer;
    for (const Expected& text : best) {
      at::Tensor log_probs = next_logits(model, prompt, text.ids, conditioning).log_softmax(0);
      if (const std::optional<int64_t> eos = model.vocabulary().special().eos)
        log_probs[*eos] = -INFINITY;
      const auto [values, ids] = log_probs.topk(static_cast<int64_t>(beams));
      for (int64_t k = 0; k < static_cast<int64_t>(beams); ++k) {
        Expected& next = longer.emplace_back(text);
        next.ids.push_back(ids[k].item<int64_t>());
        next.log_prob += values[k].item<double>();
      }
    }
    std::stable_sort(longer.begin(), longer.end(),
                     [](const Expected& a, const Expected& b) { return a.log_prob > b.log_prob; });
    longer.resize(std::min(longer.size(), beams));
    best = std::move(longer);
  }
  return best;
}

} // namespace

TEST_CASE("soft prompts and prefixes: each token is also the best one without a cache") {
  for (const char* name : {"llama-tied", "llama-untied", "gpt2-tied", "t5-plain", "t5-gated"}) {
    const Model model = tiny_model(name);
    const BackboneShape& shape = model.shape();
    std::vector<std::vector<int64_t>> words = some_prompts;
    for (std::vector<int64_t>& prompt : words)
      for (int64_t& id : prompt)
        id %= shape.vocabulary;
    GenerateSettings settings;
    settings.max_length = 9;
    for (const bool soft_tokens : {true, false}) {
      CAPTURE(name);
      CAPTURE(soft_tokens);
      const Conditioning conditioning = soft_tokens ? soft_prompt(shape) : trained_prefixes(shape);
      const std::vector<std::vector<int64_t>> ids = soft_tokens ? with_soft_prompt(words) : words;
      const std::vector<TokenizedPrompt> prompts = prompts_of(model, ids);
      int64_t changed = 0;
      for (const int64_t at_once : {2, 32}) {
        const Written together = written(model, prompts, settings, conditioning, at_once);
        for (std::size_t i = 0; i < ids.size(); ++i) {
          const Expected expected = greedy(model, ids[i], settings.max_length, conditioning);
          CHECK(together.texts[i][0].ids == expected.ids);
          CHECK(std::abs(together.texts[i][0].log_prob - expected.log_prob) < 1e-3);
          changed += expected.ids != greedy(model, words[i], settings.max_length).ids;
        }
        if (soft_tokens && at_once == 32 && shape.causal) // the soft prompt once, then each token but the last
          CHECK(together.counters.tokens_forwarded <= 4 + 6 + 1 + 4 + 2 + 7 + 5 * 8);
      }
      CHECK(changed > 0); // the conditioning matters
    }
  }
}

TEST_CASE("beams share the prompt, its soft prompt, and the encoder's states") {
  for (const char* name : {"llama-tied", "gpt2-tied", "t5-plain", "t5-gated"}) {
    const Model model = tiny_model(name);
    const BackboneShape& shape = model.shape();
    const std::vector<std::vector<int64_t>> words{{20, 31, 42, 53, 11}, {17, 9}};
    GenerateSettings settings;
    settings.max_length = settings.min_length = 5;
    settings.beams = settings.returns = 3;
    for (const bool soft_tokens : {true, false}) {
      CAPTURE(name);
      CAPTURE(soft_tokens);
      const Conditioning conditioning = soft_tokens ? soft_prompt(shape) : trained_prefixes(shape);
      const std::vector<std::vector<int64_t>> ids = soft_tokens ? with_soft_prompt(words) : words;
      const Written ours = written(model, prompts_of(model, ids), settings, conditioning);
      for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::vector<Expected> expected = beam_search(model, ids[i], 3, 5, conditioning);
        REQUIRE(ours.texts[i].size() == 3);
        for (std::size_t k = 0; k < 3; ++k) {
          CHECK(ours.texts[i][k].ids == expected[k].ids);
          CHECK(std::abs(ours.texts[i][k].log_prob - expected[k].log_prob) < 1e-3);
        }
      }
      // Words once, the soft prompt once (once for each prompt in an encoder), one token for each beam and step
      // but the first and the last, and the tokens that decoders start with.
      const int64_t soft = !soft_tokens ? 0 : shape.causal ? 4 : 2 * 4;
      CHECK(ours.counters.tokens_forwarded == 7 + soft + 2 * 3 * 4 + (shape.encoder_decoder ? 2 : 0));
    }
  }
}

TEST_CASE("a waiting prompt enters the batch when a text is finished, while others continue") {
  for (const char* name : {"llama-tied", "t5-gated"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const Recording recording(golden / "models" / name / "generation.safetensors");
    std::vector<std::vector<int64_t>> ids = lists(recording, "prompts", "prompt_offsets");
    GenerateSettings settings;
    settings.max_length = 20;
    std::vector<Expected> expected;
    for (const std::vector<int64_t>& prompt : ids)
      expected.push_back(greedy(model, prompt, settings.max_length));
    std::vector<std::size_t> order(ids.size()); // the longest text first, then from the shortest on
    for (std::size_t i = 0; i < order.size(); ++i)
      order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return expected[a].ids.size() < expected[b].ids.size();
    });
    std::rotate(order.begin(), order.end() - 1, order.end());
    REQUIRE(expected[order[1]].ids.size() + 4 < expected[order[0]].ids.size());

    std::vector<TokenizedPrompt> prompts;
    for (const std::size_t i : order)
      prompts.push_back(prompt_of(model, ids[i]));
    Counters counters;
    Generator generator(model, {model.backbone(), counters}, {2, 4096});
    std::vector<int64_t> seen; // prompts, in the order of their tokens
    const auto texts =
        generator.write(items_of(prompts), {}, settings, [&](int64_t prompt, std::span<const int64_t>) {
          seen.push_back(prompt);
          return true;
        });
    for (std::size_t i = 0; i < order.size(); ++i)
      CHECK(texts[i][0].ids == expected[order[i]].ids);
    const auto third = std::find(seen.begin(), seen.end(), 2);
    CHECK(std::find(third, seen.end(), 0) != seen.end());
  }
}

TEST_CASE("the common prefix of prompts is forwarded once, also across batches and calls") {
  const Model model = tiny_model("llama-tied");
  Counters counters;
  Generator generator(model, {model.backbone(), counters}, {1, 4096});
  std::vector<int64_t> common;
  for (int64_t id = 30; id < 60; ++id)
    common.push_back(id);
  std::vector<std::vector<int64_t>> ids;
  for (int64_t i = 0; i < 6; ++i) {
    ids.push_back(common);
    ids.back().insert(ids.back().end(), {100 + i, 200 + i});
  }
  const std::vector<TokenizedPrompt> prompts = prompts_of(model, ids);
  GenerateSettings settings;
  settings.max_length = 4;
  for (int64_t call = 0; call < 2; ++call) {
    const auto texts = generator.write(items_of(prompts), {}, settings);
    for (std::size_t i = 0; i < ids.size(); ++i)
      CHECK(texts[i][0].ids == greedy(model, ids[i], 4).ids);
    // 30 shared tokens once; two of each prompt and three of its generated tokens
    CHECK(counters.tokens_forwarded <= 30 + (call + 1) * 6 * (2 + 3));
  }
}
