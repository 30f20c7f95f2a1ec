// States returned by a plugin: what no card can hold is found before training, and a failure loses no run.
#include <limits>

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "told_tuner.hpp"

using namespace cuecard;
using namespace cuecard::test;

TEST_CASE("a state that no card can hold is found without writing one, and before training") {
  Told told;
  told.tuner->saved = {{"prompt", at::zeros({2, 2})}};
  const int64_t small = card_size(told.pipeline);
  told.tuner->saved["prompt"] = at::zeros({1000, 2});
  CHECK(card_size(told.pipeline) - small >= 998 * 2 * 4);
  const at::Tensor one = at::zeros({1});
  const std::vector<std::pair<ComponentState, std::string>> cases{
      {{{{"more", one.to(at::kComplexFloat)}}, {}}, "the tensor \"more\" of type ComplexFloat"},
      {{{{"more", at::Tensor()}}, {}}, "the tensor \"more\" as undefined"},
      {{{{"more", one.to(at::kMeta)}}, {}}, "the tensor \"more\" without values in memory"},
      {{{{"more", at::full({1}, NAN)}}, {}}, "the tensor \"more\" with NaN or infinite values"},
      {{{{"\xff", one}}, {}}, "a tensor name that is not valid UTF-8"},
      {{{{"", one}}, {}}, "a tensor without a name"},
      {{{}, {{"note", "\xff\xfe"}}}, "the text \"note\" that is not valid UTF-8"}};
  for (const auto& [state, expected] : cases) {
    CAPTURE(expected);
    told.tuner->saved = state.tensors;
    told.tuner->texts = state.texts;
    CHECK(holds(blamed([&] { card_size(told.pipeline); }), "state: it returned " + expected));
    const int64_t before = told.tuner->trained;
    CHECK(holds(blamed([&] { told.fit(); }), "state: it returned " + expected));
    CHECK(told.tuner->trained == before);
  }
}

TEST_CASE("a card holds the state of the best evaluation at which it could be had") {
  Told told;
  bool closed = false;
  told.tuner->stated = [&]() -> ComponentState {
    if (closed)
      throw std::runtime_error("the shop is closed");
    return {{{"prompt", told.tuner->prompt.detach()}}, {}};
  };
  FitRequest request = steps_of(6, 4, 1e-2);
  request.optimizer = "adamw";
  request.schedule = "constant";
  request.evaluate_every = 2;
  const std::vector<Example> examples = word_examples(8, 3);
  at::Tensor at_evaluation;
  const auto close = [&](int64_t step, int64_t, double, double) {
    if (step == 4) {
      at_evaluation = told.tuner->prompt.detach().clone();
      closed = true;
    }
    return true;
  };
  TrainResult result = train(told.model, {{told.pipeline, examples, {}}}, request, 1, close);
  CHECK(result.report.best_step == 6);
  CHECK(result.report.failure.empty());
  const Card card = trained_card(told.pipeline, told.model, 0, result);
  CHECK(at::equal(card.tuner_state.tensors.at("prompt"), at_evaluation));
  CHECK(!at::equal(told.tuner->prompt, at_evaluation));
  CHECK(result.report.best_step == 4);
  CHECK(holds(result.report.failure,
              "could not be saved after training: plugin \"shop\", component \"told\", state: "
              "the shop is closed"));
  TrainResult nothing_kept;
  CHECK(holds(blamed([&] { trained_card(told.pipeline, told.model, 0, nothing_kept); }),
              "state: the shop is closed"));
}
