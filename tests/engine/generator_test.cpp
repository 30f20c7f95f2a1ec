// What is written, against transformers token for token, against the whole text forwarded anew for each token,
// and in any company.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <map>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>

#include "engine/generator.hpp"
#include "engine/next_token.hpp"
#include "tasks.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// Token ids as a prompt; negative ones are soft slots, -1 the first.
TokenizedPrompt prompt_of(const std::vector<int64_t>& ids) {
  TokenizedPrompt prompt;
  for (const int64_t id : ids) {
    prompt.input.emplace_back();
    if (id < 0)
      prompt.input.back().soft_slot = -1 - id;
    else
      prompt.input.back().id = id;
  }
  prompt.answers = {static_cast<int64_t>(ids.size()) - 1};
  prompt.targets = {-1};
  return prompt;
}

std::vector<TokenizedPrompt> prompts_of(const std::vector<std::vector<int64_t>>& ids) {
  std::vector<TokenizedPrompt> prompts;
  for (const std::vector<int64_t>& each : ids)
    prompts.push_back(prompt_of(each));
  return prompts;
}

std::vector<PackItem> items_of(const std::vector<TokenizedPrompt>& prompts) {
  std::vector<PackItem> items;
  for (const TokenizedPrompt& prompt : prompts)
    items.push_back({&prompt});
  return items;
}

struct Written {
  std::vector<std::vector<Generated>> texts;
  Counters counters;
};

Written written(const Model& model, const std::vector<TokenizedPrompt>& prompts,
                const GenerateSettings& settings, const Conditioning& conditioning = {}, int64_t texts = 32) {
  Written result;
  Generator generator(model, {model.backbone(), result.counters}, conditioning, {texts, 4096});
  result.texts = generator.write(items_of(prompts), settings);
  return result;
}

/// Lists that a recording keeps end to end.
std::vector<std::vector<int64_t>> lists(const Recording& recording, const std::string& values,
                                        const std::string& offsets) {
  const std::vector<int64_t> all = recording.list(values), ends = recording.list(offsets);
  std::vector<std::vector<int64_t>> result;
  for (std::size_t i = 0; i + 1 < ends.size(); ++i)
    result.emplace_back(all.begin() + ends[i], all.begin() + ends[i + 1]);
  return result;
}

/// tests/golden/generation.py, SETTINGS.
std::map<std::string, GenerateSettings> recorded_settings() {
  std::map<std::string, GenerateSettings> all;
  for (const char* name : {"greedy", "greedy.penalty", "greedy.ngram", "greedy.min", "greedy.banned", "beams",
                           "beams.long", "beams.short", "beams.early", "beams.penalty"}) {
    all[name].max_length = 20;
    all[name].beams = std::string(name).starts_with("beams") ? 3 : 1;
  }
  all["greedy.penalty"].repetition_penalty = 1.4;
  all["greedy.ngram"].no_repeat_ngram = 2;
  all["greedy.min"].min_length = 8;
  all["greedy.banned"].banned = {{7}, {11, 12}};
  all["greedy.banned"].repetition_penalty = 1.2;
  all["greedy.banned"].no_repeat_ngram = 3;
  all["beams.long"].length_penalty = 2;
  all["beams.long"].min_length = 4;
  all["beams.short"].length_penalty = -0.5;
  all["beams.early"].early_stop = true;
  all["beams.early"].no_repeat_ngram = 2;
  all["beams.penalty"].repetition_penalty = 1.3;
  return all;
}

/// Scores of the next token, all rows forwarded anew.
at::Tensor next_scores(const Model& model, const std::vector<int64_t>& ids, const Conditioning& conditioning) {
  const TokenizedPrompt prompt = prompt_of(ids);
  const Batch batch = pack({{&prompt}}, {});
  const at::NoGradGuard no_grad;
  return model.backbone().read({model.backbone().forward({batch, conditioning}), {}}).to(at::kFloat)[0];
}

struct Expected {
  std::vector<int64_t> ids;
  double log_prob = 0;
};

/// Greedy, by hand.
Expected greedy(const Model& model, std::vector<int64_t> ids, int64_t length,
                const Conditioning& conditioning) {
  Expected expected;
  for (int64_t i = 0; i < length; ++i) {
    const at::Tensor log_probs = next_scores(model, ids, conditioning).log_softmax(0);
    const int64_t token = log_probs.argmax().item<int64_t>();
    expected.log_prob += log_probs[token].item<double>();
    if (token == model.vocabulary().special().eos)
      break;
    expected.ids.push_back(token);
    ids.push_back(token);
  }
  return expected;
}

const std::vector<std::vector<int64_t>> some_prompts{
    {20, 31, 42, 53, 64, 75}, {17}, {20, 31, 42, 9}, {88, 21}, {20, 31, 42, 53, 11, 12, 13}};

} // namespace

TEST_CASE("greedy and beam search write what transformers writes, in batches of any size") {
  for (const char* name : {"llama-tied", "llama-untied"}) {
    const Model model = tiny_model(name);
    const Recording recording(golden / "models" / name / "generation.safetensors");
    const std::vector<TokenizedPrompt> prompts = prompts_of(lists(recording, "prompts", "prompt_offsets"));
    const int64_t end = *model.vocabulary().special().eos;
    int64_t ended = 0;
    for (const auto& [setting, settings] : recorded_settings())
      for (const int64_t texts : {3, 64}) {
        CAPTURE(name);
        CAPTURE(setting);
        CAPTURE(texts);
        const auto expected = lists(recording, setting + ".ids", setting + ".offsets");
        const Written ours = written(model, prompts, settings, {}, texts);
        REQUIRE(ours.texts.size() == expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
          std::vector<int64_t> ids = expected[i];
          if (ids.back() == end) {
            ids.pop_back();
            ++ended;
          }
          REQUIRE(ours.texts[i].size() == 1);
          CAPTURE(i);
          CHECK(ours.texts[i][0].ids == ids);
          CHECK(ours.texts[i][0].text == model.vocabulary().decode(ids));
          if (setting == "beams" || setting == "beams.short") { // no penalty is in these scores
            const double length = std::pow(static_cast<double>(expected[i].size()), settings.length_penalty);
            CHECK(std::abs(ours.texts[i][0].log_prob / length -
                           recording[setting + ".scores"][static_cast<int64_t>(i)].item<double>()) < 1e-3);
          }
        }
      }
    CHECK(ended > 20); // the end-of-sequence token is among what is compared
  }
}

TEST_CASE("learned rows and prefixes: each token is the best after all rows forwarded anew, shared or alone") {
  for (const char* name : {"llama-tied", "llama-untied"}) {
    const Model model = tiny_model(name);
    const BackboneShape& shape = model.backbone().shape();
    Conditioning soft;
    soft.embeddings = Random(3).normal_tensor({4, shape.embedding_width}, 0.3);
    Conditioning prefixed;
    Prefix prefix;
    prefix.key = Random(4).normal_tensor({shape.layers, 3, shape.kv_heads, shape.head_dim}, 0.5);
    prefix.value = Random(5).normal_tensor({shape.layers, 3, shape.kv_heads, shape.head_dim}, 0.5);
    prefix.positions = 3;
    prefixed.prefixes = {prefix};
    GenerateSettings settings;
    settings.max_length = 9;
    for (const bool learned : {true, false}) {
      CAPTURE(name);
      CAPTURE(learned);
      const Conditioning& conditioning = learned ? soft : prefixed;
      std::vector<std::vector<int64_t>> ids = some_prompts;
      for (std::vector<int64_t>& each : ids)
        if (learned)
          each.insert(each.begin(), {-1, -2, -3, -4});
      const std::vector<TokenizedPrompt> prompts = prompts_of(ids);
      for (const int64_t texts : {2, 32}) {
        const Written together = written(model, prompts, settings, conditioning, texts);
        for (std::size_t i = 0; i < ids.size(); ++i) {
          const Expected expected = greedy(model, ids[i], settings.max_length, conditioning);
          CHECK(together.texts[i][0].ids == expected.ids);
          CHECK(std::abs(together.texts[i][0].log_prob - expected.log_prob) < 1e-3);
          CHECK(written(model, {prompts[i]}, settings, conditioning).texts[0][0].ids == expected.ids);
        }
        if (learned && texts == 32) // the learned rows once, then a row per token; the last needs none
          CHECK(together.counters.rows_forwarded <= 4 + 6 + 1 + 4 + 2 + 7 + 5 * 8);
      }
      GenerateSettings beams = settings;
      beams.beams = beams.returns = 3;
      const Written several = written(model, prompts, beams, conditioning);
      for (std::size_t i = 0; i < ids.size(); ++i) {
        const Written alone = written(model, {prompts[i]}, beams, conditioning);
        REQUIRE(several.texts[i].size() == 3);
        for (std::size_t k = 0; k < 3; ++k)
          CHECK(several.texts[i][k].ids == alone.texts[0][k].ids);
      }
    }
  }
}

TEST_CASE("what prompts begin with is forwarded once, in later batches and later calls too") {
  const Model model = tiny_model("llama-tied");
  Counters counters;
  const Conditioning none;
  Generator generator(model, {model.backbone(), counters}, none, {1, 4096});
  std::vector<int64_t> front;
  for (int64_t id = 30; id < 60; ++id)
    front.push_back(id);
  std::vector<std::vector<int64_t>> ids;
  for (int64_t i = 0; i < 6; ++i) {
    ids.push_back(front);
    ids.back().insert(ids.back().end(), {100 + i, 200 + i});
  }
  const std::vector<TokenizedPrompt> prompts = prompts_of(ids);
  GenerateSettings settings;
  settings.max_length = 4;
  for (int64_t call = 0; call < 2; ++call) {
    const auto texts = generator.write(items_of(prompts), settings);
    for (std::size_t i = 0; i < ids.size(); ++i)
      CHECK(texts[i][0].ids == greedy(model, ids[i], 4, {}).ids);
    // 30 shared rows once; two of each prompt and three of its tokens
    CHECK(counters.rows_forwarded <= 30 + (call + 1) * 6 * (2 + 3));
  }
}

TEST_CASE("drawn tokens are those that the same uniform numbers draw by hand") {
  const Model model = tiny_model("llama-tied");
  GenerateSettings settings;
  settings.max_length = 8;
  settings.temperature = 0.8;
  settings.top_k = 40;
  settings.top_p = 0.9;
  settings.min_p = 0.02;
  settings.returns = 3;
  settings.seed = 17;
  const auto texts = written(model, prompts_of(some_prompts), settings, {}, 6).texts;
  std::vector<std::vector<int64_t>> seen;
  for (std::size_t prompt = 0; prompt < some_prompts.size(); ++prompt) {
    std::vector<Expected> expected(3);
    for (std::size_t i = 0; i < 3; ++i) {
      Random random(settings.seed, prompt * 3 + i);
      std::vector<int64_t> ids = some_prompts[prompt];
      for (int64_t k = 0; k < settings.max_length; ++k) {
        const at::Tensor scores = next_scores(model, ids, {});
        const auto [values, order] = scores.sort(0, true);
        const at::Tensor probs = (values / 0.8).narrow(0, 0, 40).to(at::kDouble).softmax(0);
        std::vector<double> kept;
        double before = 0, sum = 0;
        for (int64_t r = 0; r < 40; ++r) {
          const double p = probs[r].item<double>();
          const bool keep = r == 0 || (before < 0.9 && p >= 0.02 * probs[0].item<double>());
          before += p;
          kept.push_back(keep ? p : 0);
          sum += kept.back();
        }
        const double u = random.uniform() * sum;
        std::size_t rank = 0;
        for (double reached = kept[0]; reached <= u; reached += kept[rank])
          ++rank;
        const int64_t token = order[static_cast<int64_t>(rank)].item<int64_t>();
        expected[i].log_prob += scores.log_softmax(0)[token].item<double>();
        if (token == model.vocabulary().special().eos)
          break;
        ids.push_back(token);
        expected[i].ids.push_back(token);
      }
      seen.push_back(expected[i].ids);
    }
    std::stable_sort(expected.begin(), expected.end(),
                     [](const Expected& a, const Expected& b) { return a.log_prob > b.log_prob; });
    REQUIRE(texts[prompt].size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(texts[prompt][i].ids == expected[i].ids);
      CHECK(std::abs(texts[prompt][i].log_prob - expected[i].log_prob) < 1e-3);
    }
  }
  std::sort(seen.begin(), seen.end());
  CHECK(std::unique(seen.begin(), seen.end()) - seen.begin() > 10); // they differ, so something was drawn
}

TEST_CASE("a token comes as often as its share says") {
  const at::Tensor probs = at::tensor({0.5, 0.25, 0.15, 0.07, 0.03}, at::kDouble);
  const int64_t n = 4000;
  const at::Tensor scores = probs.log().to(at::kFloat).expand({n, 5}).contiguous();
  Random random(9);
  std::vector<double> uniforms;
  for (int64_t i = 0; i < n; ++i)
    uniforms.push_back(random.uniform());
  GenerateSettings settings;
  settings.temperature = 1;
  const auto shares = [&]() {
    std::vector<double> share(5, 0);
    for (const int64_t id : drawn_tokens(scores, scores, settings, uniforms).ids)
      share[static_cast<std::size_t>(id)] += 1.0 / static_cast<double>(n);
    return share;
  };
  const std::vector<double> all = shares();
  for (std::size_t i = 0; i < 5; ++i) // within four standard errors
    CHECK(std::abs(all[i] - probs[static_cast<int64_t>(i)].item<double>()) < 4 * std::sqrt(0.25 / 4000));
  settings.top_p = 0.75; // two tokens hold exactly as much
  CHECK(shares()[2] == 0);
  CHECK(std::abs(shares()[0] - 2.0 / 3) < 0.03);
  settings.top_p = 1;
  settings.min_p = 0.2; // of 0.5
  CHECK(shares()[2] > 0);
  CHECK(shares()[3] == 0);
  settings.min_p = 0;
  settings.top_k = 1;
  CHECK(shares()[0] == doctest::Approx(1));
}

TEST_CASE("learned rows are neither repeated nor part of an n-gram") {
  const at::Tensor scores = at::tensor({1.f, -1.f, 2.f, 0.5f}).view({1, 4});
  GenerateSettings settings;
  settings.repetition_penalty = 2;
  const std::vector<int64_t> ids{-1, 1, 2, -1, 1};
  const at::Tensor penalised = constrained(scores, {{&ids, 1}}, settings, {});
  CHECK(at::equal(penalised, at::tensor({1.f, -2.f, 1.f, 0.5f}).view({1, 4})));
  settings = {};
  settings.no_repeat_ngram = 2;
  const at::Tensor without = constrained(scores, {{&ids, 1}}, settings, {});
  CHECK(std::isinf(without[0][2].item<float>())); // 1 2 was there
  CHECK(without[0][0].item<float>() == 1);        // 1 and then a learned row bans nothing
  CHECK(at::equal(scores, at::tensor({1.f, -1.f, 2.f, 0.5f}).view({1, 4})));
}

TEST_CASE("writing ends in front of a stop text, and where the model has no position left") {
  const Model model = tiny_model("llama-tied");
  GenerateSettings settings;
  settings.max_length = 12;
  const Generated whole = written(model, {prompt_of(some_prompts[0])}, settings).texts[0][0];
  REQUIRE(whole.ids.size() >= 6);
  const std::string stop = model.vocabulary().decode(std::span(whole.ids).subspan(3, 2));
  REQUIRE(!stop.empty());
  settings.stop = {"never this", stop};
  const Generated stopped = written(model, {prompt_of(some_prompts[0])}, settings).texts[0][0];
  CHECK(stopped.text == whole.text.substr(0, whole.text.find(stop)));
  CHECK(stopped.ids.size() <= 5);
  CHECK(std::equal(stopped.ids.begin(), stopped.ids.end(), whole.ids.begin()));

  settings.stop.clear();
  settings.max_length = 50;
  settings.min_length = 50;
  const std::vector<int64_t> longest(126, 40); // of 128 positions: two rows are left, so three tokens
  CHECK(written(model, {prompt_of(longest)}, settings).texts[0][0].ids.size() == 3);
}

TEST_CASE("a watch sees each token and can end the work; what remains is as before") {
  const Model model = tiny_model("llama-tied");
  Counters counters;
  const Conditioning none;
  Generator generator(model, {model.backbone(), counters}, none, {});
  const std::vector<TokenizedPrompt> prompts = prompts_of(some_prompts);
  GenerateSettings settings;
  settings.max_length = 6;
  settings.min_length = 6;
  int64_t calls = 0;
  CHECK_THROWS_AS(generator.write(items_of(prompts), settings,
                                  [&](int64_t, std::span<const int64_t>) { return ++calls < 8; }),
                  Cancelled);
  CHECK(calls == 8);
  std::vector<int64_t> longest(prompts.size(), 0);
  const auto texts =
      generator.write(items_of(prompts), settings, [&](int64_t prompt, std::span<const int64_t> ids) {
        longest[static_cast<std::size_t>(prompt)] = static_cast<int64_t>(ids.size());
        return true;
      });
  CHECK(longest == std::vector<int64_t>(prompts.size(), 6));
  for (std::size_t i = 0; i < prompts.size(); ++i)
    CHECK(texts[i][0].ids == written(model, {prompts[i]}, settings).texts[0][0].ids);
}

TEST_CASE("settings that contradict each other, and models that can't write, are named") {
  const Model model = tiny_model("llama-tied");
  const std::vector<TokenizedPrompt> prompts{prompt_of({20, 30})};
  GenerateSettings settings;
  settings.returns = 2;
  CHECK_THROWS_WITH_AS(written(model, prompts, settings), doctest::Contains("2 texts can't come of 1 beams"),
                       UsageError);
  settings.beams = 2;
  settings.temperature = 1;
  CHECK_THROWS_WITH_AS(written(model, prompts, settings), doctest::Contains("beams are searched"), UsageError);
  settings = {};
  settings.min_length = 100;
  CHECK_THROWS_WITH_AS(written(model, prompts, settings), doctest::Contains("at least 100"), UsageError);
  settings = {};
  settings.banned = {{1 << 20}};
  CHECK_THROWS_WITH_AS(written(model, prompts, settings), doctest::Contains("banned token"), UsageError);
  CHECK_THROWS_WITH_AS(written(tiny_model("bert-mlm"), prompts, {}), doctest::Contains("can't write"),
                       UsageError);
}
