// Every backbone against transformers: hidden states, log-probabilities, gradients; in float32 and float64.
#include <ATen/ATen.h>

#include <cuecard/error.hpp>

#include "recorded.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// Each has recorded outputs in tests/golden/models.
const std::vector<std::string> golden_models{"llama-tied",
                                             "llama-untied",
                                             "llama3",
                                             "mistral",
                                             "qwen2",
                                             "qwen3",
                                             "mistral-window",
                                             "qwen2-window",
                                             "qwen3-window",
                                             "llama-yarn",
                                             "llama-dynamic",
                                             "gemma",
                                             "gemma2",
                                             "gemma3",
                                             "phi3",
                                             "phi3-longrope",
                                             "olmo2",
                                             "gpt-neox",
                                             "gpt-neox-serial",
                                             "opt",
                                             "opt-projected",
                                             "gpt2-tied",
                                             "gpt2-untied",
                                             "bert-mlm",
                                             "bert-plain",
                                             "roberta-mlm",
                                             "distilbert-mlm",
                                             "electra-generator",
                                             "electra-discriminator",
                                             "albert",
                                             "camembert",
                                             "mpnet",
                                             "deberta-v3",
                                             "deberta-v2",
                                             "modernbert"};

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

std::vector<int64_t> counted(int64_t tokens) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < tokens; ++i)
    result.push_back(i);
  return result;
}

std::vector<int64_t> first_tokens(const std::vector<int64_t>& offsets) {
  return {offsets.begin(), offsets.end() - 1};
}

/// `hidden` as transformers returns it. An OPT whose embeddings have another width returns hidden states of that width: they are
/// recorded after the projection.
at::Tensor as_recorded(const at::Tensor& hidden, const Model& model, const Recording& recording) {
  return recording["hidden"].size(1) == model.shape().hidden
             ? hidden
             : model.backbone().project({hidden, {OutputRequest::Kind::transformed_states, {}}});
}

} // namespace

TEST_CASE("hidden states, log-probabilities and gradients equal transformers'") {
  for (const std::string& name : golden_models)
    for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
      CAPTURE(name);
      const Model model = tiny_model(name, dtype);
      const Recording recording(golden / "models" / name / "outputs.safetensors");
      Batch batch = packed(recording, counted(recording["ids"].size(0)), recording.has("segments"));
      Conditioning conditioning;
      conditioning.embeddings = all_tokens_soft(batch, model, dtype);
      const at::Tensor hidden = model.backbone().forward({batch, conditioning});
      CHECK(largest_difference(as_recorded(hidden, model, recording), recording["hidden"]) < 1e-4);

      at::Tensor objective;
      if (model.shape().has_lm_head) {
        const at::Tensor log_probs = model.backbone().project({hidden, {OutputRequest::Kind::log_probs, {}}});
        const at::Tensor targets = log_probs.index_select(0, recording["target_rows"]);
        CHECK(largest_difference(targets, recording["log_probs"]) < 1e-4);
        objective = targets.gather(1, recording["target_ids"].unsqueeze(1)).mean();
      } else {
        objective = (hidden * recording["hidden_probe"]).sum();
      }
      CHECK(model.shape().has_pooler == recording.has("pooled"));
      if (recording.has("pooled")) {
        const std::vector<int64_t> firsts = first_tokens(batch.input.offsets);
        const at::Tensor pooled = model.backbone().project(
            {hidden.index_select(0, at::tensor(firsts, at::kLong)), {OutputRequest::Kind::pooled, {}}});
        CHECK(largest_difference(pooled, recording["pooled"]) < 1e-4);
        if (recording.has("pooled_probe"))
          objective = objective + (pooled * recording["pooled_probe"]).sum();
      }
      CHECK(std::abs(objective.item<double>() - recording["objective"].item<double>()) < 1e-4);
      objective.backward();
      CHECK(largest_difference(conditioning.embeddings.grad(), recording["embedding_gradient"]) < 1e-4);
    }
}

TEST_CASE("selecting some tokens gives the same hidden states as selecting all") {
  for (const std::string& name : golden_models) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const Recording recording(golden / "models" / name / "outputs.safetensors");
    const std::vector<int64_t> some{0, 3, 7, 19, 34};
    const Batch batch = packed(recording, some, recording.has("segments"));
    const at::Tensor hidden = model.backbone().forward({batch, {}});
    CHECK(largest_difference(as_recorded(hidden, model, recording),
                             recording["hidden"].index_select(0, at::tensor(some, at::kLong))) < 1e-4);
  }
}

TEST_CASE("a tokenizer of SentencePiece's Unigram model gives the ids of the tokenizers package") {
  const Recording recording(golden / "models/camembert/outputs.safetensors");
  const Model model = tiny_model("camembert");
  const Vocabulary& vocabulary = model.vocabulary();
  std::vector<int64_t> ids(vocabulary.sequence_prefix().begin(), vocabulary.sequence_prefix().end());
  for (const Token& token : vocabulary.encode("A film to remember, isn't it?"))
    ids.push_back(token.id);
  ids.insert(ids.end(), vocabulary.sequence_suffix().begin(), vocabulary.sequence_suffix().end());
  CHECK(ids == recording.list("text_ids"));
}

TEST_CASE("a checkpoint without a head says so in one sentence") {
  const Model model = tiny_model("bert-plain");
  const at::Tensor hidden = at::zeros({1, model.shape().hidden});
  CHECK_THROWS_WITH_AS(model.backbone().project({hidden, {OutputRequest::Kind::logits, {}}}),
                       doctest::Contains("no masked-LM head"), PluginError);
  const Model headed = tiny_model("bert-mlm");
  CHECK_THROWS_WITH_AS(headed.backbone().project({at::zeros({1, 40}), {OutputRequest::Kind::pooled, {}}}),
                       doctest::Contains("no pooler"), PluginError);
}
