#include <algorithm>
#include <map>

#include <cuecard/error.hpp>

#include "engine/predictor.hpp"
#include "host/device.hpp"
#include "host/failure.hpp"
#include "host/input_rows.hpp"
#include "host/interrupt.hpp"
#include "host/json_line.hpp"
#include "host/loading.hpp"
#include "host/progress.hpp"
#include "host/verbs/verbs.hpp"
#include "host/word_field.hpp"

namespace cuecard::host {

namespace {

/// The fields that every card's template reads: a plain text can only fill the one that all have.
std::vector<std::string> common_fields(const std::vector<LoadedCard>& cards) {
  std::vector<std::string> fields = text_fields(cards[0].method.prompt_template->fields());
  for (const LoadedCard& card : cards)
    if (text_fields(card.method.prompt_template->fields()) != fields)
      return {};
  return fields;
}

Json as_json(int64_t number, const Prediction& prediction, const Method& method) {
  const Decision& decision = prediction.decision;
  const auto name_of = [&](int64_t label) {
    return label < 0 ? Json() : Json(method.labels[static_cast<std::size_t>(label)]);
  };
  Json object{{"row", number}, {"card", method.name}};
  if (method.predicts() == Predicts::texts) {
    object["text"] = decision.text;
    object["log_prob"] = finite(decision.value);
  } else if (method.labels_words()) {
    Json labels = Json::array();
    for (const int64_t label : decision.labels)
      labels.push_back(name_of(label));
    object["labels"] = labels; // of the words, in order
  } else if (decision.labels.size() == 1) {
    Json scores = Json::object();
    for (std::size_t label = 0; label < decision.probabilities.size(); ++label)
      scores[method.labels[label]] = finite(decision.probabilities[label]);
    object["label"] = name_of(decision.labels[0]);
    object["scores"] = scores;
  }
  return object;
}

Json refusal_json(int64_t number, const InputRow& row, const std::string& problem) {
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
          if (cards_.size() == 1 || card.method.name == row.example.card)
            take_words(row.example, card.method);
        usable.push_back(&row.example);
      }
    const std::vector<Prediction> predictions = predictor_.predict(usable);
    auto next = predictions.begin();
    for (InputRow& row : rows) {
      const Prediction* prediction = row.problem.empty() ? &*next++ : nullptr;
      if (prediction && prediction->problem.empty())
        print_line(as_json(number_, *prediction, cards_[static_cast<std::size_t>(prediction->card)].method));
      else
        refuse(row, prediction ? prediction->problem : row.problem);
      ++number_;
    }
    std::cout.flush();
  }

  int64_t rows() const { return number_; }
  int64_t unusable() const { return unusable_; }

private:
  void refuse(const InputRow& row, const std::string& problem) {
    if (strict_)
      throw unusable_row(row, problem);
    ++unusable_;
    print_line(refusal_json(number_, row, problem));
  }

  Predictor& predictor_;
  const std::vector<LoadedCard>& cards_;
  bool strict_;
  int64_t number_ = 0, unusable_ = 0;
};

} // namespace

int predict(const Values& values) {
  const at::Device device = open_device(values);
  const registry::Registry plugins = find_plugins(values);
  const Model model = load_model(values, plugins, device);
  const std::vector<LoadedCard> cards = load_cards(values, model, plugins);
  std::vector<const Method*> methods;
  for (const LoadedCard& card : cards)
    methods.push_back(&card.method);
  const auto input = open_input(values, common_fields(cards));
  Predictor predictor(model, methods,
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
    Json summary{{"rows", run.rows()}, {"unusable", run.unusable()}};
    add_counters(summary, predictor.counters());
    print_line({{"summary", summary}});
  }
  if (run.unusable() > 0)
    std::cerr << "cuecard: " << run.unusable() << " of " << run.rows() << " rows could not be used.\n";
  return work.requested() ? exit_interrupted : 0;
}

} // namespace cuecard::host
