// Values returned by verbalizers and templates are checked at the call, and the error names the plugin and the function.
#include <ATen/ATen.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include <cuecard/error.hpp>
#include <cuecard/parts/training/label_loss.hpp>

#include "engine/guarded.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// Scores two labels by the logits of tokens 5 and 6, and changes its return values as the test requests.
class ToldVerbalizer final : public Verbalizer {
public:
  std::function<void(OutputRequest&)> request;
  std::function<void(Scores&)> scores;
  std::function<at::Tensor(const at::Tensor&)> changed_loss;
  std::function<void(std::vector<Decision>&)> decisions;
  std::function<double(double)> changed_weight;
  std::vector<int64_t> representatives;
  OutputPositions positions;

  void prepare(const VerbalizerTarget&) override {}
  OutputPositions output_positions() const override { return positions; }
  std::vector<int64_t> label_representatives() const override { return representatives; }
  OutputRequest output_request() const override {
    OutputRequest asked{OutputRequest::Kind::logits, at::tensor(std::vector<int64_t>{5, 6})};
    if (request)
      request(asked);
    return asked;
  }
  Scores score(const ScoreArgs& args) const override {
    Scores result{args.outputs.to(at::kFloat).reshape({-1}), {0}, {}};
    for (int64_t e = 1; e <= args.outputs.size(0); ++e)
      result.offsets.push_back(2 * e);
    if (scores)
      scores(result);
    return result;
  }
  at::Tensor loss(const LossArgs& args) const override {
    const at::Tensor loss = label_loss(args.scores, args.batch);
    return changed_loss ? changed_loss(loss) : loss;
  }
  double weight(const Batch& batch) const override {
    const double weight = Verbalizer::weight(batch);
    return changed_weight ? changed_weight(weight) : weight;
  }
  std::vector<Decision> decide(const DecideArgs& args) const override {
    std::vector<Decision> decided = Verbalizer::decide(args);
    if (decisions)
      decisions(decided);
    return decided;
  }
  std::vector<std::string> answer_text(int64_t) const override { return {"bad"}; }
};

/// The prompts of another template, changed.
class ToldTemplate final : public Template {
public:
  explicit ToldTemplate(std::shared_ptr<Template> other) : other_(std::move(other)) {}
  std::function<void(Prompt&)> change;
  std::function<void(std::string&)> changed_source;
  std::vector<SoftSlot> own_slots;
  int64_t more_answers = 0;

  void prepare(const TemplateTarget&) override {}
  std::vector<std::string> fields() const override { return other_->fields(); }
  std::vector<Prompt> render(const RenderArgs& args) const override {
    std::vector<Prompt> prompts = other_->render(args);
    if (change)
      change(prompts.at(0));
    return prompts;
  }
  Prompt blank() const override { return other_->blank(); }
  const std::vector<SoftSlot>& soft_slots() const override {
    return own_slots.empty() ? other_->soft_slots() : own_slots;
  }
  int64_t answer_slots() const override { return other_->answer_slots() + more_answers; }
  const std::vector<int64_t>& triggers() const override { return other_->triggers(); }
  void set_triggers(const std::vector<int64_t>& ids) override { other_->set_triggers(ids); }
  std::string source() const override {
    std::string source = other_->source();
    if (changed_source)
      changed_source(source);
    return source;
  }
  void set_source(const std::string& source) override { other_->set_source(source); }

private:
  std::shared_ptr<Template> other_;
};

struct Told {
  Model model = tiny_model("llama-tied");
  TaskPipeline pipeline = two_label_pipeline(model, "told", "{text} so{\"mask\"}", "prompt-tuning");
  std::shared_ptr<ToldVerbalizer> verbalizer = std::make_shared<ToldVerbalizer>();

  Told() {
    pipeline.verbalizer = guarded(Component<Verbalizer>{verbalizer, "shop", "told"});
    pipeline.verbalizer->prepare({model.vocabulary(), model.backbone(), pipeline.labels, {}});
    pipeline.record.verbalizer.plugin = "shop";
    pipeline.record.verbalizer.component = "told";
  }
  void predict() const {
    const std::vector<Example> examples = word_examples(4, 3);
    Predictor(model, {&pipeline}).predict(pointers(examples));
  }
  void fit() { train(model, {{pipeline, word_examples(8, 3), {}}}, steps_of(1, 4, 1e-3), 1); }
};

/// Checks that `call` fails with a PluginError of the plugin "shop" that begins with `expected`.
void check_blamed(const std::function<void()>& call, const std::string& expected) {
  CAPTURE(expected);
  try {
    call();
  } catch (const PluginError& error) {
    const std::string text = error.what(), names = "plugin \"shop\", component \"told\", ";
    CHECK_MESSAGE(text.starts_with(names + expected), text);
    return;
  } catch (const std::exception& error) {
    FAIL_CHECK("another error: " << error.what());
    return;
  }
  FAIL_CHECK("no error");
}

} // namespace

TEST_CASE("a verbalizer that returns what it should is not refused") {
  Told told;
  told.predict();
  told.fit();
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
    Told told;
    told.verbalizer->decisions = change;
    check_blamed([&] { told.predict(); }, "decide: it " + expected);
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
      {"scores of type Double; expected Float", [](Scores& s) { s.values = s.values.to(at::kDouble); }},
      {"scores on meta; expected cpu", [](Scores& s) { s.values = s.values.to(at::kMeta); }}};
  for (const auto& [expected, change] : cases) {
    Told told;
    told.verbalizer->scores = change;
    check_blamed([&] { told.predict(); }, "score: it returned " + expected);
    check_blamed([&] { told.fit(); }, "score: it returned " + expected);
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
    Told told;
    told.verbalizer->changed_loss = change;
    check_blamed([&] { told.fit(); }, "loss: it returned " + expected);
  }
  for (const auto& [expected, value] :
       {std::pair<std::string, double>{"nan", NAN}, {"-1.0", -1}, {"0 for a batch", 0}}) {
    Told told;
    told.verbalizer->changed_weight = [&](double) { return value; };
    check_blamed([&] { told.fit(); }, "weight: it returned the weight " + expected);
  }
  Told detached;
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
    Told told;
    told.verbalizer->request = change;
    check_blamed([&] { told.predict(); }, "output_request: it " + expected);
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
    Told told;
    told.verbalizer->representatives = representatives;
    check_blamed([&] { told.pipeline.verbalizer->label_representatives(); },
                 "label_representatives: it returned " + expected);
  }
  Told told;
  for (const std::vector<int64_t>& right : {std::vector<int64_t>{}, {0, 1}, {0, 0}, {1, 1}}) {
    told.verbalizer->representatives = right;
    CHECK(told.pipeline.verbalizer->label_representatives() == right);
  }
}

TEST_CASE("unknown positions name the verbalizer") {
  Told told;
  told.verbalizer->positions.kind = static_cast<OutputPositions::Kind>(77);
  check_blamed(
      [&] { told.pipeline.verbalizer->output_positions(); },
      "output_positions: it returned positions of the unknown kind 77; expected one of OutputPositions::Kind");
}

TEST_CASE("what a template says of itself is checked") {
  Told told;
  const auto own = std::make_shared<ToldTemplate>(told.pipeline.prompt_template);
  told.pipeline.prompt_template = guarded(Component<Template>{own, "shop", "told"});
  told.pipeline.prompt_template->prepare({told.model.vocabulary(), told.pipeline.layout});
  const int64_t tokens = told.model.vocabulary().size();
  own->own_slots = {{}, {tokens - 1}};
  CHECK(told.pipeline.prompt_template->soft_slots().size() == 2);
  for (const int64_t outside : {int64_t{-1}, tokens}) {
    own->own_slots = {{}, {outside}};
    check_blamed([&] { told.pipeline.prompt_template->soft_slots(); },
                 "soft_slots: it returned the initial token " + std::to_string(outside) +
                     " of soft slot 1; expected 0 to " + std::to_string(tokens - 1));
  }
  own->own_slots.clear();
  own->more_answers = -5;
  check_blamed([&] { told.pipeline.prompt_template->answer_slots(); },
               "answer_slots: it returned -4; expected a number of answer slots");
}

TEST_CASE("a source that no card can hold is found before training") {
  Told told;
  const auto own = std::make_shared<ToldTemplate>(told.pipeline.prompt_template);
  own->changed_source = [](std::string& source) { source += "\xff"; };
  told.pipeline.prompt_template = guarded(Component<Template>{own, "shop", "told"});
  told.pipeline.prompt_template->prepare({told.model.vocabulary(), told.pipeline.layout});
  int steps = 0;
  const auto count = [&](int64_t, int64_t, double, double) { return ++steps > 0; };
  check_blamed(
      [&] {
        train(told.model, {{told.pipeline, word_examples(8, 3), {}}}, steps_of(1, 4, 1e-3), 1, count);
      },
      "source: it returned a source that is not valid UTF-8; expected UTF-8");
  CHECK(steps == 0);
}

TEST_CASE("what a template says of an example names it") {
  Told told;
  const auto own = std::make_shared<ToldTemplate>(told.pipeline.prompt_template);
  own->change = [](Prompt&) { throw DataError("the row has no text"); };
  told.pipeline.prompt_template = guarded(Component<Template>{own, "shop", "told"});
  told.pipeline.prompt_template->prepare({told.model.vocabulary(), told.pipeline.layout});
  const std::vector<Example> examples = word_examples(1, 3);
  CHECK(Predictor(told.model, {&told.pipeline}).predict(pointers(examples)).at(0).problem ==
        "template \"told\" of the plugin \"shop\": the row has no text");
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
      {"returned a prompt with 0 answer slots; expected 1", [](Prompt& prompt) { prompt.input.clear(); }},
      {"returned a prompt with 2 answer slots; expected 1", placing(Piece::answer_slot(1))},
      {"returned a prompt with an output side",
       [](Prompt& prompt) { prompt.output.push_back(Piece::text_of("x")); }}};
  for (const auto& [expected, change] : cases) {
    Told told;
    const auto own = std::make_shared<ToldTemplate>(told.pipeline.prompt_template);
    own->change = change;
    told.pipeline.prompt_template = guarded(Component<Template>{own, "shop", "told"});
    told.pipeline.prompt_template->prepare({told.model.vocabulary(), told.pipeline.layout});
    check_blamed([&] { told.predict(); }, "render: it " + expected);
  }
}
