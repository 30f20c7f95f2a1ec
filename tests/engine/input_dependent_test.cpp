// Cards whose soft prompts depend on the input: predictions don't depend on the rest of the batch, training
// finds a rule that one soft prompt for all inputs does not, a split step has the same gradients, and generation
// equals decoding without a cache.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <set>

#include <ATen/Parallel.h>

#include <cuecard/error.hpp>

#include "gradient_spy.hpp"
#include "greedy_reference.hpp"

// After LibTorch, whose logging also defines CHECK.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

const std::vector<const char*> models{"llama-tied", "bert-mlm", "t5-plain"};

std::string plain_text(const Model& model) {
  return model.shape().causal ? "Review: {text} It was{\"mask\"}" : "{text} It was {\"mask\"}";
}

std::string slotted_text(const Model& model) {
  return model.shape().causal ? "{text} {\"soft\":\"the film\"} so{\"mask\"}"
                              : "{\"soft\"} {text} {\"soft\":\"the film\"} {\"mask\"}";
}

/// A card that routes: with larger router weights, so that probabilities are far from equal.
TaskPipeline smop(const Model& model, const std::string& name, const std::string& text, uint64_t seed,
                  std::vector<std::pair<std::string, std::string>> options = {{"length", "3"}}) {
  TaskPipeline pipeline = two_label_pipeline(model, name, text, "smop", std::move(options), seed);
  const at::NoGradGuard no_grad;
  pipeline.tuner->parameters().at(0).tensors.at(1).mul_(30);
  return pipeline;
}

bool same(const Prediction& a, const Prediction& b) {
  REQUIRE(a.problem == "");
  REQUIRE(b.problem == "");
  REQUIRE(a.decision.probabilities.size() == b.decision.probabilities.size());
  for (std::size_t i = 0; i < a.decision.probabilities.size(); ++i)
    if (!(std::abs(std::log(a.decision.probabilities[i]) - std::log(b.decision.probabilities[i])) < 1e-4))
      return false;
  return true;
}

Prediction alone(const Model& model, const TaskPipeline& pipeline, const Example& example) {
  return Predictor(model, {&pipeline}).predict({&example})[0];
}

/// One word, which is the label: with a single input-independent prompt, the frozen model would have to tell the
/// words apart.
std::vector<Example> single_words(int64_t count) {
  std::vector<Example> examples(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < examples.size(); ++i) {
    examples[i].label = static_cast<int64_t>(i % 2);
    examples[i].fields["text"] = i % 2 ? "plot" : "film";
    examples[i].line = static_cast<int64_t>(i) + 1;
  }
  return examples;
}

} // namespace

TEST_CASE("an example's prediction doesn't depend on the rest of the batch, whatever prompts are chosen") {
  for (const char* name : models) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<TaskPipeline> cards{
        smop(model, "front", plain_text(model), 3),
        smop(model, "inside", slotted_text(model), 4),
        two_label_pipeline(model, "static", plain_text(model), "prompt-tuning", {{"length", "4"}}, 5),
        two_label_pipeline(model, "late", slotted_text(model), "late-prompt-tuning", {{"length", "3"}}, 6),
        two_label_pipeline(model, "generated", slotted_text(model), "late-prompt-tuning",
                           {{"generator", "instance"}, {"length", "2"}}, 7),
        two_label_pipeline(model, "none", plain_text(model), "manual"),
    };
    for (const TaskPipeline& card : cards) {
      CAPTURE(card.name);
      const std::vector<Example> examples = word_examples(20, 11);
      Predictor all(model, {&card}, {64});
      const std::vector<Prediction> together = all.predict(pointers(examples));
      CHECK(all.counters().forwards == (card.name == "generated" ? 2 : 1)); // one for its hidden states
      std::vector<const Example*> reversed = pointers(examples);
      std::reverse(reversed.begin(), reversed.end());
      Predictor small(model, {&card},
                      {3}); // on a causal model later batches take the card's prefix from a cache
      const std::vector<Prediction> backwards = small.predict(reversed);
      for (std::size_t i = 0; i < examples.size(); ++i) {
        const Prediction single = alone(model, card, examples[i]);
        CHECK(same(together[i], single));
        CHECK(same(backwards[examples.size() - 1 - i], single));
      }
    }

    std::vector<const TaskPipeline*> pipelines;
    for (const TaskPipeline& card : cards)
      pipelines.push_back(&card);
    std::vector<Example> mixed = word_examples(36, 12);
    for (std::size_t i = 0; i < mixed.size(); ++i)
      mixed[i].card = cards[(i * 7 / 2) % cards.size()].name;
    std::set<double> different;
    const std::vector<Prediction> beside = Predictor(model, pipelines, {64}).predict(pointers(mixed));
    for (std::size_t i = 0; i < mixed.size(); ++i) {
      CAPTURE(mixed[i].card);
      const auto own = std::ranges::find(cards, mixed[i].card, &TaskPipeline::name);
      CHECK(same(beside[i], alone(model, *own, mixed[i])));
      different.insert(std::round(1e6 * beside[i].decision.probabilities[0]));
    }
    CHECK(different.size() > 20);
  }
}

TEST_CASE("inputs get different prompts, and the examples' features are those of the tokens of their fields") {
  const Model model = tiny_model("llama-tied");
  const TaskPipeline pipeline = smop(model, "m", slotted_text(model), 3);
  const std::vector<Example> examples = word_examples(20, 13);
  const auto slots = std::ssize(pipeline.prompt_template->soft_slots());
  REQUIRE(slots > 0);
  std::set<double> first; // of the chosen prompt over its probability, which is one of four
  for (const Example& example : examples) {
    const TokenizedPrompt prompt = open_prompt_of(model, pipeline, example);
    std::vector<int64_t> ids;
    for (const PromptToken& token : prompt.input)
      if (token.origin.field >= 0)
        ids.push_back(token.id);
    REQUIRE(!ids.empty());
    Counters counters;
    const at::Tensor found =
        input_features(model, {model.backbone(), counters}, pipeline.input_features, {&prompt});
    CHECK(at::allclose(found[0], model.backbone().token_vectors(TokenTable::input, at::tensor(ids)).mean(0),
                       1e-5, 1e-6));
    CHECK(counters.forwards == 0);
    const at::Tensor embeddings = conditioning_for(model, pipeline, prompt).embeddings;
    REQUIRE((embeddings.sizes() == at::IntArrayRef({1, slots + 3, model.shape().embedding_width})));
    const at::Tensor ratio = embeddings[0][slots] / embeddings[0][slots].norm();
    first.insert(std::round(1e4 * ratio[0].item<double>()));
  }
  CHECK(first.size() >= 2);
  CHECK(first.size() <= 4);
}

TEST_CASE("prompts that are scored as they are count as separate inputs") {
  const Model model = tiny_model("llama-tied");
  const TaskPipeline pipeline = smop(model, "m", plain_text(model), 3);
  const std::vector<Example> examples = word_examples(8, 14);
  std::vector<Prompt> prompts;
  for (const Example& example : examples) {
    std::vector<Prompt> own = pipeline.prompt_template->render({example});
    pipeline.tuner->edit(own, {example});
    prompts.push_back(own.at(0));
  }
  const auto states = [&](const std::vector<Prompt>& of) {
    Predictor predictor(model, {&pipeline});
    ScoreRequest request;
    request.prompts = &of;
    request.output.kind = OutputRequest::Kind::hidden_states;
    return predictor.scorer().score_all(request);
  };
  const at::Tensor together = states(prompts);
  for (std::size_t i = 0; i < prompts.size(); ++i)
    CHECK(at::allclose(together[static_cast<int64_t>(i)], states({prompts[i]})[0], 1e-4, 1e-5));
}

TEST_CASE("smop's loss falls where the answer depends on a word of the input") {
  at::set_num_threads(1);
  for (const char* name : models) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> examples = single_words(16);
    const auto last_loss = [&](const char* tuner, std::vector<std::pair<std::string, std::string>> options) {
      TaskPipeline pipeline = two_label_pipeline(model, "m", plain_text(model), tuner, std::move(options));
      const TrainResult result = train(model, {{pipeline, examples, {}}}, steps_of(60, 16, 0.02), 1);
      CHECK(result.report.losses.back() < result.report.losses.front());
      return result.report.losses.back();
    };
    CHECK(last_loss("smop", {{"prompts", "4"}, {"length", "4"}}) < 0.4f);
  }
}

TEST_CASE("a step that is split into several passes has the same gradients") {
  for (const char* name : models) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> examples = word_examples(16, 23);
    for (const bool slotted : {false, true}) {
      CAPTURE(slotted);
      const auto gradients = [&](int64_t batch_tokens) {
        FitRequest request = steps_of(3, 8, 1e-3);
        request.batch_tokens = batch_tokens;
        return gradients_of(model,
                            smop(model, "m", slotted ? slotted_text(model) : plain_text(model), 3,
                                 {{"length", "3"}, {"noise", "none"}}),
                            examples, request);
      };
      const auto whole = gradients(8192), split = gradients(40);
      REQUIRE(whole.size() == 3);
      REQUIRE(split.size() == 3);
      for (std::size_t step = 0; step < whole.size(); ++step) {
        REQUIRE(whole[step].size() == (slotted ? 3 : 2));
        for (std::size_t i = 0; i < whole[step].size(); ++i) {
          CHECK(whole[step][i].abs().max().item<double>() > 0);
          CHECK(at::allclose(whole[step][i], split[step][i], 1e-3, 1e-6));
        }
      }
    }
  }
}

TEST_CASE("one seed trains the same bits, and the card predicts what the pipeline predicts") {
  const Model model = tiny_model("bert-mlm");
  const std::vector<Example> examples = word_examples(16, 24);
  const auto trained = [&](uint64_t seed) {
    TaskPipeline pipeline = two_label_pipeline(model, "m", slotted_text(model), "smop", {}, seed);
    train(model, {{pipeline, examples, examples}}, steps_of(4, 8, 0.02), seed);
    return pipeline;
  };
  const TaskPipeline one = trained(1), again = trained(1), other = trained(2);
  for (const auto& [name, tensor] : one.tuner->state(0).tensors) {
    CAPTURE(name);
    CHECK(at::equal(tensor, again.tuner->state(0).tensors.at(name)));
    CHECK(!at::equal(tensor, other.tuner->state(0).tensors.at(name)));
  }
  const TaskPipeline back = pipeline_from_card(model, plugins(), to_card(one, model));
  const auto before = Predictor(model, {&one}).predict(pointers(examples)),
             after = Predictor(model, {&back}).predict(pointers(examples));
  for (std::size_t i = 0; i < examples.size(); ++i)
    CHECK(before[i].decision.probabilities == after[i].decision.probabilities);
}

TEST_CASE("generation equals greedy decoding that recomputes every token") {
  for (const char* name : {"llama-tied", "llama-untied", "gpt2-tied", "t5-plain"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    std::vector<Example> examples = word_examples(7, 25);
    if (model.shape().family == "gpt2") // its tiny vocabulary spells w1 to w60
      for (std::size_t i = 0; i < examples.size(); ++i)
        examples[i].fields["text"] = "w" + std::to_string(5 * i + 1) + (i % 2 ? " w7 w9" : "");
    const std::string text = model.shape().family == "gpt2" ? "{text} w3{\"mask\"}" : plain_text(model);
    PipelineChoice choice;
    choice.name = "m";
    choice.prompt_template.set = {{"text", text}};
    choice.tuner = {"smop", {{"length", "3"}}};
    choice.labels = {"a", "b"};
    choice.label_words = {{model.shape().family == "gpt2" ? "w1" : "bad"},
                          {model.shape().family == "gpt2" ? "w2" : "good"}};
    const TaskPipeline pipeline = make_pipeline(model, plugins(), choice);
    {
      const at::NoGradGuard no_grad;
      pipeline.tuner->parameters().at(0).tensors.at(1).mul_(30);
    }
    GenerateSettings settings;
    settings.max_length = 8;
    for (const int64_t at_once : {2, 64}) {
      Predictor predictor(model, {&pipeline}, {at_once});
      for (int run = 0; run < 2; ++run) { // the second with whatever the first has cached
        const auto texts = predictor.generate(pointers(examples), settings);
        for (std::size_t i = 0; i < examples.size(); ++i)
          CHECK(texts[i].at(0).ids == greedy_tokens(model, pipeline, examples[i], 8));
      }
    }
  }
}
