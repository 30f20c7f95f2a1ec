// States returned by a plugin: what no card can hold is found before training, and a failure loses no run.
#include <cmath>
#include <filesystem>
#include <limits>
#include <utility>

#include <unistd.h>

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine/train/checkpoint.hpp"
#include "scripted_tuner.hpp"

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// Evaluations after steps 2, 4 and 6.
FitRequest six_steps() {
  FitRequest request = steps_of(6, 4, 1e-2);
  request.optimizer = "adamw";
  request.schedule = "constant";
  request.evaluate_every = 2;
  return request;
}

TrainResult trained(Scripted& scripted, const Progress& progress = {},
                    const Checkpointing& checkpointing = {}) {
  const std::vector<Example> examples = word_examples(8, 3);
  return train(scripted.model, {{scripted.pipeline, examples, {}}}, six_steps(), 1, progress, {},
               checkpointing);
}

void save_prompt(Scripted& scripted) {
  scripted.tuner->stated = [&scripted]() -> ComponentState {
    return {{{"prompt", scripted.tuner->prompt.detach()}}, {}};
  };
}

/// `failing`: from when on `state` throws.
void save_prompt_unless(const bool& failing, Scripted& scripted) {
  scripted.tuner->stated = [&]() -> ComponentState {
    if (failing)
      throw std::runtime_error("the shop is closed");
    return {{{"prompt", scripted.tuner->prompt.detach()}}, {}};
  };
}

} // namespace

TEST_CASE("a state that no card can hold is found without writing one, and before training") {
  Scripted scripted;
  scripted.tuner->saved = {{"prompt", at::zeros({2, 2})}};
  const int64_t small = card_size(scripted.pipeline);
  scripted.tuner->saved["prompt"] = at::zeros({1000, 2});
  CHECK(card_size(scripted.pipeline) - small >= 998 * 2 * 4);
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
    scripted.tuner->saved = state.tensors;
    scripted.tuner->texts = state.texts;
    CHECK(holds(blamed([&] { card_size(scripted.pipeline); }), "state: it returned " + expected));
    const int64_t before = scripted.tuner->trained;
    CHECK(holds(blamed([&] { scripted.fit(); }), "state: it returned " + expected));
    CHECK(scripted.tuner->trained == before);
  }
}

TEST_CASE("an empty state of what is trained is found before training") {
  Scripted scripted;
  scripted.tuner->stated = [] { return ComponentState(); };
  CHECK(holds(blamed([&] { scripted.fit(); }),
              "state: it returned an empty state, although `parameters` has tensors; "
              "expected what is trained"));
  CHECK(scripted.tuner->trained == 0);
}

TEST_CASE("a state that can't be loaded again is found before training") {
  Scripted scripted;
  // A card would be loaded by the tuner of this pipeline.
  const TaskPipeline installed =
      two_label_pipeline(scripted.model, "scripted", "{text} so{\"mask\"}", "prompt-tuning");
  scripted.pipeline.record.tuner = installed.record.tuner;
  const std::vector<Example> examples = word_examples(8, 3);
  const auto fit = [&] {
    return train(scripted.model, {{scripted.pipeline, examples, {}, &plugins()}}, steps_of(1, 4, 1e-3), 1);
  };
  scripted.tuner->stated = [&]() -> ComponentState {
    return {{{"prompt", scripted.tuner->prompt.detach().narrow(0, 0, 1)}}, {}};
  };
  CHECK_THROWS_WITH_AS(fit(),
                       doctest::Contains("component \"prompt-tuning\", load_state: it refused the state that "
                                         "`state` returned: "),
                       PluginError);
  CHECK(scripted.tuner->trained == 0);
  const at::Tensor fitting = installed.tuner->state(0).tensors.at("prompt");
  scripted.tuner->stated = [&]() -> ComponentState { return {{{"prompt", fitting}}, {}}; };
  fit();
  CHECK(scripted.tuner->trained == 1);
}

TEST_CASE("the trial of a card leaves the pipeline as it is") {
  const Model model = tiny_model("llama-tied");
  for (const std::string tuner : {"prompt-tuning", "manual"}) {
    CAPTURE(tuner);
    const TaskPipeline pipeline = two_label_pipeline(model, "scripted", "{text} so{\"mask\"}", tuner);
    TensorMap before;
    for (const auto& [name, tensor] : pipeline.tuner->state(0).tensors)
      before[name] = tensor.clone();
    try_card(pipeline, model, plugins());
    for (const auto& [name, tensor] : pipeline.tuner->state(0).tensors)
      CHECK(at::equal(tensor, before.at(name)));
  }
}

TEST_CASE("a plugin that throws Cancelled, though no one asked to stop, loses nothing") {
  Scripted scripted;
  save_prompt(scripted);
  scripted.tuner->conditioning = [&]() -> Conditioning {
    if (scripted.tuner->calls++ > 4)
      throw Cancelled();
    return {scripted.tuner->prompt};
  };
  TrainResult result = trained(scripted);
  CHECK(!result.report.cancelled);
  CHECK(holds(
      result.report.failure,
      "plugin \"shop\", component \"scripted\", condition: it threw Cancelled, and no one asked to stop"));
  CHECK(!trained_card(scripted.pipeline, scripted.model, 0, result).tuner_state.empty());
}

TEST_CASE("a card holds the state of the best evaluation at which it could be read") {
  Scripted scripted;
  bool closed = false;
  save_prompt_unless(closed, scripted);
  FitRequest request = steps_of(6, 4, 1e-2);
  request.optimizer = "adamw";
  request.schedule = "constant";
  request.evaluate_every = 2;
  const std::vector<Example> examples = word_examples(8, 3);
  at::Tensor at_evaluation;
  const auto close = [&](int64_t step, int64_t, double, double) {
    if (step == 4) {
      at_evaluation = scripted.tuner->prompt.detach().clone();
      closed = true;
    }
    return true;
  };
  TrainResult result = train(scripted.model, {{scripted.pipeline, examples, {}}}, request, 1, close);
  CHECK(result.report.best_step == 6);
  CHECK(result.report.failure.empty());
  const Card card = trained_card(scripted.pipeline, scripted.model, 0, result);
  CHECK(at::equal(card.tuner_state.tensors.at("prompt"), at_evaluation));
  CHECK(!at::equal(scripted.tuner->prompt, at_evaluation));
  CHECK(result.report.best_step == 4);
  CHECK(holds(result.report.failure,
              "the trained state could not be saved: plugin \"shop\", component \"scripted\", state: "
              "the shop is closed"));
  TrainResult nothing_kept;
  CHECK(holds(blamed([&] { trained_card(scripted.pipeline, scripted.model, 0, nothing_kept); }),
              "state: the shop is closed"));
}

TEST_CASE("a fit that fails after an evaluation leaves the card of that evaluation") {
  Scripted scripted;
  save_prompt(scripted);
  scripted.tuner->fitted = [&](Engine& engine) -> FitReport {
    scripted.tuner->usual_fit(engine);
    scripted.tuner->prompt.detach().zero_(); // not what was evaluated
    throw std::runtime_error("late");
  };
  at::Tensor evaluated;
  TrainResult result = trained(scripted, [&](int64_t, int64_t, double, double) {
    evaluated = scripted.tuner->prompt.detach().clone();
    return true;
  });
  CHECK(holds(result.report.failure, "plugin \"shop\", component \"scripted\", fit: late"));
  CHECK(result.report.steps == 6);
  CHECK(result.report.best_step == 6);
  CHECK(result.report.settings.integer("steps") == 6);
  const Card card = trained_card(scripted.pipeline, scripted.model, 0, result);
  CHECK(at::equal(card.tuner_state.tensors.at("prompt"), evaluated));
  CHECK(card.template_source == scripted.pipeline.prompt_template->source());
}

TEST_CASE("a fit that fails without a state to keep says that nothing is kept") {
  Scripted scripted;
  bool fits = false;
  save_prompt_unless(fits, scripted);
  scripted.tuner->fitted = [&](Engine& engine) -> FitReport {
    fits = true;
    scripted.tuner->usual_fit(engine);
    throw std::runtime_error("late");
  };
  CHECK(holds(blamed([&] { trained(scripted); }),
              "fit: late; update or remove this plugin, and report this to its author. "
              "Nothing is kept, because no evaluation that the tuner reported left a state"));
  fits = false;
  scripted.tuner->fitted = [&](Engine&) -> FitReport { throw std::runtime_error("early"); };
  CHECK(holds(blamed([&] { trained(scripted); }), "Nothing is kept, because no step was finished."));
}

TEST_CASE("a failure after training with a checkpoint says that the run can be resumed") {
  Scripted scripted;
  save_prompt(scripted);
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("cuecard-scripted-" + std::to_string(::getpid()));
  bool open = true;
  const auto state = std::exchange(scripted.tuner->stated, {});
  scripted.tuner->stated = [&] {
    if (!open)
      throw std::runtime_error("the shop is closed");
    return state();
  };
  scripted.tuner->fitted = [&](Engine& engine) {
    const FitReport report = scripted.tuner->usual_fit(engine);
    open = false;
    return report;
  };
  TrainResult result = trained(scripted, {}, {folder, 1});
  CHECK(holds(
      blamed([&] { trained_card(scripted.pipeline, scripted.model, 0, result); }),
      "state: the shop is closed; update or remove this plugin, and report this to its author. The run can be "
      "resumed from its checkpoint with the same command."));
  remove_checkpoint(folder);
}

TEST_CASE("a report is checked when fit returns it, and what was evaluated is kept") {
  using Change = std::function<void(FitReport&)>;
  const std::vector<std::pair<std::string, Change>> cases{
      {"a report of -7 steps; expected 0 or more", [](FitReport& r) { r.steps = -7; }},
      {"a report whose best step is 7; expected 0 to 6", [](FitReport& r) { r.best_step = 7; }},
      {"a report whose best step is -1; expected 0 to 6", [](FitReport& r) { r.best_step = -1; }},
      {"a report whose best metric (best_dev) is inf; expected a finite number, or NaN",
       [](FitReport& r) { r.best_dev = INFINITY; }},
      {"a report with 5 losses; expected 6, one for each step, or none",
       [](FitReport& r) { r.losses.pop_back(); }},
      {"a report with 9 losses; expected 6",
       [](FitReport& r) {
         r.losses.resize(9);
         r.failure = "stopped";
       }},
      {"the setting \"rate\" as nan; expected a finite number",
       [](FitReport& r) { r.settings.set("rate", double{NAN}); }},
      {"the setting \"note\" that is not valid UTF-8",
       [](FitReport& r) { r.settings.set("note", std::string("\xff")); }},
      {"a report with label words of 3 labels; expected 2, the number of the task's labels",
       [](FitReport& r) {
         r.label_words = {{"a"}, {"b"}, {"c"}};
       }},
      {"a label word that is not valid UTF-8", [](FitReport& r) {
         r.label_words = {{"a"}, {"\xff"}};
       }}};
  for (const auto& [expected, change] : cases) {
    CAPTURE(expected);
    Scripted scripted;
    save_prompt(scripted);
    scripted.tuner->fitted = [&](Engine& engine) {
      FitReport report = scripted.tuner->usual_fit(engine);
      change(report);
      return report;
    };
    TrainResult result = trained(scripted);
    CHECK_MESSAGE(
        holds(result.report.failure, "plugin \"shop\", component \"scripted\", fit: it returned " + expected),
        result.report.failure);
    CHECK(result.report.steps == 6);
    CHECK(result.report.best_step == 6);
    CHECK(std::isnan(result.report.best_dev));
    CHECK(at::equal(trained_card(scripted.pipeline, scripted.model, 0, result).tuner_state.tensors.at("prompt"),
                    scripted.tuner->prompt));
  }
}
