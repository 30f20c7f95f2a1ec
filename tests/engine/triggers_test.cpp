// The engine's TokenSearch: gradients at trigger slots against differences of the loss, scores against each
// candidate alone, and how many tokens were forwarded.
#include <ATen/ATen.h>

#include <cmath>

#include "engine/train/token_search.hpp"
#include "trigger_task.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

constexpr const char* models[] = {"llama-tied", "llama-untied", "bert-mlm"};

/// A pipeline with two filled trigger slots, its training examples and one batch of all of them.
struct Setting {
  explicit Setting(const char* name, at::ScalarType dtype = at::kFloat)
      : model(tiny_model(name, dtype)), examples(word_examples(16, 31)),
        pipeline(two_label_pipeline(model, "m", filled(model), "manual")),
        backbone(pipeline.backbone(model, counters)),
        training_set(model, pipeline, backbone, examples, skipped) {
    FitSettings settings;
    settings.batch_size = 16;
    settings.batch_tokens = 100000;
    std::vector<Batch> batches = training_set.batches(0, settings, 1);
    REQUIRE(batches.size() == 1);
    batch = std::move(batches[0]);
  }

  static std::string filled(const Model& model) {
    const auto slot = [&](const char* word) {
      return "{\"trigger\": \"" + model.vocabulary().piece(token_of(model, word)) + "\"}";
    };
    return trigger_template(model, slot(" film") + slot(" plot"));
  }

  Model model;
  std::vector<Example> examples;
  std::vector<SkippedExample> skipped;
  Counters counters;
  TaskPipeline pipeline;
  CountedBackbone backbone;
  TrainingSet training_set;
  Batch batch;
};

} // namespace

TEST_CASE("the gradient at a trigger slot is that of the summed loss in its embedding") {
  for (const char* name : models) {
    CAPTURE(name);
    Setting s(name, at::kDouble);
    const at::Tensor gradient = trigger_gradient(s.model, s.pipeline, s.backbone, s.batch, {});
    const at::Tensor tokens = at::tensor(s.pipeline.prompt_template->triggers(), at::kLong);
    const at::Tensor embeddings = s.model.backbone().token_vectors(TokenTable::input, tokens);
    REQUIRE(gradient.sizes() == embeddings.sizes());
    CHECK(gradient.abs().max().item<double>() > 1e-4);

    const at::NoGradGuard no_grad;
    Batch soft = s.batch;
    soft.input.soft_tokens = soft.input.trigger_tokens;
    soft.input.soft_slots = soft.input.trigger_slots;
    const auto loss = [&](const at::Tensor& vectors) {
      Conditioning with;
      with.embeddings = vectors;
      const at::Tensor hidden = s.model.backbone().forward({soft, with});
      const at::Tensor outputs = s.model.backbone().project({hidden, s.pipeline.verbalizer->output_request()});
      const Scores scores = s.pipeline.verbalizer->score({outputs, soft});
      return 16 * s.pipeline.verbalizer->loss({scores, soft}).item<double>();
    };
    for (int64_t slot = 0; slot < 2; ++slot)
      for (int64_t column = 0; column < embeddings.size(1); column += 7) {
        at::Tensor up = embeddings.clone(), down = embeddings.clone();
        up[slot][column] += 0x1p-8;
        down[slot][column] -= 0x1p-8;
        const double step = (up - down)[slot][column].item<double>();
        const double slope = (loss(up) - loss(down)) / step;
        CHECK(std::abs(gradient[slot][column].item<double>() - slope) < 2e-3 * std::max(1.0, std::abs(slope)));
      }
  }
}

TEST_CASE("candidates together score as each one alone, in one pass or in many") {
  for (const char* name : models) {
    CAPTURE(name);
    Setting s(name);
    const std::vector<int64_t> tokens = s.pipeline.prompt_template->triggers();
    std::vector<int64_t> candidates{tokens[0], tokens[1]};
    for (const char* word : {" good", " long", " the", "x"})
      candidates.push_back(token_of(s.model, word));
    for (int64_t slot = 0; slot < 2; ++slot)
      for (const int64_t batch_tokens : {int64_t{100000}, int64_t{1500}, int64_t{1}}) {
        CAPTURE(slot);
        CAPTURE(batch_tokens);
        const CandidateScores scores =
            candidate_scores(s.model, s.pipeline, s.backbone, s.training_set, s.batch, slot,
                             at::tensor(candidates, at::kLong), {}, batch_tokens);
        REQUIRE(scores.loss.size(0) == std::ssize(candidates));
        for (std::size_t c = 0; c < candidates.size(); ++c) {
          std::vector<int64_t> with = tokens;
          with[static_cast<std::size_t>(slot)] = candidates[c];
          const ExactLoss exact = exact_loss(s.model, s.pipeline, with, s.batch.examples);
          const auto i = static_cast<int64_t>(c);
          CHECK(std::abs(scores.loss[i].item<double>() - exact.sum) < 1e-5 * exact.sum);
          CHECK(scores.correct[i].item<double>() == static_cast<double>(exact.correct));
        }
        CHECK((scores.loss.max() - scores.loss.min()).item<double>() > 1e-3);
      }
  }
}

TEST_CASE("on causal models the text before the slot is forwarded once per example") {
  for (const char* name : models) {
    CAPTURE(name);
    Setting s(name);
    // Tokens before the first slot: in the cache, or too few for it. Tokens before either slot that are not in
    // the cache: packed once for all candidates, or too few for that.
    int64_t kept = 0, all = 0, once[2] = {0, 0};
    for (const Example& example : s.examples) {
      const std::vector<PromptToken>& tokens = s.training_set.prompts_of(example)[0].input;
      const auto place_of = [&](int64_t slot) {
        return std::ranges::find(tokens, slot, &PromptToken::trigger_slot) - tokens.begin();
      };
      const int64_t cached = place_of(0) >= 4 ? place_of(0) : 0;
      kept += cached;
      all += std::ssize(tokens);
      for (int64_t slot = 0; slot < 2; ++slot)
        if (const int64_t own = place_of(slot) - cached; cached == 0 || own >= 4)
          once[slot] += own;
    }
    CHECK(kept > 100);
    const bool causal = s.model.shape().causal;
    CHECK(s.counters.tokens_forwarded == (causal ? kept : 0)); // when the batch was made
    const Counters before = s.counters;
    const at::Tensor candidates = at::arange(20, 29);
    int64_t forwarded = 0;
    for (int64_t call = 1; call <= 4; ++call) {
      const int64_t slot = call % 2;
      candidate_scores(s.model, s.pipeline, s.backbone, s.training_set, s.batch, slot, candidates, {}, 100000);
      forwarded += causal ? 9 * (all - kept - once[slot]) + once[slot] : 9 * all;
      CHECK(s.counters.forwards - before.forwards == call);
      CHECK(s.counters.tokens_forwarded - before.tokens_forwarded == forwarded);
      CHECK(s.counters.tokens_from_cache - before.tokens_from_cache == (causal ? call * 9 * kept : 0));
    }
  }
}
