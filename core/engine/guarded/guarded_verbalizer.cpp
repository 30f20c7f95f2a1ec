#include <algorithm>
#include <atomic>
#include <optional>

#include "engine/checks/returned_prompts.hpp"
#include "engine/checks/returned_scores.hpp"
#include "engine/generate/generator.hpp"
#include "engine/guarded/guard.hpp"

namespace cuecard {

namespace {

class GuardedVerbalizer final : public Verbalizer, Guard<Verbalizer> {
public:
  using Guard::Guard;
  void prepare(const VerbalizerTarget& target) override {
    guard("prepare", [&](Verbalizer& v) { v.prepare(target); });
    backbone_ = &target.backbone;
    labels_ = std::ssize(target.labels);
    const OutputPositions::Kind positions = output_positions().kind;
    answer_slots_ = positions == OutputPositions::Kind::answer_slots ? num_answer_slots() : 0;
    const bool generates = generation().has_value(); // checks its settings, too
    const bool labels = positions != OutputPositions::Kind::tokens && !generates;
    scored_labels_ = labels ? std::ssize(target.labels) : 0;
    weighs_labels_ = labels && positions != OutputPositions::Kind::words;
  }
  OutputPositions output_positions() const override {
    return guard("output_positions", [](const Verbalizer& v) {
      OutputPositions positions = v.output_positions();
      check_output_positions(positions);
      return positions;
    });
  }
  int64_t num_answer_slots() const override {
    return guard("num_answer_slots", [](const Verbalizer& v) {
      const int64_t slots = v.num_answer_slots();
      if (slots < 0)
        throw Error("it returned " + std::to_string(slots) +
                    "; expected a number of answer slots, or 0 for any");
      return slots;
    });
  }
  bool supports_multi_label() const override {
    return guard("supports_multi_label", [](const Verbalizer& v) { return v.supports_multi_label(); });
  }
  OutputRequest output_request() const override {
    return guard("output_request", [&](const Verbalizer& v) {
      OutputRequest request = v.output_request();
      if (backbone_)
        check_output_request(request, *backbone_);
      return request;
    });
  }
  std::vector<std::vector<std::string>> given_answers(const GivenAnswersArgs& args) const override {
    auto answers = guard("given_answers", [&](const Verbalizer& v) {
      std::vector<std::vector<std::string>> answers = v.given_answers(args);
      for (const std::vector<std::string>& texts : answers)
        check_answer(texts, answer_slots_);
      return answers;
    });
    if (!answers.empty())
      gives_answers_ = true;
    return answers;
  }
  std::vector<int64_t> label_representatives() const override {
    return guard("label_representatives", [&](const Verbalizer& v) {
      std::vector<int64_t> representatives = v.label_representatives();
      check_representatives(representatives, labels_);
      return representatives;
    });
  }
  void calibrate(Scorer& scorer) override {
    guard("calibrate", [&](Verbalizer& v) { v.calibrate(scorer); });
  }
  void fit(const VerbalizerFitArgs& args) override {
    guard("fit", [&](Verbalizer& v) { v.fit(args); });
  }
  Scores score(const ScoreArgs& args) const override {
    return guard("score", [&](const Verbalizer& v) {
      Scores scores = v.score(args);
      check_scores(scores, args, {scored_labels_, gives_answers_});
      return scores;
    });
  }
  at::Tensor loss(const LossArgs& args) const override {
    return guard("loss", [&](const Verbalizer& v) {
      const at::Tensor loss = v.loss(args);
      check_loss(loss, args.scores);
      return loss;
    });
  }
  double weight(const Batch& batch) const override {
    return guard("weight", [&](const Verbalizer& v) {
      const double weight = v.weight(batch);
      check_weight(weight, weighs_labels_
                               ? std::ranges::count_if(batch.examples,
                                                       [](const Example* each) { return each->label >= 0; })
                               : 0);
      return weight;
    });
  }
  std::vector<Decision> decide(const DecideArgs& args) const override {
    return guard("decide", [&](const Verbalizer& v) { return v.decide(args); });
  }
  std::vector<std::string> answer_text(int64_t label) const override {
    return guard("answer_text", [&](const Verbalizer& v) {
      std::vector<std::string> texts = v.answer_text(label);
      check_answer(texts, answer_slots_);
      return texts;
    });
  }
  std::optional<GenerateSettings> generation() const override {
    return guard("generation", [&](const Verbalizer& v) {
      std::optional<GenerateSettings> settings = v.generation();
      if (settings && backbone_) {
        try {
          check_settings(*settings, backbone_->shape().vocabulary);
        } catch (const UsageError& error) { // an option may have set them
          throw UsageError(std::string("it returned settings from `generation` that can't be used: ") +
                           error.what());
        }
      }
      return settings;
    });
  }
  std::vector<ParameterGroup> parameters() override {
    return guard("parameters", [&](Verbalizer& v) { return checked_parameters(v, backbone_); });
  }
  ComponentState state() const override {
    return guard("state", [](Verbalizer& v) { return trained_state(v); });
  }
  void load_state(const ComponentState& state) override {
    guard("load_state", [&](Verbalizer& v) { v.load_state(state); });
  }

private:
  const Backbone* backbone_ = nullptr; ///< set by `prepare`, like the rest
  int64_t labels_ = 0;
  int64_t answer_slots_ = 0;                        ///< of each prompt; 0: any number
  int64_t scored_labels_ = 0;                       ///< scores of each decision; 0: any number
  mutable std::atomic<bool> gives_answers_ = false; ///< has given some
  bool weighs_labels_ = false;                      ///< the loss has a term for every example with a label
};

} // namespace

std::shared_ptr<Verbalizer> guarded(Component<Verbalizer> component) {
  return std::make_shared<GuardedVerbalizer>(std::move(component));
}

} // namespace cuecard
