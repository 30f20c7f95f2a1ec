#include <algorithm>
#include <map>

#include <cuecard/error.hpp>

#include "engine/predict/predictor.hpp"
#include "host/device.hpp"
#include "host/input_rows.hpp"
#include "host/interrupt.hpp"
#include "host/loading.hpp"
#include "host/output/json_line.hpp"
#include "host/runs/progress.hpp"
#include "host/verbs/verbs.hpp"
#include "host/word_field.hpp"
#include "program/failure.hpp"

namespace cuecard::host {

namespace {

/// The text fields of the templates if all cards have the same ones, else none: a plain text can only fill a
/// common field.
std::vector<std::string> common_fields(const std::vector<LoadedCard>& cards) {
  std::vector<std::string> fields = text_fields(cards[0].pipeline.prompt_template->fields());
  for (const LoadedCard& card : cards)
    if (text_fields(card.pipeline.prompt_template->fields()) != fields)
      return {};
  return fields;
}

Json as_json(int64_t number, const Prediction& prediction, const TaskPipeline& pipeline) {
  const Decision& decision = prediction.decision;
  const auto name_of = [&](int64_t label) {
    return label < 0 ? Json() : Json(pipeline.labels[static_cast<std::size_t>(label)]);
  };
  Json object{{"row", number}, {"card", pipeline.name}};
  if (pipeline.predicts() == Predicts::texts) {
    object["text"] = decision.text;
    object["log_prob"] = finite(decision.value);
  } else if (pipeline.labels_words()) {
    Json labels = Json::array();
    for (const int64_t label : decision.labels)
      labels.push_back(name_of(label));
    object["labels"] = labels; // one per word
  } else if (decision.labels.size() == 1) {
    Json scores = Json::object();
    for (std::size_t label = 0; label < decision.probabilities.size(); ++label)
      scores[pipeline.labels[label]] = finite(decision.probabilities[label]);
    object["label"] = name_of(decision.labels[0]);
    object["scores"] = scores;
  }
  return object;
}

Json skipped_json(int64_t number, const InputRow& row, const std::string& problem) {
  const Json card = row.example.card.empty() ? Json() : Json(row.example.card);
  Json object{{"row", number}, {"card", card}, {"label", nullptr}, {"error", problem}};
  if (row.example.line > 0)
    object["line"] = row.example.line;
  return object;
}

class Run {
public:
  Run(Predictor& predictor, const std::vector<LoadedCard>& cards, bool strict)
      : predictor_(predictor), cards_(cards), strict_(strict) {}

  void batch(std::vector<InputRow>& rows) {
    std::vector<const Example*> usable;
    for (InputRow& row : rows)
      if (row.problem.empty()) {
        for (const LoadedCard& card : cards_)
          if (cards_.size() == 1 || card.pipeline.name == row.example.card)
            take_words(row.example, card.pipeline);
        usable.push_back(&row.example);
      }
    const std::vector<Prediction> predictions = predictor_.predict(usable);
    auto next = predictions.begin();
    for (InputRow& row : rows) {
      const Prediction* prediction = row.problem.empty() ? &*next++ : nullptr;
      if (prediction && prediction->problem.empty())
        print_line(as_json(number_, *prediction, cards_[static_cast<std::size_t>(prediction->card)].pipeline));
      else
        skip(row, prediction ? prediction->problem : row.problem);
      ++number_;
    }
    std::cout.flush();
  }

  int64_t rows() const { return number_; }
  int64_t skipped() const { return skipped_; }

private:
  void skip(const InputRow& row, const std::string& problem) {
    if (strict_)
      throw skipped_row(row, problem);
    ++skipped_;
    print_line(skipped_json(number_, row, problem));
  }

  Predictor& predictor_;
  const std::vector<LoadedCard>& cards_;
  bool strict_;
  int64_t number_ = 0, skipped_ = 0;
};

} // namespace

int predict(const Values& values) {
  const at::Device device = open_device(values);
  const registry::Registry plugins = find_plugins(values);
  const Model model = load_model(values, plugins, device);
  const std::vector<LoadedCard> cards = load_cards(values, model, plugins);
  std::vector<const TaskPipeline*> pipelines;
  for (const LoadedCard& card : cards)
    pipelines.push_back(&card.pipeline);
  const auto input = open_input(values, common_fields(cards));
  Predictor predictor(model, pipelines,
                      {values.integer("batch-size"), values.integer("batch-tokens"),
                       values.text("vote") == "majority" ? Vote::majority : Vote::mean});

  const Interruptible work;
  Run run(predictor, cards, values.given("strict"));
  ProgressBar progress("predict", input->total(), values.given("quiet") || input->total() < 0);
  const auto most = static_cast<std::size_t>(values.integer("batch-size"));
  for (auto rows = input->next(most); !rows.empty() && !work.requested(); rows = input->next(most)) {
    run.batch(rows);
    progress.show(run.rows());
  }
  if (values.given("json")) {
    Json summary{{"rows", run.rows()}, {"skipped", run.skipped()}};
    add_counters(summary, predictor.counters());
    print_line({{"summary", summary}});
  }
  if (run.skipped() > 0)
    std::cerr << "cuecard: " << run.skipped() << " of " << run.rows() << " examples skipped.\n";
  return work.requested() ? exit_interrupted : run.skipped() > 0 ? exit_rows_failed : 0;
}

} // namespace cuecard::host
