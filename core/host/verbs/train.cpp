#include <iostream>

#include <cuecard/error.hpp>

#include "host/output/json_line.hpp"
#include "host/output/messages.hpp"
#include "host/output/table.hpp"
#include "host/runs/trained_cards.hpp"
#include "host/verbs/verbs.hpp"
#include "metrics/metrics.hpp"

namespace cuecard::host {

namespace {

std::vector<std::string> table_row(const Json& object) {
  const auto number = [&](const char* key, int digits) {
    return object[key].is_null() ? std::string("-") : rounded(object[key].get<double>(), digits);
  };
  std::string dev = "-";
  if (object.contains("dev")) {
    const Json& evaluation = object["dev"];
    dev = percent(evaluation["value"].get<double>()) + " (";
    if (evaluation.contains("ci95"))
      dev += percent(evaluation["ci95"][0].get<double>()) + " to " +
             percent(evaluation["ci95"][1].get<double>()) + ", ";
    dev += evaluation["n"].dump() + " examples)";
  }
  return {object["card"].get<std::string>(),
          object["tuner"].get<std::string>(),
          grouped(object["parameters"].get<long long>()),
          grouped(object["frozen_parameters"].get<long long>()),
          object["steps"].dump(),
          number("seconds", 1),
          number("examples_per_second", 1),
          number("tokens_per_second", 0),
          dev};
}

/// The table header for the development metrics of the cards.
std::string dev_head(const std::vector<Json>& objects) {
  std::vector<std::string> metrics;
  for (const Json& object : objects)
    if (object.contains("dev"))
      metrics.push_back(object["dev"]["metric"].get<std::string>());
  return "dev " + (metrics.empty() ? "accuracy" : metric_header(metrics));
}

void print(const TrainedCards& trained, const Values& values) {
  const std::vector<Json>& objects = trained.objects;
  if (values.given("json")) {
    for (const Json& object : objects)
      print_line(object);
    return;
  }
  std::vector<std::vector<std::string>> rows;
  rows.reserve(objects.size());
  for (const Json& object : objects)
    rows.push_back(table_row(object));
  std::cout << table(
      {"card", "tuner", "trained", "frozen", "steps", "seconds", "examples/s", "tokens/s", dev_head(objects)},
      rows);
  if (trained.seeds.size() < 2)
    return;
  rows.clear();
  for (const Json& seed : trained.seeds)
    rows.push_back({seed["seed"].dump(), seed["dev"].is_null() ? "-" : percent(seed["dev"].get<double>()),
                    seed["best_step"].dump(), rounded(seed["seconds"].get<double>(), 1)});
  std::cout << '\n' << table({"seed", dev_head(objects), "best step", "seconds"}, rows);
  if (!trained.dev.empty()) {
    const MeanStd dev = mean_std(trained.dev);
    std::cout << dev_head(objects) << " over " << trained.dev.size() << " seeds: mean " << percent(dev.mean)
              << ", standard deviation " << percent(dev.std) << "; kept seed " << trained.best_seed << '\n';
  }
}

/// What a stopped run has written.
std::string kept_by(const TrainedCards& trained) {
  const std::string cards = trained.objects.size() > 1 ? "cards" : "card";
  if (!trained.dev.empty())
    return "best " + cards + " so far";
  return cards + " of step " + trained.objects[0]["best_step"].dump() + ", which was not evaluated";
}

/// Stopping before there is anything to keep is said, too.
TrainedCards train_or_stop(const Values& values) {
  try {
    return train_cards(values);
  } catch (const Cancelled&) {
    messages() << "cuecard: stopped before a step was finished; no card was written.\n";
    throw;
  }
}

} // namespace

int train(const Values& values) {
  const TrainedCards trained = train_or_stop(values);
  print(trained, values);
  if (trained.cancelled)
    messages() << "cuecard: stopped; " << trained.place.string() << " holds the " << kept_by(trained)
               << (values.given("checkpoint") ? ", and the same command continues from the checkpoint.\n"
                                              : ".\n");
  return trained.exit_code;
}

} // namespace cuecard::host
