/// A template and a verbalizer that return what a test asks for, as the component "scripted" of the plugin "shop".
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <cuecard/error.hpp>
#include <cuecard/parts/training/label_loss.hpp>

#include "engine/guarded.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

namespace cuecard::test {

/// Scores two labels by the logits of tokens 5 and 6, and changes its return values as the test requests.
class ScriptedVerbalizer final : public Verbalizer {
public:
  std::function<void(OutputRequest&)> request;
  std::function<void(Scores&)> scores;
  std::function<at::Tensor(const at::Tensor&)> changed_loss;
  std::function<void(std::vector<Decision>&)> decisions;
  std::function<double(double)> changed_weight;
  std::function<void(Scorer&)> fitted;
  std::optional<GenerateSettings> settings;
  std::vector<int64_t> representatives;
  std::vector<std::vector<std::string>> given;
  std::vector<std::string> text{"bad"};
  int64_t answer_slots = 1;
  OutputPositions positions;

  void prepare(const VerbalizerTarget&) override {}
  OutputPositions output_positions() const override { return positions; }
  int64_t num_answer_slots() const override { return answer_slots; }
  std::vector<int64_t> label_representatives() const override { return representatives; }
  std::vector<std::vector<std::string>> given_answers(const GivenAnswersArgs&) const override { return given; }
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
  std::vector<std::string> answer_text(int64_t) const override { return text; }
  std::optional<GenerateSettings> generation() const override { return settings; }
  void fit(const VerbalizerFitArgs& args) override {
    if (fitted)
      fitted(args.scorer);
  }
};

/// The prompts of another template, changed.
class ScriptedTemplate final : public Template {
public:
  explicit ScriptedTemplate(std::shared_ptr<Template> other) : other_(std::move(other)) {}
  std::function<void(Prompt&)> change;
  std::function<void(std::vector<Prompt>&)> change_all;
  std::function<void(std::string&)> changed_source;
  std::vector<std::string> more_fields;
  std::vector<int64_t> own_triggers;
  std::vector<SoftSlot> own_slots;
  int64_t more_answers = 0;

  void prepare(const TemplateTarget&) override {}
  std::vector<std::string> fields() const override {
    std::vector<std::string> fields = other_->fields();
    fields.insert(fields.end(), more_fields.begin(), more_fields.end());
    return fields;
  }
  std::vector<Prompt> render(const RenderArgs& args) const override {
    std::vector<Prompt> prompts = other_->render(args);
    if (change)
      change(prompts.at(0));
    if (change_all)
      change_all(prompts);
    return prompts;
  }
  Prompt blank() const override { return other_->blank(); }
  const std::vector<SoftSlot>& soft_slots() const override {
    return own_slots.empty() ? other_->soft_slots() : own_slots;
  }
  int64_t answer_slots() const override { return other_->answer_slots() + more_answers; }
  const std::vector<int64_t>& triggers() const override {
    return own_triggers.empty() ? other_->triggers() : own_triggers;
  }
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

struct Scripted {
  Model model = tiny_model("llama-tied");
  TaskPipeline pipeline = two_label_pipeline(model, "scripted", "{text} so{\"mask\"}", "prompt-tuning");
  std::shared_ptr<ScriptedVerbalizer> verbalizer = std::make_shared<ScriptedVerbalizer>();

  Scripted() {
    pipeline.verbalizer = guarded(Component<Verbalizer>{verbalizer, "shop", "scripted"});
    prepare_verbalizer();
    pipeline.record.verbalizer.plugin = "shop";
    pipeline.record.verbalizer.component = "scripted";
  }
  void prepare_verbalizer() const {
    pipeline.verbalizer->prepare({model.vocabulary(), model.backbone(), pipeline.labels, {}});
  }
  /// Replaces the template by one that changes its prompts.
  std::shared_ptr<ScriptedTemplate> change_template() {
    const auto own = std::make_shared<ScriptedTemplate>(pipeline.prompt_template);
    pipeline.prompt_template = guarded(Component<Template>{own, "shop", "scripted"});
    pipeline.prompt_template->prepare({model.vocabulary(), pipeline.layout});
    return own;
  }
  void predict() const {
    const std::vector<Example> examples = word_examples(4, 3);
    Predictor(model, {&pipeline}).predict(pointers(examples));
  }
  void fit() { train(model, {{pipeline, word_examples(8, 3), {}}}, steps_of(1, 4, 1e-3), 1); }
};

/// Checks that `call` fails with a PluginError of the plugin "shop" that begins with `expected`.
inline void check_blamed(const std::function<void()>& call, const std::string& expected) {
  CAPTURE(expected);
  try {
    call();
  } catch (const PluginError& error) {
    const std::string text = error.what(), names = "plugin \"shop\", component \"scripted\", ";
    CHECK_MESSAGE(text.starts_with(names + expected), text);
    return;
  } catch (const std::exception& error) {
    FAIL_CHECK("another error: " << error.what());
    return;
  }
  FAIL_CHECK("no error");
}

} // namespace cuecard::test
