// Values returned by verbalizers are checked at the call, and the error names the plugin and the function.
#include <cmath>
#include <limits>

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "scripted_task.hpp"

using namespace cuecard;
using namespace cuecard::test;

namespace {

std::vector<Prompt> one_prompt() {
  std::vector<Prompt> prompts(1);
  prompts[0].input = {Piece::text_of("good"), Piece::answer_slot(0)};
  return prompts;
}

} // namespace

TEST_CASE("a verbalizer that returns what it should is not refused") {
  Scripted scripted;
  scripted.predict();
  scripted.fit();
}

TEST_CASE("wrong decisions name the verbalizer") {
  const auto first = [](const std::function<void(Decision&)>& change) {
    return [change](std::vector<Decision>& decisions) { change(decisions[0]); };
  };
  const std::vector<std::pair<std::string, std::function<void(std::vector<Decision>&)>>> cases{
      {"returned 2 labels for an example of a single-label task; expected 1", first([](Decision& d) {
         d.labels = {0, 1};
       })},
      {"returned 0 labels for an example of a single-label task", first([](Decision& d) { d.labels.clear(); })},
      {"chose label -1 of 2", first([](Decision& d) { d.labels = {-1}; })},
      {"chose label 2 of 2; expected 0 to 1", first([](Decision& d) { d.labels = {2}; })},
      {"returned the probability 5; expected a number from 0 to 1", first([](Decision& d) {
         d.probabilities = {5, -2};
       })},
      {"returned the probability nan", first([](Decision& d) {
         d.probabilities = {NAN, NAN};
       })},
      {"returned probabilities that sum to 0.5 for", first([](Decision& d) {
         d.probabilities = {0.25, 0.25};
       })},
      {"returned 0 probabilities for an example with 2 labels",
       first([](Decision& d) { d.probabilities.clear(); })},
      {"returned 3 decisions for 4 examples", [](std::vector<Decision>& all) { all.pop_back(); }}};
  for (const auto& [expected, change] : cases) {
    Scripted scripted;
    scripted.verbalizer->decisions = change;
    check_blamed([&] { scripted.predict(); }, "decide: it " + expected);
  }
}

TEST_CASE("wrong scores name the verbalizer, in prediction and in training") {
  const std::vector<std::pair<std::string, std::function<void(Scores&)>>> cases{
      {"3 scores for a decision between 2 labels",
       [](Scores& s) {
         const auto decisions = std::ssize(s.offsets) - 1;
         s.values = at::zeros({3 * decisions}).set_requires_grad(true);
         for (int64_t d = 0; d <= decisions; ++d)
           s.offsets[static_cast<std::size_t>(d)] = 3 * d;
       }},
      {"scores that are not finite, although the model's outputs are",
       [](Scores& s) { s.values = s.values * NAN; }},
      {"scores that are not finite", [](Scores& s) { s.values = s.values.abs() / 0; }},
      {"scores that are all minus infinity for decision 1, although the model's outputs are finite; expected a "
       "number for at least one label",
       [](Scores& s) {
         at::Tensor shift = at::zeros_like(s.values);
         shift.slice(0, 2, 4).fill_(-INFINITY);
         s.values = s.values + shift;
       }},
      {"scores of type Double; expected Float", [](Scores& s) { s.values = s.values.to(at::kDouble); }},
      {"scores on meta; expected cpu", [](Scores& s) { s.values = s.values.to(at::kMeta); }}};
  for (const auto& [expected, change] : cases) {
    Scripted scripted;
    scripted.verbalizer->scores = change;
    check_blamed([&] { scripted.predict(); }, "score: it returned " + expected);
    check_blamed([&] { scripted.fit(); }, "score: it returned " + expected);
  }
}

TEST_CASE("a wrong loss or weight names the verbalizer, and neither model nor learning rate") {
  const std::vector<std::pair<std::string, std::function<at::Tensor(const at::Tensor&)>>> losses{
      {"a loss that is NaN or infinite, although all scores are finite",
       [](const at::Tensor& loss) { return loss * NAN; }},
      {"a loss that is undefined", [](const at::Tensor&) { return at::Tensor(); }},
      {"a loss of shape [2]",
       [](const at::Tensor& loss) {
         return at::stack({loss, loss});
       }},
      {"a loss of type Long", [](const at::Tensor&) { return at::ones({}, at::kLong); }},
      {"a loss that requires no gradient, although the scores do",
       [](const at::Tensor& loss) { return loss.detach(); }}};
  for (const auto& [expected, change] : losses) {
    Scripted scripted;
    scripted.verbalizer->changed_loss = change;
    check_blamed([&] { scripted.fit(); }, "loss: it returned " + expected);
  }
  for (const auto& [expected, value] :
       {std::pair<std::string, double>{"nan", NAN}, {"-1; expected", -1}, {"0 for a batch", 0}}) {
    Scripted scripted;
    scripted.verbalizer->changed_weight = [&](double) { return value; };
    check_blamed([&] { scripted.fit(); }, "weight: it returned the weight " + expected);
  }
  Scripted detached;
  detached.verbalizer->scores = [](Scores& s) { s.values = s.values.detach(); };
  check_blamed([&] { detached.fit(); },
               "score: it returned scores that require no gradient, although the model's outputs do");
}

TEST_CASE("a wrong output request names the verbalizer, not the model") {
  const std::vector<std::pair<std::string, std::function<void(OutputRequest&)>>> cases{
      {"returned the token id 1000000; expected 0 to ",
       [](OutputRequest& r) {
         r.token_ids = at::tensor(std::vector<int64_t>{5, 1000000});
       }},
      {"returned token ids of type Float; expected int64",
       [](OutputRequest& r) { r.token_ids = at::ones({2}); }},
      {"returned token ids of shape [1, 2]",
       [](OutputRequest& r) {
         r.token_ids = r.token_ids.view({1, 2});
       }},
      {"requests outputs of the unknown kind 77",
       [](OutputRequest& r) { r.kind = static_cast<OutputRequest::Kind>(77); }}};
  for (const auto& [expected, change] : cases) {
    Scripted scripted;
    scripted.verbalizer->request = change;
    check_blamed([&] { scripted.predict(); }, "output_request: it " + expected);
  }
}

TEST_CASE("wrong arguments of Scorer::score name the verbalizer that calls it") {
  const std::vector<Prompt> prompts = one_prompt();
  const std::vector<std::pair<std::string, std::function<void(ScoreRequest&)>>> cases{
      {"the token id 1000000; expected 0 to ",
       [](ScoreRequest& r) { r.output.token_ids = at::tensor(std::vector<int64_t>{1000000}); }},
      {"token ids of type Int; expected int64",
       [](ScoreRequest& r) { r.output.token_ids = at::zeros({1}, at::kInt); }},
      {"token ids of shape [1, 1]; expected one dimension",
       [](ScoreRequest& r) {
         r.output.token_ids = at::zeros({1, 1}, at::kLong);
       }},
      {"outputs of the unknown kind 77; expected one of OutputRequest::Kind",
       [](ScoreRequest& r) { r.output.kind = static_cast<OutputRequest::Kind>(77); }},
      {"positions of the unknown kind 77; expected one of OutputPositions::Kind",
       [](ScoreRequest& r) { r.positions.kind = static_cast<OutputPositions::Kind>(77); }},
      {"a null pointer as example 0; expected examples", [](ScoreRequest& r) {
         r.prompts = nullptr;
         r.examples = {nullptr};
       }}};
  for (const auto& [expected, change] : cases) {
    Scripted scripted;
    scripted.verbalizer->fitted = [&](Scorer& scorer) {
      ScoreRequest request;
      request.prompts = &prompts;
      change(request);
      scorer.score_all(request);
    };
    check_blamed([&] { scripted.fit(); }, "fit: it called Scorer::score with " + expected);
  }
}

TEST_CASE(
    "settings of generation that can't be used name the verbalizer, when it is prepared and when it generates") {
  const std::vector<std::pair<std::string, std::function<void(GenerateSettings&)>>> cases{
      {"the maximum of new tokens is 0; it must be 1 or more.", [](GenerateSettings& s) { s.max_length = 0; }},
      {"the number of beams is -2; it must be 1 or more.", [](GenerateSettings& s) { s.beams = -2; }},
      {"the temperature is nan; it must be a number of 0 or more.",
       [](GenerateSettings& s) { s.temperature = NAN; }},
      {"the top-p is 5; it must be above 0 and at most 1.", [](GenerateSettings& s) { s.top_p = 5; }},
      {"one of the texts that end the generation is empty", [](GenerateSettings& s) { s.stop = {""}; }}};
  for (const auto& [expected, change] : cases) {
    CAPTURE(expected);
    const std::string names = "verbalizer \"scripted\" of the plugin \"shop\": ";
    Scripted scripted;
    GenerateSettings settings;
    change(settings);
    scripted.verbalizer->fitted = [&](Scorer& scorer) { scorer.generate(one_prompt(), settings); };
    CHECK_THROWS_WITH_AS(scripted.fit(), doctest::Contains((names + "Scorer::generate: " + expected).c_str()),
                         UsageError);
    scripted.verbalizer->settings = settings;
    CHECK_THROWS_WITH_AS(
        scripted.pipeline.verbalizer->prepare(
            {scripted.model.vocabulary(), scripted.model.backbone(), {"a", "b"}, {}}),
        doctest::Contains(
            (names + "it returned settings from `generation` that can't be used: " + expected).c_str()),
        UsageError);
  }
}

TEST_CASE("representatives are as many as the labels, exist, and represent themselves") {
  const std::vector<std::pair<std::string, std::vector<int64_t>>> cases{
      {"representatives of 3 labels; expected 2", {5, 7, 9}},
      {"representatives of 1 label; expected 2", {0}},
      {"the representative 2 of label 1; expected 0 to 1", {0, 2}},
      {"the representative -1 of label 0; expected 0 to 1", {-1, 1}},
      {"the representative 1 of label 0, although label 1 is represented by 0; expected a label that represents itself",
       {1, 0}}};
  for (const auto& [expected, representatives] : cases) {
    Scripted scripted;
    scripted.verbalizer->representatives = representatives;
    check_blamed([&] { scripted.pipeline.verbalizer->label_representatives(); },
                 "label_representatives: it returned " + expected);
  }
  Scripted scripted;
  for (const std::vector<int64_t>& right : {std::vector<int64_t>{}, {0, 1}, {0, 0}, {1, 1}}) {
    scripted.verbalizer->representatives = right;
    CHECK(scripted.pipeline.verbalizer->label_representatives() == right);
  }
}

TEST_CASE("unknown positions name the verbalizer") {
  Scripted scripted;
  scripted.verbalizer->positions.kind = static_cast<OutputPositions::Kind>(77);
  check_blamed(
      [&] { scripted.pipeline.verbalizer->output_positions(); },
      "output_positions: it returned positions of the unknown kind 77; expected one of OutputPositions::Kind");
}

TEST_CASE("given answers and label texts are one per answer slot, and not empty") {
  using Texts = std::vector<std::string>;
  struct Wrong {
    std::string expected;
    int64_t slots;
    Texts texts;
  };
  const std::vector<Wrong> cases{
      {"2 texts for the answer slots; expected 1, one for each", 1, {"a", "b"}},
      {"0 texts for the answer slots; expected 1, one for each", 1, {}},
      {"1 text for the answer slots; expected 2, one for each", 2, {"a"}},
      {"0 texts for the answer slots; expected one for each", 0, {}},
      {"an empty text for answer slot 0; expected at least one character", 1, {""}},
      {"an empty text for answer slot 1; expected at least one character", 2, {"a", ""}},
      {"an empty text for answer slot 1; expected at least one character", 0, {"a", "", "c"}}};
  const std::vector<Example> examples = word_examples(1, 3);
  for (const auto& [expected, slots, texts] : cases) {
    Scripted scripted;
    scripted.verbalizer->answer_slots = slots;
    scripted.prepare_verbalizer();
    const Verbalizer& verbalizer = *scripted.pipeline.verbalizer;
    scripted.verbalizer->text = texts;
    check_blamed([&] { verbalizer.answer_text(0); }, "answer_text: it returned " + expected);
    scripted.verbalizer->given = {Texts(static_cast<std::size_t>(std::max<int64_t>(1, slots)), "a"), texts};
    check_blamed(
        [&] {
          verbalizer.given_answers({examples[0], false});
        },
        "given_answers: it returned " + expected);
  }
  Scripted scripted;
  scripted.verbalizer->given = {{"a", "b"}};
  check_blamed([&] { scripted.predict(); }, "given_answers: it returned 2 texts for the answer slots");
  check_blamed([&] { scripted.fit(); }, "given_answers: it returned 2 texts for the answer slots");
  scripted.verbalizer->answer_slots = 0; // any number
  scripted.prepare_verbalizer();
  CHECK(scripted.pipeline.verbalizer->given_answers({examples[0], false}) == scripted.verbalizer->given);
}
