// Arguments that a plugin passes to the engine: an impossible one names the plugin and the function, and crashes nothing.
#include <limits>

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <cuecard/extensions/token_search.hpp>

#include "scripted_tuner.hpp"

using namespace cuecard;
using namespace cuecard::test;

TEST_CASE("impossible arguments of the engine's functions are refused") {
  constexpr int64_t least = std::numeric_limits<int64_t>::min();
  const std::vector<std::pair<std::string, std::function<void(Engine&)>>> cases{
      {"training_batches with step -1; expected 0 or more", [](Engine& e) { e.training_batches(0, -1); }},
      {"training_batches with step " + std::to_string(least), [](Engine& e) { e.training_batches(0, least); }},
      {"training_batches with task 99; expected 0, as the run has one task",
       [](Engine& e) { e.training_batches(99, 0); }},
      {"training_batches with task -1", [](Engine& e) { e.training_batches(-1, 0); }},
      {"steps_per_epoch with task 1", [](Engine& e) { (void)e.steps_per_epoch(1); }},
      {"evaluate_dev with task 1", [](Engine& e) { e.evaluate_dev(1); }},
      {"scorer with task 1", [](Engine& e) { e.scorer(1); }},
      {"loss with task 1", [](Engine& e) { e.loss(1, e.training_batches(0, 0).at(0), {}, {}); }},
      {"input_features with task 1", [](Engine& e) { e.input_features(1, e.training_batches(0, 0).at(0)); }},
      {"loss with a batch without tokens; expected one that Engine::training_batches returned for the task",
       [](Engine& e) { e.loss(0, Batch(), {}, {}); }},
      {"input_features with a batch without tokens", [](Engine& e) { e.input_features(0, Batch()); }},
      {"checkpoint without a function", [](Engine& e) { e.checkpoint(1, nullptr); }},
      {"checkpoint with step -1", [](Engine& e) { e.checkpoint(-1, [] { return TensorMap(); }); }},
      {"progress with step -1", [](Engine& e) { e.progress(-1, 6, 0, NAN); }}};
  for (const auto& [expected, call] : cases) {
    CAPTURE(expected);
    Scripted scripted;
    scripted.tuner->fitted = [&](Engine& engine) {
      call(engine);
      return FitReport();
    };
    const std::string text = blamed([&] { scripted.fit(); });
    CHECK_MESSAGE(holds(text, "fit: it called Engine::" + expected), text);
  }
}

TEST_CASE("impossible arguments of a token search are refused") {
  Scripted scripted;
  scripted.tuner->fitted = [&](Engine& engine) {
    const Batch batch = engine.training_batches(0, 0).at(0);
    find_extension<TokenSearch>(engine)->scores(0, batch, 0, at::zeros({1}, at::kLong), {});
    return FitReport();
  };
  CHECK(holds(blamed([&] { scripted.fit(); }),
              "fit: it called TokenSearch::scores with trigger slot 0; expected none, "
              "because the template has no trigger slot"));
  scripted.tuner->fitted = [&](Engine& engine) {
    find_extension<TokenSearch>(engine)->gradient(3, engine.training_batches(0, 0).at(0), {});
    return FitReport();
  };
  CHECK(holds(blamed([&] { scripted.fit(); }), "fit: it called TokenSearch::gradient with task 3; expected 0"));
}
