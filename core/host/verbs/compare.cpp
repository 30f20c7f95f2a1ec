#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <optional>
#include <sstream>

#include <unistd.h>

#include <cuecard/error.hpp>

#include "files/temporary_folder.hpp"
#include "host/cards_folder.hpp"
#include "host/device.hpp"
#include "host/interrupt.hpp"
#include "host/loading.hpp"
#include "host/output/card_choices.hpp"
#include "host/output/json_line.hpp"
#include "host/output/output_lock.hpp"
#include "host/output/run_info.hpp"
#include "host/output/table.hpp"
#include "host/runs/compared_rows.hpp"
#include "host/runs/saved_card.hpp"
#include "host/runs/training_run.hpp"
#include "host/verbs/verbs.hpp"
#include "metrics/metrics.hpp"
#include "metrics/task_metric.hpp"
#include "program/failure.hpp"
#include "program/one_line.hpp"
#include "registry/guard.hpp"
#include "registry/options.hpp"

namespace cuecard::host {

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::vector<std::string> tuners_of(const Values& values, const registry::Registry& plugins) {
  std::vector<std::string> tuners;
  std::istringstream list(values.text("tuners"));
  for (std::string name; std::getline(list, name, ',');) {
    plugins.find(CUECARD_TUNER, name);
    if (std::find(tuners.begin(), tuners.end(), name) != tuners.end())
      throw UsageError("--tuners names \"" + name + "\" twice; remove one.");
    tuners.push_back(name);
  }
  if (tuners.empty())
    throw UsageError("--tuners is empty; give one or more tuners, separated by commas.");
  return tuners;
}

/// The options of `--set` that apply to `tuner`: TUNER.OPTION, or a bare OPTION that it declares. UsageError
/// for an option that no tuner declares.
Pairs options_for(const std::string& tuner, const std::vector<std::string>& tuners, const Pairs& set,
                  const registry::Registry& plugins) {
  const auto declares = [&](const std::string& name, const std::string& option) {
    return registry::declares(plugins.find(CUECARD_TUNER, name).component(), option);
  };
  Pairs own;
  for (const std::pair<std::string, std::string>& option : set) {
    const std::string &name = option.first, &value = option.second;
    const std::string owner = name.substr(0, name.find('.'));
    if (owner != name) {
      if (owner == tuner)
        own.emplace_back(name.substr(owner.size() + 1), value);
      else if (owner == "template" || owner == "verbalizer")
        own.emplace_back(name, value);
      else if (std::find(tuners.begin(), tuners.end(), owner) == tuners.end())
        throw UsageError("--set " + name + ": \"" + owner +
                         "\" is not one of the compared tuners; write TUNER.OPTION, template.OPTION or "
                         "verbalizer.OPTION." +
                         did_you_mean(owner, tuners));
      continue;
    }
    if (std::none_of(tuners.begin(), tuners.end(), [&](const auto& each) { return declares(each, name); }))
      throw UsageError("--set " + name + ": none of the compared tuners has this option.");
    if (declares(tuner, name))
      own.emplace_back(name, value);
  }
  return own;
}

std::vector<std::vector<int64_t>> confusion_of(const LabelPredictions& rows) {
  std::vector<int64_t> predicted, gold;
  for (std::size_t row = 0; row < rows.gold.size(); ++row) {
    predicted.push_back(rows.predicted[row].at(0));
    gold.push_back(rows.gold[row].at(0));
  }
  return confusion(predicted, gold, std::ssize(rows.labels));
}

int64_t bytes_in(const std::filesystem::path& folder) {
  int64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    bytes += static_cast<int64_t>(entry.file_size());
  return bytes;
}

/// For a tuner whose runs end before its last seed: the best card of those before is not lost.
void keep_best(const std::optional<TrainedRun>& best, const RunChoice& choice, const Values& values) {
  if (best && values.given("out"))
    std::cerr << "cuecard: " << one_line(save_trained_card(best->cards[0], choice.places[0]).place.string())
              << " holds the best card of the seeds before " << choice.seed << ".\n";
}

/// Trains and evaluates one tuner with all seeds. Throws Cancelled when it is stopped.
Json compare_tuner(const Model& model, const registry::Registry& plugins, std::vector<TaskData>& tasks,
                   const ComparedRows& rows, RunChoice choice, const Values& values) {
  const auto first = static_cast<uint64_t>(values.integer("seed"));
  const auto count = static_cast<uint64_t>(values.integer("seeds", 1));
  std::vector<double> found, dev;
  double seconds = 0;
  Json seeds = Json::array();
  std::optional<TrainedRun> best;
  ComparedCard of_best;
  for (choice.seed = first; choice.seed < first + count; ++choice.seed) {
    choice.title = choice.tuner + ", seed " + std::to_string(choice.seed);
    TrainedRun run;
    ComparedCard measured;
    try {
      run = run_training(model, plugins, tasks, choice, values);
      if (run.result.report.cancelled)
        throw Cancelled();
      measured = compare_card(model, plugins, run.cards[0], tasks[0].file.metric, rows);
    } catch (const Error&) {
      keep_best(best, choice, values);
      throw;
    }
    const FitReport& report = run.result.report;
    found.push_back(measured.value);
    seconds += run.result.seconds;
    seeds.push_back({{"seed", run.seed},
                     {"value", measured.value},
                     {"dev", finite(report.best_dev)},
                     {"steps", report.steps},
                     {"best_step", report.best_step},
                     {"failure", report.failure.empty() ? Json() : Json(registry::sentence_of(report.failure))},
                     {"seconds", run.result.seconds}});
    if (!best || report.best_dev > best->result.report.best_dev) {
      best = std::move(run);
      of_best = measured;
    }
  }
  report_cut(of_best.cut, of_best.context);
  const std::filesystem::path place = save_trained_card(best->cards[0], choice.places[0]).place;
  const MeanStd mean = mean_std(found);
  Json object{{"tuner", choice.tuner},
              {"task", tasks[0].file.name},
              {"metric", of_best.metric},
              {"mean", mean.mean},
              {"std", mean.std},
              {"n", of_best.n},
              {"skipped", of_best.skipped + std::ssize(rows.report.skipped)},
              {"parameters", best->parameters[0]},
              {"frozen_parameters", frozen_parameters(model)},
              {"seconds", seconds / static_cast<double>(count)},
              {"card_bytes", bytes_in(place)},
              {"seed", best->seed},
              {"steps", best->result.report.steps},
              {"seeds", seeds},
              {"data", rows.report.file},
              {"data_sha256", rows.report.sha256},
              {"labels", best->cards[0].labels}};
  if (!best->cards[0].multi_label)
    object["confusion"] = confusion_of(of_best.labelled);
  add_cut(object, of_best.cut);
  Json losses = Json::array();
  for (const float loss : best->result.report.losses)
    losses.push_back(finite(loss));
  object["losses"] = losses;
  if (!best->dev_curve.empty())
    object["dev_curve"] = best->dev_curve;
  add_choices(object, best->cards[0]);
  object["settings"] = options_json(best->cards[0].training.settings);
  object["run"] = run_json(values, model);
  if (is_proportion(of_best.metric) && of_best.of_rows) {
    const Interval interval = wilson95(std::llround(mean.mean * static_cast<double>(of_best.n)), of_best.n);
    object["ci95"] = {interval.low, interval.high};
  }
  if (!of_best.by_metric.empty())
    object["by_metric"] = of_best.by_metric;
  if (values.given("out"))
    object["out"] = place.string();
  return object;
}

std::vector<std::string> table_row(const Json& object) {
  const bool interval = object.contains("ci95");
  return {object["tuner"].get<std::string>(),
          percent(object["mean"].get<double>()) + " ± " + percent(object["std"].get<double>()),
          interval
              ? percent(object["ci95"][0].get<double>()) + " to " + percent(object["ci95"][1].get<double>())
              : "-",
          grouped(object["parameters"].get<long long>()),
          rounded(object["seconds"].get<double>(), 1),
          grouped(object["card_bytes"].get<long long>())};
}

void print_table(const std::vector<Json>& objects, const ComparedRows& rows, const Values& values) {
  std::vector<std::vector<std::string>> lines;
  lines.reserve(objects.size());
  for (const Json& object : objects)
    lines.push_back(table_row(object));
  std::cout << table({"tuner", objects.at(0)["metric"].get<std::string>(), "95% interval", "trained", "seconds",
                      "card bytes"},
                     lines)
            << "over " << values.integer("seeds", 1) << " seeds, on " << objects[0]["n"] << " examples of "
            << rows.report.file << '\n';
}

} // namespace

int compare_tuners(const Values& values) {
  const at::Device device = open_device(values);
  const registry::Registry plugins = find_plugins(values);
  requested(values); // contradictions are found before anything is read
  const std::vector<std::string> tuners = tuners_of(values, plugins);
  std::vector<RunChoice> choices;
  for (const std::string& tuner : tuners) {
    RunChoice& choice = choices.emplace_back();
    choice.tuner = tuner;
    choice.set = options_for(tuner, tuners, values.pairs("set"), plugins);
  }
  std::vector<TaskData> tasks{read_task_data(values.text("task"), tuners, plugins, labelled_rows(values))};
  const ComparedRows rows = read_compared_rows(tasks[0], labelled_rows(values));
  const TemporaryFolder scratch("compare"); // for cards that are not kept
  std::filesystem::path out = scratch.path();
  std::optional<CardsFolder> folder;
  std::optional<OutputLock> lock;
  if (values.given("out")) {
    out = folder.emplace(values.text("out")).path();
    lock.emplace(out, true);
    for (const std::string& tuner : tuners)
      check_card_place(out / (tuner + ".card"));
  }
  for (RunChoice& choice : choices)
    choice.places = {out / (choice.tuner + ".card")};
  const Model model = load_model(values, plugins, device);

  const Interruptible work("the training of the current tuner");
  std::vector<Json> objects;
  try {
    for (const RunChoice& choice : choices) {
      objects.push_back(compare_tuner(model, plugins, tasks, rows, choice, values));
      if (values.given("json"))
        print_line(objects.back());
    }
  } catch (const Cancelled&) {
    std::cerr << "cuecard: stopped; " << objects.size() << " of " << choices.size() << " tuners compared.\n";
    if (!values.given("json") && !objects.empty())
      print_table(objects, rows, values);
    return exit_interrupted;
  } catch (const Error&) { // the finished tuners are not lost
    std::cerr << "cuecard: tuner \"" << choices[objects.size()].tuner << "\" failed; " << objects.size()
              << " of " << choices.size() << " tuners compared.\n";
    if (!values.given("json") && !objects.empty())
      print_table(objects, rows, values);
    throw;
  }
  if (!values.given("json"))
    print_table(objects, rows, values);
  return 0;
}

} // namespace cuecard::host
