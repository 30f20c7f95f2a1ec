// What templates return is checked at the call, and the error names the plugin and the function.
#include <limits>

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "scripted_task.hpp"

using namespace cuecard;
using namespace cuecard::test;

TEST_CASE("what a template says of itself is checked") {
  Scripted scripted;
  const auto own = scripted.change_template();
  const int64_t tokens = scripted.model.vocabulary().size();
  own->own_slots = {{}, {tokens - 1}};
  CHECK(scripted.pipeline.prompt_template->soft_slots().size() == 2);
  for (const int64_t outside : {int64_t{-1}, tokens}) {
    own->own_slots = {{}, {outside}};
    check_blamed([&] { scripted.pipeline.prompt_template->soft_slots(); },
                 "soft_slots: it returned the initial token " + std::to_string(outside) +
                     " of soft slot 1; expected 0 to " + std::to_string(tokens - 1));
  }
  own->own_slots.clear();
  own->own_triggers = {-1, 0, tokens - 1};
  CHECK(scripted.pipeline.prompt_template->triggers() == own->own_triggers);
  for (const int64_t outside : {int64_t{-2}, tokens}) {
    own->own_triggers = {0, outside};
    check_blamed([&] { scripted.pipeline.prompt_template->triggers(); },
                 "triggers: it returned the token " + std::to_string(outside) +
                     " of trigger slot 1; expected 0 to " + std::to_string(tokens - 1));
  }
  own->own_triggers.clear();
  for (const auto& [expected, fields] : {std::pair<std::string, std::vector<std::string>>{
                                             "the field \"text\" twice; expected each name once", {"text"}},
                                         {"a field without a name", {""}}}) {
    own->more_fields = fields;
    check_blamed([&] { scripted.pipeline.prompt_template->fields(); }, "fields: it returned " + expected);
  }
  own->more_fields.clear();
  own->more_answers = -5;
  check_blamed([&] { scripted.pipeline.prompt_template->answer_slots(); },
               "answer_slots: it returned -4; expected a number of answer slots");
}

TEST_CASE("a source that no card can hold is found before training") {
  Scripted scripted;
  const auto own = scripted.change_template();
  own->changed_source = [](std::string& source) { source += "\xff"; };
  int steps = 0;
  const auto count = [&](int64_t, int64_t, double, double) { return ++steps > 0; };
  check_blamed(
      [&] {
        train(scripted.model, {{scripted.pipeline, word_examples(8, 3), {}}}, steps_of(1, 4, 1e-3), 1, count);
      },
      "source: it returned a source that is not valid UTF-8; expected UTF-8");
  CHECK(steps == 0);
}

TEST_CASE("what a template says of an example names it") {
  Scripted scripted;
  const auto own = scripted.change_template();
  own->change = [](Prompt&) { throw DataError("the row has no text"); };
  const std::vector<Example> examples = word_examples(1, 3);
  CHECK(Predictor(scripted.model, {&scripted.pipeline}).predict(pointers(examples)).at(0).problem ==
        "template \"scripted\" of the plugin \"shop\": the row has no text");
}

TEST_CASE("wrong prompts name the template") {
  const auto placing = [](Piece piece) {
    return [piece](Prompt& prompt) { prompt.input.insert(prompt.input.begin(), piece); };
  };
  Piece unknown = Piece::text_of("x");
  unknown.kind = static_cast<Piece::Kind>(77);
  const std::vector<std::pair<std::string, std::function<void(Prompt&)>>> cases{
      {"placed the soft slot 0 in the prompt; expected none, because the template has no soft slot",
       placing(Piece::soft_slot(0))},
      {"placed the trigger slot 0 in the prompt", placing(Piece::trigger_slot(0))},
      {"placed the field \"txet\" in the prompt; expected one of those that `fields` returns. Did you mean \"text\"?",
       placing(Piece::field_of("txet", "words"))},
      {"placed a piece of the unknown kind 77", placing(unknown)},
      {"returned a prompt with the variant -1; expected a number from 0",
       [](Prompt& prompt) { prompt.variant = -1; }},
      {"returned a prompt with the variant 2147483648; expected a number from 0 to 2147483647",
       [](Prompt& prompt) { prompt.variant = int64_t{1} << 31; }},
      {"returned a prompt with the choice -1; expected a number from 0",
       [](Prompt& prompt) { prompt.choice = -1; }},
      {"returned a prompt with the choice 1; expected a number from 0 that is below the number of prompts, 1",
       [](Prompt& prompt) { prompt.choice = 1; }},
      {"returned a prompt with the choice 9223372036854775807",
       [](Prompt& prompt) { prompt.choice = std::numeric_limits<int64_t>::max(); }},
      {"placed a piece of the segment -3 in the prompt; expected a number from 0",
       [](Prompt& prompt) { prompt.input[0].segment = -3; }},
      {"placed the answer slot 1 in the prompt; expected 0 to 0",
       [](Prompt& prompt) { prompt.input.back().slot = 1; }},
      {"placed the answer slot -1 in the prompt; expected 0 to 0",
       [](Prompt& prompt) { prompt.input.back().slot = -1; }},
      {"returned a prompt with 0 answer slots; expected 1", [](Prompt& prompt) { prompt.input.clear(); }},
      {"returned a prompt with 2 answer slots; expected 1", placing(Piece::answer_slot(1))},
      {"returned a prompt with an output side",
       [](Prompt& prompt) { prompt.output.push_back(Piece::text_of("x")); }}};
  for (const auto& [expected, change] : cases) {
    Scripted scripted;
    const auto own = scripted.change_template();
    own->change = change;
    check_blamed([&] { scripted.predict(); }, "render: it " + expected);
  }
}

TEST_CASE("a piece has a segment of the model, and any where the model ignores them") {
  const std::vector<Example> examples = word_examples(1, 3);
  for (const int64_t segments : {0, 1, 2}) {
    Scripted scripted;
    scripted.pipeline.layout.segments = segments;
    const auto own = scripted.change_template();
    const auto render = [&] { return scripted.pipeline.prompt_template->render({examples[0]}); };
    for (const int64_t segment : {0, 1, 2, 99}) {
      CAPTURE(segments);
      CAPTURE(segment);
      own->change = [&](Prompt& prompt) { prompt.input[0].segment = segment; };
      if (segments == 0 || segment < segments)
        CHECK(render().at(0).input[0].segment == segment);
      else
        check_blamed(render, "render: it placed a piece of the segment " + std::to_string(segment) +
                                 " in the prompt; expected 0 to " + std::to_string(segments - 1) +
                                 ", a segment of the model");
    }
  }
}

TEST_CASE("prompts of an example differ in choice or variant") {
  const auto twice = [](int64_t choice, int64_t variant) {
    return [=](std::vector<Prompt>& prompts) {
      prompts.push_back(prompts[0]);
      prompts[1].choice = choice;
      prompts[1].variant = variant;
    };
  };
  const std::vector<Example> examples = word_examples(1, 3);
  Scripted scripted;
  const auto own = scripted.change_template();
  own->change_all = twice(0, 0);
  const std::string blame = "render: it returned two prompts with the variant 0 and the choice 0";
  check_blamed([&] { scripted.predict(); }, blame);
  check_blamed([&] { scripted.fit(); }, blame);
  for (const auto& [choice, variant] : {std::pair<int64_t, int64_t>{1, 0}, {0, 1}, {1, 1}, {0, 7}}) {
    own->change_all = twice(choice, variant);
    CHECK(scripted.pipeline.prompt_template->render({examples[0]}).size() == 2);
  }
  own->change_all = [&](std::vector<Prompt>& prompts) {
    twice(1, 0)(prompts);
    prompts.push_back(prompts[0]); // not beside the first of its kind
  };
  check_blamed([&] { scripted.pipeline.prompt_template->render({examples[0]}); }, blame);
}

TEST_CASE("an example's prompts have the trigger slots of the template, its variants together") {
  const std::vector<Example> examples = word_examples(1, 3);
  Scripted scripted;
  const auto own = scripted.change_template();
  own->own_triggers = {-1, -1};
  const auto render = [&] { return scripted.pipeline.prompt_template->render({examples[0]}); };
  const std::string lacks = "render: it returned no prompt with the trigger slot ";
  check_blamed(render, lacks + "0; expected each of the 2 trigger slots that `triggers` has");
  own->change = [](Prompt& prompt) { prompt.input.insert(prompt.input.begin(), Piece::trigger_slot(0)); };
  check_blamed(render, lacks + "1; expected each of the 2 trigger slots");
  own->change_all = [](std::vector<Prompt>& prompts) {
    prompts.push_back(prompts[0]);
    prompts[1].variant = 1;
    prompts[1].input[0].slot = 1;
  };
  CHECK(render().size() == 2);
}
