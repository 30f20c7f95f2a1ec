// Cases of backbones: those of <cuecard/testing/backbone_conformance.hpp>, and text that is generated through the engine.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "conformance/planted_task.hpp"
#include "engine/generate/generator.hpp"
#include "engine/tokenized_example.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT
#include "conformance/cases/backbone/checked_backbone.hpp"

namespace cuecard::conformance {

namespace {

/// One check of the header as a case.
template <void (*check)(const Checked&)>
std::string checked(const Subject& subject) {
  const Checking checking;
  check(Checked(subject));
  return "";
}

void shape(const Checked& each) {
  checks::shape_without_weights(each.described, *each.model);
}
void batch(const Checked& each) {
  checks::batch_invariance(*each.model);
}
void attention(const Checked& each) {
  checks::attention_direction(*each.precise);
}
void slots(const Checked& each) {
  checks::slots(*each.model);
}
void cache(const Checked& each) {
  if (!each.causal())
    throw NotApplicable("it is not a causal model.");
  checks::parents(*each.model);
  checks::cache(*each.model);
  checks::cached_late_tokens(*each.precise);
}
void outputs(const Checked& each) {
  if (!each.model->shape().has_lm_head)
    throw NotApplicable("it has no head over the vocabulary.");
  checks::outputs(*each.model);
}
void late(const Checked& each) {
  checks::late_tokens(*each.precise);
  checks::late_tokens_in_batch(*each.precise);
}
void layers(const Checked& each) {
  const BackboneShape& found = each.model->shape();
  const int64_t count = checks::input_layers(found);
  const Batch input = testing::batch_of({checks::joined(checks::front, checks::first), checks::second});
  for (int64_t i = 0; i <= count; ++i)
    require(each.precise->forward({input, {}, nullptr, false, i}).sizes() == at::IntArrayRef({9, found.hidden}),
            "`forward` of " + std::to_string(i) + " layers does not return [tokens, hidden].");
  require(!checks::same(each.precise->forward({input, {}, nullptr, false, 1}),
                        each.precise->forward({input, {}, nullptr, false, 0})),
          "`forward` of one layer returns what it returns of none.");
}
void weights(const Checked& each) {
  checks::trained_weights(each.make, each.weights, each.batch());
}
void updates(const Checked& each) {
  checks::updates_of_linear_layers(each.make, each.weights, each.batch());
  checks::updates_of_cards(each.make, each.weights, each.batches());
  checks::dropout_of_updates(*each.model, each.batch());
}
void gradients(const Checked& each) {
  checks::gradients_of_conditioning(each.make, each.weights, each.batch());
}

/// The keys and values of a prefix are compared with those of real tokens in its place: exact only in a bidirectional model of one layer.
std::string prefixes(const Subject& subject) {
  const Checking checking;
  const Checked whole(subject);
  if (whole.pairs())
    throw NotApplicable("the check is of models with one stack.");
  if (whole.causal()) {
    checks::prefix(*whole.model);
    return "";
  }
  const Checked one(subject, 1);
  if (one.model->shape().layers != 1)
    throw NotApplicable("its number of layers is not the configuration's \"num_hidden_layers\".");
  checks::prefix(*one.model);
  return "";
}

/// Greedy decoding by the engine, with its caches, against forwarding everything again for each token.
std::string generates(const Subject& subject) {
  const Model model =
      tiny_model(subject.folder / "model", subject.info().model_types.at(0), subject.plugins, subject.seed);
  if (!model.shape().generates())
    throw NotApplicable("it generates no text.");
  const std::vector<Example> rows = planted_rows(2, subject.seed);
  const TaskPipeline pipeline = planted_pipeline(subject, model, planted_with(subject), rows);
  GenerateSettings settings;
  settings.max_length = settings.min_length = 8;
  Predictor predictor(model, {&pipeline});
  const std::vector<std::vector<Generated>> texts = predictor.generate(pointers(rows), settings);

  const at::NoGradGuard frozen;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<Prompt> prompts = pipeline.prompt_template->render({rows[i]});
    TokenizedPrompt prompt = tokenized(pipeline, model, prompts.at(0), {});
    read_last_token(prompt, model.shape());
    for (const int64_t id : texts.at(i).at(0).ids) {
      const Batch all = pack({{&prompt}}, {});
      at::Tensor logits = model.backbone().project({model.backbone().forward({all, {}}), {}}).to(at::kFloat)[0];
      const float best = logits.max().item<float>();
      // Ends are forbidden here; a token may also lose by rounding only.
      constexpr float rounding = 1e-3f;
      const int64_t end = model.vocabulary().special().eos.value_or(-1);
      if (end >= 0 && logits.argmax().item<int64_t>() == end)
        logits[end] = -1e9;
      require(logits[id].item<float>() > std::min(best, logits.max().item<float>()) - rounding,
              "the text that is generated with cached tokens is not the one without a cache.");
      (prompt.output.empty() ? prompt.input : prompt.output).emplace_back().id = id;
      read_last_token(prompt, model.shape());
    }
  }
  return "";
}

} // namespace

std::vector<Case> backbone_cases() {
  constexpr uint32_t kind = CUECARD_BACKBONE;
  return {
      {"backbone-shape", kind, "`describe` without weights says what the model says", &checked<shape>},
      {"backbone-batch", kind, "a sequence gives in a batch what it gives alone", &checked<batch>},
      {"backbone-attention", kind,
       "tokens see earlier ones only in a causal model, all in others; order matters", &checked<attention>},
      {"backbone-slots", kind, "a soft or trigger slot that holds a word is that word", &checked<slots>},
      {"backbone-prefixes", kind, "a prefix of a text's keys and values is that text", &prefixes},
      {"backbone-windows", kind, "a token sees what the windows of the layers show, and nothing beyond",
       &backbone_windows},
      {"backbone-pairs", kind,
       "an encoder-decoder's output sees its own input and its earlier tokens, alone, in a batch, and with cached tokens",
       &backbone_pairs},
      {"backbone-cache", kind, "cached tokens and shared parents are the tokens themselves", &checked<cache>},
      {"backbone-outputs", kind,
       "logits, log-probabilities and those of given tokens agree, gradients included", &checked<outputs>},
      {"backbone-late", kind, "late soft tokens enter at their layer", &checked<late>},
      {"backbone-layers", kind, "a pass over some of the layers ends there", &checked<layers>},
      {"backbone-weights", kind, "a weight that is trained is the model's, and its gradient is right",
       &checked<weights>},
      {"backbone-updates", kind,
       "low-rank updates and rescalings are those of their card, in every linear layer", &checked<updates>},
      {"backbone-gradients", kind, "gradients of what conditions it are right", &checked<gradients>},
      {"backbone-generates", kind, "a text generated with cached tokens is the one without", &generates},
      {"backbone-dtype", kind,
       "in bfloat16 its hidden states have the weights' type, embeddings and probabilities are float32",
       &backbone_dtype},
      {"backbone-device", kind,
       "it runs on another device: nothing mixes devices, nothing waits for the device, and the numbers are the same",
       &backbone_device},
  };
}

} // namespace cuecard::conformance
