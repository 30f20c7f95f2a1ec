#include "host/runs/trained_cards.hpp"

#include <cmath>
#include <optional>

#include <cuecard/error.hpp>

#include "engine/train/checkpoint.hpp"
#include "host/cards_folder.hpp"
#include "host/crash.hpp"
#include "host/device.hpp"
#include "host/interrupt.hpp"
#include "host/loading.hpp"
#include "host/output/card_choices.hpp"
#include "host/output/messages.hpp"
#include "host/output/output_lock.hpp"
#include "host/output/run_info.hpp"
#include "host/runs/saved_card.hpp"
#include "metrics/metrics.hpp"
#include "program/failure.hpp"
#include "program/one_line.hpp"
#include "registry/guard.hpp"

namespace cuecard::host {

namespace {

/// The path of each task's card: `--out` itself, or with several tasks `--out`/NAME.card.
std::vector<std::filesystem::path> card_places(const std::vector<TaskData>& tasks, const Values& values) {
  const std::filesystem::path out = values.text("out");
  if (tasks.size() == 1)
    return {out};
  std::vector<std::filesystem::path> places;
  for (const TaskData& task : tasks) {
    const std::string& name = task.file.name;
    if (name.find('/') != std::string::npos || name.starts_with("."))
      throw DataError(task.file.file.string() + ": its name \"" + name +
                      "\" can't be the name of a card's folder; give it another \"name\".");
    places.push_back(out / (name + ".card"));
    for (std::size_t i = 0; i + 1 < places.size(); ++i)
      if (places[i] == places.back())
        throw DataError("the tasks " + tasks[i].file.file.string() + " and " + task.file.file.string() +
                        " are both named \"" + name + "\"; give one another \"name\".");
  }
  return places;
}

/// The runs of all seeds. The best one on the development set is kept.
struct Runs {
  TrainedRun best;
  Json seeds = Json::array();
  std::vector<double> dev; ///< best metric of each run that was evaluated
  bool cancelled = false;
  int failed = 0; ///< exit code of the error that ended the runs of further seeds
};

/// Why training ended early; null if it did not.
Json failure_of(const FitReport& report) {
  return report.failure.empty() ? Json() : Json(registry::sentence_of(report.failure));
}

Json of_one_seed(const TrainedRun& run) {
  const FitReport& report = run.result.report;
  return {{"seed", run.seed},
          {"dev", finite(report.best_dev)},
          {"steps", report.steps},
          {"best_step", report.best_step},
          {"stopped_early", report.stopped_early},
          {"cancelled", report.cancelled},
          {"failure", failure_of(report)},
          {"seconds", run.result.seconds}};
}

/// `--checkpoint`, or its folder for one of several seeds.
std::filesystem::path checkpoint_of(const Values& values, uint64_t seed) {
  const std::filesystem::path place = values.text("checkpoint");
  return place.empty() || values.integer("seeds", 1) == 1 ? place : place / ("seed-" + std::to_string(seed));
}

Runs run_seeds(const Model& model, const registry::Registry& plugins, std::vector<TaskData>& tasks,
               const std::vector<std::filesystem::path>& places, const Values& values,
               const TrainingHost& host) {
  const auto first = static_cast<uint64_t>(values.integer("seed"));
  const auto count = static_cast<uint64_t>(values.integer("seeds", 1));
  RunChoice choice;
  choice.tuner = values.text("tuner");
  choice.set = values.pairs("set");
  choice.places = places;
  choice.host = host;
  if (!host.progress) // the handlers are the program's
    choice.after_crash =
        values.given("checkpoint")
            ? "The training since the last checkpoint is lost; the same command continues from it."
            : "The training is lost; with --checkpoint, the same command would have continued.";
  if (values.given("from"))
    choice.from = read_card(values.text("from"));
  std::error_code refused; // reported for the first seed's folder
  if (count > 1 && values.given("checkpoint") && host.place.writes())
    std::filesystem::create_directory(values.text("checkpoint"), refused);
  Runs runs;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    choice.seed = seed;
    choice.checkpoint = checkpoint_of(values, seed);
    if (count > 1)
      choice.title = "train, seed " + std::to_string(seed);
    TrainedRun run;
    try {
      run = run_training(model, plugins, tasks, choice, values);
    } catch (const Cancelled&) { // before it had anything to keep
      if (runs.seeds.empty())
        throw;
      runs.cancelled = true;
      break;
    } catch (const Error& error) { // the cards of earlier seeds are not lost
      if (runs.seeds.empty())
        throw;
      messages() << "cuecard: warning: seed " << seed
                 << " failed, and the best card of the seeds before it is kept: " << one_line(error.what())
                 << '\n';
      runs.failed = exit_code_of(error);
      break;
    }
    const double dev = run.result.report.best_dev;
    const bool better =
        runs.seeds.empty() || (std::isfinite(dev) && !(dev <= runs.best.result.report.best_dev));
    runs.seeds.push_back(of_one_seed(run));
    if (std::isfinite(dev))
      runs.dev.push_back(dev);
    runs.cancelled = run.result.report.cancelled;
    if (better)
      runs.best = std::move(run);
    if (runs.cancelled)
      break;
  }
  return runs;
}

void remove_checkpoints(const Values& values) {
  const auto first = static_cast<uint64_t>(values.integer("seed"));
  const auto count = static_cast<uint64_t>(values.integer("seeds", 1));
  for (uint64_t seed = first; seed < first + count; ++seed)
    remove_checkpoint(checkpoint_of(values, seed));
  if (count > 1)
    remove_checkpoint(values.text("checkpoint"));
}

Json as_json(const TrainedRun& run, std::size_t at, const TaskData& task, const Model& model,
             const std::filesystem::path& place, const Values& values, int64_t ranks) {
  const TrainResult& result = run.result;
  const Card& card = run.cards[at];
  const auto per_second = [&](int64_t count) { return finite(static_cast<double>(count) / result.seconds); };
  Json losses = Json::array();
  for (const float loss : result.report.losses)
    losses.push_back(finite(loss));
  Json object{{"card", card.name},
              {"out", place.string()},
              {"tuner", card.tuner.component},
              {"seed", run.seed},
              {"parameters", run.parameters[at]},
              {"frozen_parameters", frozen_parameters(model)},
              {"train_examples", card.training.examples},
              {"steps", result.report.steps},
              {"best_step", result.report.best_step},
              {"stopped_early", result.report.stopped_early},
              {"cancelled", result.report.cancelled},
              {"failure", failure_of(result.report)},
              {"seconds", result.seconds},
              {"examples_per_second", per_second(result.examples_seen)},
              {"tokens_per_second", per_second(result.counters.tokens_forwarded)},
              {"skipped", std::ssize(task.examples.train_report.skipped) +
                              std::ssize(task.examples.prepared.skipped_train)},
              {"dev_skipped",
               std::ssize(task.examples.dev_report.skipped) + std::ssize(task.examples.prepared.skipped_dev)},
              {"losses", losses}};
  if (ranks > 1)
    object["ranks"] = ranks;
  if (!run.dev_curve.empty())
    object["dev_curve"] = run.dev_curve;
  add_cut(object, task.examples.prepared.cut_train);
  add_cut(object, task.examples.prepared.cut_dev, "dev_");
  if (!card.metrics.empty()) {
    const CardMetric& dev = card.metrics.back();
    object["dev"] = {{"n", dev.n}, {"metric", dev.name}, {"value", dev.value}};
    if (dev.name == "accuracy")
      object["dev"]["accuracy"] = dev.value;
    if (std::isfinite(dev.low))
      object["dev"]["ci95"] = {dev.low, dev.high};
    object["dev"]["data"] = task.examples.dev_report.file;
  }
  object["data"] = task.examples.train_report.file;
  object["data_sha256"] = task.examples.train_report.sha256;
  add_choices(object, card);
  object["settings"] = options_json(card.training.settings);
  object["run"] = run_json(values, model);
  add_counters(object, result.counters);
  return object;
}

void add_seeds(Json& object, const Runs& runs) {
  object["seeds"] = runs.seeds;
  const MeanStd dev = mean_std(runs.dev);
  object["dev_mean"] = runs.dev.empty() ? Json() : Json(dev.mean);
  object["dev_std"] = runs.dev.empty() ? Json() : Json(dev.std);
}

void check_flags(const Values& values, const TrainingHost& host) {
  const bool several = values.texts("task").size() > 1;
  if (several && values.given("from"))
    throw UsageError("--from needs a single task; give one --task.");
  requested(values); // contradictions are found before anything is read
  if (values.given("checkpoint-every") && !values.given("checkpoint"))
    throw UsageError("--checkpoint-every needs a folder to write to; give --checkpoint DIR.");
  if (!several && host.place.writes())
    check_card_place(values.text("out"));
}

} // namespace

TrainedCards train_cards(const Values& values, const TrainingHost& host) {
  const at::Device device = open_device(values);
  check_flags(values, host);
  const registry::Registry plugins = find_plugins(values);
  std::vector<TaskData> tasks;
  for (const std::string& path : values.texts("task"))
    tasks.push_back(read_task_data(path, values.texts("tuner"), plugins, labelled_rows(values)));
  const std::vector<std::filesystem::path> places = card_places(tasks, values);
  std::optional<CardsFolder> folder;
  std::optional<OutputLock> lock;
  if (host.place.writes()) {
    if (tasks.size() > 1)
      folder.emplace(values.text("out"));
    lock.emplace(values.text("out"), tasks.size() > 1);
    for (const std::filesystem::path& place : places)
      check_card_place(place);
  }
  const Model model = load_model(values, plugins, device);

  TrainedCards trained;
  trained.place = values.text("out");
  std::optional<Interruptible> work;
  if (!host.progress)
    work.emplace(values.given("checkpoint") ? "the training since the last checkpoint"
                                            : "the training so far (--checkpoint would keep it)");
  const Runs runs = run_seeds(model, plugins, tasks, places, values, host);
  bool elsewhere = false;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    SavedCard saved{places[i], ""};
    if (host.place.writes())
      saved = save_trained_card(runs.best.cards[i], places[i]);
    if (!saved.problem.empty()) {
      trained.place = saved.place;
      elsewhere = true;
    }
    trained.objects.push_back(as_json(runs.best, i, tasks[i], model, saved.place, values, host.place.ranks));
    if (values.given("seeds"))
      add_seeds(trained.objects.back(), runs);
  }
  say_after_crash("");
  trained.seeds = runs.seeds;
  trained.dev = runs.dev;
  trained.best_seed = runs.best.seed;
  trained.cancelled = runs.cancelled;
  const bool failed = runs.failed != 0 || !runs.best.result.report.failure.empty();
  if (values.given("checkpoint") && !trained.cancelled && !failed && !elsewhere && host.place.writes())
    remove_checkpoints(values);
  trained.exit_code = trained.cancelled  ? exit_interrupted
                      : runs.failed != 0 ? runs.failed
                      : failed           ? exit_code_of(runs.best.result.failure_kind)
                      : elsewhere        ? exit_data
                                         : 0;
  return trained;
}

} // namespace cuecard::host
