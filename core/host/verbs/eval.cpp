#include <algorithm>
#include <chrono>
#include <set>

#include <cuecard/error.hpp>

#include "data/formats/readers.hpp"
#include "data/task_file.hpp"
#include "data/text.hpp"
#include "engine/predict/predictor.hpp"
#include "engine/train/dev_metric.hpp"
#include "engine/word_field.hpp"
#include "host/device.hpp"
#include "host/input/input_rows.hpp"
#include "host/interrupt.hpp"
#include "host/loading.hpp"
#include "host/output/json_line.hpp"
#include "host/output/run_info.hpp"
#include "host/output/table.hpp"
#include "host/runs/cut_context.hpp"
#include "host/runs/measured_card.hpp"
#include "host/runs/progress.hpp"
#include "host/verbs/verbs.hpp"
#include "metrics/task_metric.hpp"
#include "program/failure.hpp"
#include "program/one_line.hpp"

namespace cuecard::host {

namespace {

/// The examples to evaluate one card on.
struct CardRows {
  std::vector<Example> examples;
  RecordReport report;
};

std::string data_path(const Values& values) {
  if (values.given("data"))
    return values.text("data");
  if (!values.given("task"))
    throw UsageError("`cuecard eval` needs --data FILE, or --task FILE that names a test or dev file.");
  const TaskFile task = read_task_file(values.text("task"));
  if (!task.test && !task.dev)
    throw DataError(values.text("task") + ": has neither \"data.test\" nor \"data.dev\"; give --data FILE.");
  return (task.test ? task.test : task.dev)->string();
}

/// The card's labels, with the values that the task file gives for them, else those of the card's task.
LabelIndex label_index(const Card& card, const Values& values) {
  std::map<std::string, TaskLabel> known;
  if (values.given("task"))
    for (const TaskLabel& label : read_task_file(values.text("task")).labels)
      known[label.name] = label;
  std::vector<TaskLabel> labels;
  for (std::size_t i = 0; i < card.labels.size(); ++i) {
    const std::string& name = card.labels[i];
    TaskLabel& label = labels.emplace_back(known.contains(name) ? known[name] : TaskLabel{name, {}, {}});
    if (!values.given("task") && i < card.label_values.size())
      label.values = card.label_values[i];
  }
  return LabelIndex(labels);
}

/// Without the column of answers if the file has none: references are all that is scored.
RecordLayout with_scored_columns(RecordLayout layout, const std::string& bytes, const std::string& path) {
  if (!layout.references || !layout.answers)
    return layout;
  const std::vector<std::string> names = column_names(bytes, path, layout);
  const bool numbered = layout.answers->number > 0 && layout.answers->number <= std::ssize(names);
  if (!names.empty() && !numbered && std::ranges::none_of(names, [&](const std::string& name) {
        return trimmed(name) == trimmed(layout.answers->name);
      }))
    layout.answers = std::nullopt;
  return layout;
}

/// Adds a skipped example to the report; DataError with `strict`.
void skip(RecordReport& report, int64_t line, const std::string& reason, bool strict) {
  if (strict)
    throw DataError(report.file + ", line " + std::to_string(line) +
                    ": the example can't be used: " + without_full_stop(reason) + ".");
  report.skipped.push_back({line, without_full_stop(reason)});
}

CardRows read_rows(const TaskPipeline& pipeline, const std::string& bytes, const std::string& path,
                   const Values& values) {
  CardRows rows;
  RecordLayout layout = layout_for(values, columns_of(pipeline, true), bytes, path);
  layout.multi_label = pipeline.record.multi_label;
  const bool texts = pipeline.predicts() == Predicts::texts;
  if (texts && !layout.answers && !layout.references && !layout.spans)
    throw UsageError("`cuecard eval` must know which column holds the reference text; give --column "
                     "references=COLUMN, or a task file that names it.");
  if (!texts && !layout.label)
    throw UsageError(
        "`cuecard eval` must know which column holds the label; give --column label=COLUMN, or a task "
        "file that names it.");
  if (texts)
    layout = with_scored_columns(std::move(layout), bytes, path);
  rows.examples = parse_examples(bytes, path, layout, label_index(pipeline.record, values),
                                 labelled_rows(values), rows.report);
  for (Example& example : rows.examples)
    take_words(example, pipeline);
  std::erase_if(rows.examples, [&](const Example& example) {
    try {
      require_answer(pipeline, example);
      return false;
    } catch (const DataError& error) {
      skip(rows.report, example.line, error.what(), values.given("strict"));
      return true;
    }
  });
  rows.examples = measured_inputs(pipeline, std::move(rows.examples));
  return rows;
}

/// Sorts the skipped examples by line. DataError if no example could be evaluated.
void check_measured(MeasuredCard& measured) {
  RecordReport& report = measured.report();
  std::ranges::stable_sort(report.skipped, {}, &SkippedRecord::line);
  if (measured.rows().size() > 0)
    return;
  throw DataError(report.file + ": none of its " + counted(report.records, "example") +
                  " can be used to evaluate the card \"" + measured.pipeline().name + "\"; " +
                  (report.skipped.empty() ? "no example names it."
                                          : "line " + std::to_string(report.skipped[0].line) + ": " +
                                                report.skipped[0].reason + "."));
}

/// Runs the examples of all cards together, so that cards share batches.
MeasuredPass measure(const Model& model, const std::vector<const TaskPipeline*>& pipelines,
                     std::vector<CardRows>& rows, std::vector<MeasuredCard>& measured, const Values& values,
                     const std::string& what) {
  std::vector<const Example*> examples;
  std::vector<std::size_t> owner;
  for (std::size_t card = 0; card < rows.size(); ++card)
    for (Example& example : rows[card].examples) {
      example.card = pipelines[card]->name;
      examples.push_back(&example);
      owner.push_back(card);
    }
  Predictor predictor(model, pipelines,
                      {values.integer("batch-size"), values.integer("batch-tokens"),
                       values.text("vote") == "majority" ? Vote::majority : Vote::mean});
  ProgressBar progress(what, static_cast<int64_t>(examples.size()), values.given("quiet"));
  const auto start = std::chrono::steady_clock::now();
  const auto predictions = predictor.predict(examples, [&](int64_t done) {
    progress.show(done);
    if (Interruptible::requested())
      throw Cancelled();
  });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  for (std::size_t card = 0; card < rows.size(); ++card)
    measured.emplace_back(*pipelines[card], rows[card].report);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    MeasuredCard& result = measured[measured.size() - rows.size() + owner[i]];
    if (!predictions[i].problem.empty()) {
      skip(result.report(), examples[i]->line, predictions[i].problem, values.given("strict"));
      continue;
    }
    result.add(*examples[i], predictions[i]);
  }
  for (std::size_t card = measured.size() - rows.size(); card < measured.size(); ++card)
    check_measured(measured[card]);
  return {seconds, predictor.counters()};
}

std::vector<std::string> table_row(const Json& object) {
  return {object["card"].get<std::string>(),
          percent(object["value"].get<double>()),
          is_proportion(object["metric"].get<std::string>()) && object.contains("ci95")
              ? percent(object["ci95"][0].get<double>()) + " to " + percent(object["ci95"][1].get<double>())
              : "",
          grouped(object["n"].get<long long>()),
          grouped(object["skipped"].get<long long>()),
          rounded(object["seconds"].get<double>(), 1),
          object["examples_per_second"].is_null() ? ""
                                                  : rounded(object["examples_per_second"].get<double>(), 1),
          object["tokens_per_second"].is_null() ? "" : rounded(object["tokens_per_second"].get<double>(), 0)};
}

void print(const std::vector<Json>& objects, const Values& values) {
  if (values.given("json")) {
    for (const Json& object : objects)
      print_line(object);
    return;
  }
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> metrics;
  for (const Json& object : objects) {
    rows.push_back(table_row(object));
    metrics.push_back(object["metric"].get<std::string>());
  }
  std::cout << table({"card", metric_header(metrics), "95% interval", "examples", "skipped", "seconds",
                      "examples/s", "tokens/s"},
                     rows);
  for (const Json& object : objects)
    if (object.contains("versus")) {
      const Json& pair = object["versus"];
      std::cout << one_line(object["card"].get<std::string>() + " against " + pair["card"].get<std::string>())
                << ": only the first is correct on " << pair["only_this"]
                << (object.contains("words") ? " words" : " examples") << ", only the second on "
                << pair["only_other"] << "; " << p_value(pair["p_value"].get<double>()) << " (McNemar)\n";
    }
}

/// Whether any example names a card.
bool names_cards(const std::vector<CardRows>& rows) {
  for (const CardRows& each : rows)
    for (const Example& example : each.examples)
      if (!example.card.empty())
        return true;
  return false;
}

/// Keeps for each card the examples that name it. Those that name none of the cards count as skipped for the
/// first card.
void keep_own(std::vector<CardRows>& rows, const std::vector<const TaskPipeline*>& pipelines) {
  std::set<std::string> names;
  for (const TaskPipeline* pipeline : pipelines)
    names.insert(pipeline->name);
  for (std::size_t card = 0; card < rows.size(); ++card) {
    std::vector<Example> own;
    for (Example& example : rows[card].examples) {
      if (example.card == pipelines[card]->name)
        own.push_back(std::move(example));
      else if (card == 0 && !names.contains(example.card))
        rows[card].report.skipped.push_back({example.line, "it names no card that was given"});
    }
    rows[card].examples = std::move(own);
  }
}

} // namespace

int eval(const Values& values) {
  const at::Device device = open_device(values);
  const registry::Registry plugins = find_plugins(values);
  check_cards(values);
  const std::string path = data_path(values), bytes = read_data_bytes(path);
  const Model model = load_model(values, plugins, device);
  std::vector<LoadedCard> cards = load_cards(values, model, plugins);
  std::vector<const TaskPipeline*> pipelines;
  std::vector<CardRows> rows;
  check_roles(values, fields_of(cards));
  for (LoadedCard& card : cards) {
    if (values.given("task"))
      if (const std::string metric = read_task_file(values.text("task")).metric; !metric.empty())
        card.pipeline.metric = metric;
    require_metric(card.pipeline);
    pipelines.push_back(&card.pipeline);
    rows.push_back(read_rows(card.pipeline, bytes, path, values));
  }

  const Interruptible work;
  std::vector<MeasuredCard> measured;
  std::vector<Json> objects;
  if (names_cards(rows)) {
    keep_own(rows, pipelines);
    const MeasuredPass pass = measure(model, pipelines, rows, measured, values, "eval");
    for (const MeasuredCard& card : measured)
      objects.push_back(as_json(card, pass, values.integer("mistakes"), nullptr, model));
  } else {
    for (std::size_t card = 0; card < pipelines.size(); ++card) {
      std::vector<CardRows> own{std::move(rows[card])};
      const MeasuredPass pass =
          measure(model, {pipelines[card]}, own, measured, values, "eval " + pipelines[card]->name);
      objects.push_back(
          as_json(measured[card], pass, values.integer("mistakes"), card > 0 ? &measured[0] : nullptr, model));
    }
  }
  std::set<std::string> reported; // cards that skip the same examples report them once
  for (const MeasuredCard& card : measured) {
    const RecordReport& report = card.report();
    if (!values.given("allow-skipped"))
      refuse_too_many(report.skipped, report.records, report.file);
    for (const std::string& message : report.messages(10))
      if (reported.insert(message).second)
        std::cerr << "cuecard: " << message << '\n';
    const CutContext context = cut_context(card.pipeline(), model, report.file, "examples", "--max-length");
    if (reported.insert(cut_sentence(card.cut(), context)).second)
      report_cut(card.cut(), context);
  }
  for (Json& object : objects)
    object["run"] = run_json(values, model);
  print(objects, values);
  return 0;
}

} // namespace cuecard::host
