#include "manual_tuner.hpp"
#include "manual_verbalizer.hpp"

#include <cmath>
#include <limits>

#include <cuecard/error.hpp>
#include <cuecard/parts/template/grammar_template.hpp>
#include <cuecard/testing/character_vocabulary.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_engine.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::manual;
using cuecard::testing::CharacterVocabulary;

namespace {

/// An engine that only returns given development metrics.
class MeasuringEngine final : public testing::NoEngine {
public:
  MeasuringEngine(Problem& problem, std::vector<double> dev) : NoEngine(problem), dev_(std::move(dev)) {}

  std::vector<Batch> training_batches(int64_t, int64_t) override {
    FAIL("the manual tuner requested a training batch");
    return {};
  }
  double evaluate_dev(int64_t task) override { return dev_.at(static_cast<std::size_t>(task)); }

private:
  std::vector<double> dev_;
};

struct Setting {
  explicit Setting(const std::string& text)
      : prompt_template({.text = text}), verbalizer(verbalizer_options()) {
    prompt_template.prepare({vocabulary, {.causal = true}});
    problem.tasks.push_back({"reviews", prompt_template, verbalizer, {"a", "b"}, nullptr, nullptr});
  }

  static Options verbalizer_options() {
    Options options;
    for (const char* name : {"multi-token-handler", "prefix", "calibrate"})
      options.set(name, std::string("none"));
    options.set("calibrate-rows", int64_t{1});
    options.set("post-log-softmax", true);
    return options;
  }

  CharacterVocabulary vocabulary;
  testing::NoBackbone backbone;
  GrammarTemplate prompt_template;
  ManualVerbalizer verbalizer;
  Problem problem{backbone, vocabulary, {}, 0};
};

} // namespace

TEST_CASE("the manual tuner refuses soft slots and names a tuner that trains them") {
  Setting setting("{text} {soft} {mask}");
  ManualTuner tuner({});
  try {
    tuner.prepare(setting.problem);
    FAIL("no error");
  } catch (const UsageError& error) {
    CHECK(std::string(error.what()).find("1 soft slot,") != std::string::npos);
    CHECK(std::string(error.what()).find("prompt-tuning") != std::string::npos);
  }
}

TEST_CASE("the manual tuner conditions and trains nothing, and evaluates") {
  Setting setting("{text} it was {mask}");
  ManualTuner tuner({});
  tuner.prepare(setting.problem);
  const Conditioning conditioning = tuner.condition({});
  CHECK_FALSE(conditioning.embeddings.defined());
  CHECK(conditioning.prefixes.empty());
  CHECK(tuner.parameters().empty());
  CHECK(tuner.state(0).tensors.empty());

  MeasuringEngine engine(setting.problem, {0.75});
  const FitReport report = tuner.fit(engine);
  CHECK(report.steps == 0);
  CHECK(report.best_dev == 0.75);
  CHECK(report.losses.empty());
  MeasuringEngine without_dev(setting.problem, {std::numeric_limits<double>::quiet_NaN()});
  CHECK(std::isnan(tuner.fit(without_dev).best_dev)); // unknown, not 0
}
