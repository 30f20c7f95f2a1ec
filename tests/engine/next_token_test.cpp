// The next token: sampling against a direct computation from the same uniform numbers, banned and forced
// tokens.
#include <algorithm>
#include <cmath>
#include <limits>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>

#include "engine/generate/next_token.hpp"
#include "written.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

TEST_CASE("sampled tokens are those that the same uniform numbers select by hand") {
  const Model model = tiny_model("llama-tied");
  GenerateSettings settings;
  settings.max_length = 8;
  settings.temperature = 0.8;
  settings.top_k = 40;
  settings.top_p = 0.9;
  settings.min_p = 0.02;
  settings.returns = 3;
  settings.seed = 17;
  const auto texts = written(model, prompts_of(model, some_prompts), settings, {}, 6).texts;
  std::vector<std::vector<int64_t>> seen;
  for (std::size_t prompt = 0; prompt < some_prompts.size(); ++prompt) {
    std::vector<Expected> expected(3);
    for (std::size_t i = 0; i < 3; ++i) {
      Random random(settings.seed, prompt * 3 + i);
      for (int64_t k = 0; k < settings.max_length; ++k) {
        const at::Tensor logits = next_logits(model, some_prompts[prompt], expected[i].ids);
        const auto [values, order] = logits.sort(0, true);
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
        expected[i].log_prob += logits.log_softmax(0)[token].item<double>();
        if (token == model.vocabulary().special().eos)
          break;
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
  CHECK(std::unique(seen.begin(), seen.end()) - seen.begin() > 10); // they differ, so something was sampled
}

TEST_CASE("tokens are sampled according to their probabilities") {
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

TEST_CASE("soft tokens are neither penalised nor part of an n-gram") {
  const at::Tensor scores = at::tensor({1.f, -1.f, 2.f, 0.5f}).view({1, 4});
  GenerateSettings settings;
  settings.repetition_penalty = 2;
  const std::vector<int64_t> ids{-1, 1, 2, -1, 1};
  const at::Tensor penalised = constrained(scores, {{&ids, 1}}, settings, {});
  CHECK(at::equal(penalised, at::tensor({1.f, -2.f, 1.f, 0.5f}).view({1, 4})));
  settings = {};
  settings.no_repeat_ngram = 2;
  const at::Tensor without = constrained(scores, {{&ids, 1}}, settings, {});
  CHECK(std::isinf(without[0][2].item<float>())); // the bigram 1 2 exists already
  CHECK(without[0][0].item<float>() == 1);        // 1 before a soft token bans nothing
  CHECK(at::equal(scores, at::tensor({1.f, -1.f, 2.f, 0.5f}).view({1, 4})));
}

TEST_CASE("a forced token wins against bans and penalties") {
  const at::Tensor scores = at::tensor({1.f, -1.f, 2.f, 0.5f}).view({1, 4}).expand({3, 4}).contiguous();
  const std::vector<int64_t> start{0}, begun{0, 3, 1}, full{0, 3, 1, 1};
  GenerateSettings settings;
  settings.min_length = 9;
  settings.banned = {{2}, {3}};
  const TextBounds bounds{{1, 2}, 3, 2};
  const at::Tensor changed =
      constrained(scores, {{&start, 0, 4}, {&begun, 2, 4}, {&full, 3, 4}}, settings, bounds);
  const float never = -std::numeric_limits<float>::infinity();
  CHECK(at::equal(changed[0], at::tensor({never, never, never, 0.f}))); // the first
  CHECK(at::equal(changed[1], at::tensor({1.f, never, never, never}))); // both ends are too early
  CHECK(at::equal(changed[2], at::tensor({never, never, 0.f, never}))); // the last
  const TextBounds nothing;
  CHECK(constrained(scores, {{&start, 0, 4}, {&begun, 2, 4}, {&full, 3, 4}}, {}, nothing).is_same(scores));
}

TEST_CASE("tokens that texts begin and end with are read from the model's files; an unknown token is refused") {
  Configuration configuration("config.json");
  SpecialTokens special;
  special.eos = 7;
  CHECK(text_bounds(configuration, special, 10).ends == std::vector<int64_t>{7});
  configuration.set("eos_token_id", std::vector<int64_t>{2, 7, 3});
  configuration.set("forced_bos_token_id", int64_t{0});
  const TextBounds bounds = text_bounds(configuration, special, 10);
  CHECK(bounds.ends == std::vector<int64_t>{2, 7, 3});
  CHECK(bounds.first == 0);
  CHECK(!bounds.last);
  configuration.set("eos_token_id", int64_t{-1});
  CHECK(text_bounds(configuration, {}, 10).ends.empty());
  configuration.set("forced_eos_token_id", int64_t{10});
  CHECK_THROWS_WITH_AS(text_bounds(configuration, special, 10),
                       "config.json: forced_eos_token_id is 10, but the model's token ids are 0 to 9.",
                       DataError);
}
