// What a plugin returns is checked where it is returned, and the error names the plugin and the function.
#include <ATen/ATen.h>

#include <functional>
#include <limits>
#include <memory>

#include <cuecard/error.hpp>

#include "engine/guarded.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

constexpr int64_t slots = 3;

/// Prepends soft slots, and conditions as it is told.
class ToldTuner final : public Tuner {
public:
  std::function<Conditioning()> conditioning;
  std::function<void(std::vector<Prompt>&)> change;
  TensorMap saved;
  at::Tensor prompt;

  void prepare(const Problem& problem) override {
    prompt = at::zeros({slots, problem.backbone.shape().embedding_width}).set_requires_grad(true);
  }
  void edit(std::vector<Prompt>& prompts, const EditArgs&) const override {
    for (Prompt& each : prompts)
      for (int64_t slot = slots; slot-- > 0;)
        each.prepended.insert(each.prepended.begin(), Piece::soft_slot(slot));
    if (change)
      change(prompts);
  }
  Conditioning condition(const ConditionArgs&) const override {
    return conditioning ? conditioning() : Conditioning{prompt};
  }
  std::vector<ParameterGroup> parameters() override { return {{{prompt}}}; }
  ComponentState state(int64_t) const override { return {saved, {}}; }
};

struct Told {
  Model model = tiny_model("llama-tied");
  TaskPipeline pipeline = two_label_pipeline(model, "told", "{text} so{\"mask\"}", "prompt-tuning");
  std::shared_ptr<ToldTuner> tuner = std::make_shared<ToldTuner>();
  int64_t width = model.shape().embedding_width;

  Told() {
    pipeline.tuner = guarded(Component<Tuner>{tuner, "shop", "told"});
    pipeline.record.tuner.plugin = "shop";
    pipeline.record.tuner.component = "told";
    pipeline.tuner->prepare({model.backbone(), model.vocabulary(), {}, 1, {}, {}});
  }

  /// Predicts, as with a card.
  void predict() const {
    const std::vector<Example> examples = word_examples(4, 3);
    for (const Prediction& prediction : Predictor(model, {&pipeline}).predict(pointers(examples)))
      if (!prediction.problem.empty())
        throw DataError(prediction.problem);
  }
  void fit() {
    FitRequest request = steps_of(1, 4, 1e-3);
    request.optimizer = "adamw";
    request.schedule = "constant";
    train(model, {{pipeline, word_examples(8, 3), {}}}, request, 1);
  }
};

/// The error of `call`, which must be a PluginError of the plugin "shop".
std::string blamed(const std::function<void()>& call) {
  try {
    call();
  } catch (const PluginError& error) {
    const std::string text = error.what();
    CHECK_MESSAGE(text.starts_with("plugin \"shop\", component \"told\", "), text);
    return text;
  } catch (const std::exception& error) {
    FAIL("another error: " << error.what());
  }
  FAIL("no error");
  return "";
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a tuner that returns what it should is not refused") {
  Told told;
  told.predict();
  told.fit();
}

TEST_CASE("a wrong conditioning names the tuner, in prediction and in training") {
  const Told shape;
  const int64_t width = shape.width, layers = shape.model.shape().layers;
  const std::string weight = shape.model.backbone().linear_layers().at(0).weight;
  const auto with = [](const std::function<void(Conditioning&)>& change) {
    return [change]() {
      Conditioning conditioning;
      change(conditioning);
      return conditioning;
    };
  };
  const std::vector<std::pair<std::string, std::function<Conditioning()>>> cases{
      {"condition: it returned embeddings of 2 soft slots; expected at least 3", with([&](Conditioning& c) {
         c.embeddings = at::zeros({2, width});
       })},
      {"condition: it returned embeddings of 0 soft slots", with([](Conditioning&) {})},
      {"condition: it returned embeddings of shape", with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width + 1});
       })},
      {"condition: it returned embeddings of type Long", with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width}, at::kLong);
       })},
      {"condition: it returned embeddings of type Double; expected Float (float32)", with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width}, at::kDouble);
       })},
      {"condition: it returned the matrix B of \"" + weight + "\" of type BFloat16", with([&](Conditioning& c) {
         const LinearLayer& layer = shape.model.backbone().linear_layers().at(0);
         c.embeddings = at::zeros({3, width});
         c.low_rank.push_back({weight, at::zeros({1, layer.in}), at::zeros({layer.out, 1}, at::kBFloat16)});
       })},
      {"condition: it returned embeddings with NaN or infinite values", with([&](Conditioning& c) {
         c.embeddings = at::full({3, width}, std::numeric_limits<float>::quiet_NaN());
       })},
      {"condition: it returned the factors of", with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width});
         c.rescalings.push_back({weight, at::ones({1}), false});
       })},
      {"condition: it returned keys of the prefix", with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width});
         c.prefixes.push_back(
             {PrefixSite::self, at::zeros({layers, 2, 1, 1}), at::zeros({layers, 2, 1, 1}), 2});
       })},
      {"condition: the shop is closed",
       []() -> Conditioning { throw std::runtime_error("the shop is closed"); }},
  };
  for (const auto& [expected, conditioning] : cases) {
    CAPTURE(expected);
    Told told;
    told.tuner->conditioning = conditioning;
    CHECK(holds(blamed([&] { told.predict(); }), expected));
    CHECK(holds(blamed([&] { told.fit(); }), expected));
  }
}

TEST_CASE("a conditioning that becomes NaN in training names the tuner, not the learning rate") {
  Told told;
  int broken = 0; // calls: that of the step, and the one that finds the cause
  told.tuner->conditioning = [&] {
    const double factor = broken-- > 0 ? std::numeric_limits<double>::quiet_NaN() : 1;
    return Conditioning{told.tuner->prompt * factor};
  };
  FitRequest request = steps_of(9, 4, 1e-3);
  const std::vector<Example> examples = word_examples(8, 3);
  const auto after = [&](int64_t last, int64_t evaluate_every) {
    broken = 0;
    request.evaluate_every = evaluate_every;
    return train(told.model, {{told.pipeline, examples, {}}}, request, 1,
                 [&](int64_t step, int64_t, double, double) {
                   broken = step == last ? 2 : 0;
                   return true;
                 });
  };
  const std::string text = blamed([&] { after(2, 9); });
  CHECK(holds(text, "fit: the training loss is NaN at step 3, because what `condition` returned holds NaN"));
  CHECK(!holds(text, "learning rate"));
  // With a state to keep, training ends with the same reason.
  const FitReport report = after(2, 1).report;
  CHECK(report.best_step == 2);
  CHECK(holds(report.failure, "because what `condition` returned holds NaN"));
}

TEST_CASE("a state that no card can hold is found without writing one") {
  Told told;
  told.tuner->saved = {{"prompt", at::zeros({2, 2})}};
  const int64_t small = card_size(told.pipeline);
  told.tuner->saved["prompt"] = at::zeros({1000, 2});
  CHECK(card_size(told.pipeline) - small >= 998 * 2 * 4);
  told.tuner->saved["more"] = at::zeros({1}, at::kComplexFloat);
  CHECK(holds(blamed([&] { card_size(told.pipeline); }),
              "state: what it returned can't be saved: tensor \"tuner.more\" of type ComplexFloat"));
  told.tuner->saved = {{"more", at::Tensor()}};
  CHECK(holds(blamed([&] { card_size(told.pipeline); }), "tensor \"tuner.more\" is undefined"));
  told.tuner->saved = {{"\xff", at::zeros({1})}};
  CHECK(holds(blamed([&] { card_size(told.pipeline); }), "state: what it returned can't be saved: "));
}

TEST_CASE("wrong settings that only the tuner knows name it") {
  Told told;
  told.tuner->conditioning = []() -> Conditioning { throw UsageError("length is odd; make it even."); };
  CHECK_THROWS_WITH_AS(told.predict(), "tuner \"told\" of the plugin \"shop\": length is odd; make it even.",
                       UsageError);
}

TEST_CASE("wrong prompts name the tuner") {
  Told told;
  told.tuner->change = [](std::vector<Prompt>& prompts) { prompts.clear(); };
  CHECK(holds(blamed([&] { told.predict(); }), "edit: it removed all prompts of the example"));
  told.tuner->change = [](std::vector<Prompt>& prompts) { prompts[0].prepended[0].slot = 100; };
  CHECK(holds(blamed([&] { told.predict(); }),
              "condition: it returned embeddings of 3 soft slots; expected at least 101"));
}
