#include <cuecard/error.hpp>

#include "data/text_fields.hpp"
#include "engine/predict/decision_json.hpp"
#include "engine/predict/predictor.hpp"
#include "engine/word_field.hpp"
#include "host/device.hpp"
#include "host/input/input_loop.hpp"
#include "host/input/input_rows.hpp"
#include "host/interrupt.hpp"
#include "host/loading.hpp"
#include "host/output/input_lines.hpp"
#include "host/output/json_line.hpp"
#include "host/runs/cut_context.hpp"
#include "host/verbs/verbs.hpp"

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

/// The columns that the tasks of all cards had; none if they differ.
CardColumns common_columns(const std::vector<LoadedCard>& cards) {
  CardColumns columns = columns_of(cards[0].pipeline);
  for (const LoadedCard& card : cards)
    if (card.pipeline.record.columns != columns.columns)
      columns.columns.reset();
  return columns;
}

Json as_json(int64_t number, const InputRow& row, const Prediction& prediction, const TaskPipeline& pipeline) {
  Json object = row_json(number, row);
  object["card"] = pipeline.name;
  add_decision(object, prediction.decision, pipeline);
  add_cut(object, prediction.cut);
  return object;
}

Json skipped_json(int64_t number, const InputRow& row, const std::string& problem) {
  Json object = row_json(number, row);
  object["card"] = row.example.card.empty() ? Json() : Json(row.example.card);
  object["label"] = nullptr;
  object["error"] = problem;
  if (row.example.line > 0)
    object["line"] = row.example.line;
  return object;
}

} // namespace

int predict(const Values& values) {
  const at::Device device = open_device(values);
  const registry::Registry plugins = find_plugins(values);
  check_cards(values);
  const Model model = load_model(values, plugins, device);
  const std::vector<LoadedCard> cards = load_cards(values, model, plugins);
  std::vector<const TaskPipeline*> pipelines;
  pipelines.reserve(cards.size());
  for (const LoadedCard& card : cards)
    pipelines.push_back(&card.pipeline);
  check_roles(values, fields_of(cards));
  const auto input = open_input(values, common_fields(cards), common_columns(cards));
  Predictor predictor(model, pipelines,
                      {values.integer("batch-size"), values.integer("batch-tokens"),
                       values.text("vote") == "majority" ? Vote::majority : Vote::mean});

  const Interruptible work;
  std::vector<Prediction> predictions;
  InputLoop loop(values, *input);
  loop.run({.prepare =
                [&](Example& example) {
                  for (const LoadedCard& card : cards)
                    if (cards.size() == 1 || card.pipeline.name == example.card)
                      take_words(example, card.pipeline);
                },
            .run =
                [&](const std::vector<const Example*>& examples) {
                  predictions = predictor.predict(examples);
                  ExampleNotes notes(predictions.size());
                  for (std::size_t i = 0; i < predictions.size(); ++i) {
                    notes.problems[i] = predictions[i].problem;
                    notes.cut[i] = predictions[i].cut;
                  }
                  return notes;
                },
            .print =
                [&](int64_t number, const InputRow& row, std::size_t index) {
                  const Prediction& prediction = predictions[index];
                  print_line(as_json(number, row, prediction,
                                     cards[static_cast<std::size_t>(prediction.card)].pipeline));
                },
            .skip = [&](int64_t number, const InputRow& row,
                        const std::string& problem) { print_line(skipped_json(number, row, problem)); }});
  if (values.given("json"))
    print_summary(loop, predictor.counters());
  if (loop.skipped() > 0)
    std::cerr << "cuecard: " << loop.skipped() << " of " << loop.rows() << " examples skipped.\n";
  report_cut(loop.cut(), cut_context(*pipelines[0], model, "", "examples", "--max-length"));
  return loop.exit_code();
}

} // namespace cuecard::host
