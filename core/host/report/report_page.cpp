#include "host/report/report_page.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "host/output/table.hpp"
#include "host/report/report_charts.hpp"
#include "host/report/report_html.hpp"
#include "host/report/report_sections.hpp"
#include "metrics/task_metric.hpp"

namespace cuecard::host {

namespace {

using Json = nlohmann::json;

constexpr const char* head = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cuecard report</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 80em; margin: 2em auto; padding: 0 1em; }
h1, h2, h3 { line-height: 1.2; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { border: 1px solid #ccc; padding: 0.25em 0.6em; text-align: left; vertical-align: top; overflow-wrap: break-word; }
td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.wide { min-width: 20em; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
.runs { display: flex; flex-wrap: wrap; gap: 0 2em; }
.runs > div { max-width: 100%; }
.runs > div.described { flex: 1 1 24em; min-width: 0; }
.tokens, pre { font: 12px/1.5 ui-monospace, monospace; color: #555; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
svg { width: 100%; min-width: 34rem; max-width: 60rem; height: auto; font: 12px system-ui, sans-serif; }
svg.square { min-width: 0; max-width: 26rem; }
.grid { stroke: #e3e3e3; } .axis { stroke: #888; } .interval { stroke: #0072b2; stroke-width: 3; }
@media print {
  body { max-width: none; margin: 0; font-size: 10px; }
  th, td { padding: 0.15em 0.3em; }
  td { overflow-wrap: anywhere; } td.n { overflow-wrap: normal; } td.wide, svg { min-width: 0; }
  .scroll { overflow: visible; }
  tr, svg { break-inside: avoid; } h2, h3 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
</style>
</head>
<body>
<h1>Cuecard report</h1>
)";

/// The result of a run by its own metric, with an interval if it has one.
struct Measure {
  bool known = false;
  Estimate estimate;
  std::string metric = "-", examples = "-", spread = "-";
};

Measure measure_of(const ReportedRun& run) {
  const Json* of = run.object;
  const char* key = "value";
  if (run.kind == ReportedRun::Kind::train) {
    if (!has(*of, "dev"))
      return {};
    of = &of->at("dev");
  } else if (run.kind == ReportedRun::Kind::compare) {
    key = "mean";
  }
  if (!has(*of, key))
    return {};
  Measure measure;
  measure.known = true;
  measure.metric = of->at("metric").get<std::string>();
  measure.estimate = {run.name, of->at(key).get<double>(), 0, 0};
  measure.estimate.low = measure.estimate.high = measure.estimate.value;
  if (has(*of, "ci95") && is_proportion(measure.metric)) {
    measure.estimate.low = of->at("ci95").at(0).get<double>();
    measure.estimate.high = of->at("ci95").at(1).get<double>();
  }
  measure.examples = integer(*of, "n");
  const char* deviation = run.kind == ReportedRun::Kind::train ? "dev_std" : "std";
  if (has(*run.object, deviation))
    measure.spread = percent(run.object->at(deviation).get<double>());
  return measure;
}

std::string kind_of(const ReportedRun& run) {
  switch (run.kind) {
  case ReportedRun::Kind::train:
    return "training, development set";
  case ReportedRun::Kind::eval:
    return "evaluation";
  case ReportedRun::Kind::compare:
    return "comparison, mean over seeds";
  }
  return "";
}

/// The run's row in the table of all runs.
std::string row_of(const ReportedRun& run, const Measure& measure) {
  const Json& object = *run.object;
  const bool interval = measure.estimate.low < measure.estimate.high;
  std::string html = "<tr>" + cell(run.name, false) + cell(kind_of(run), false) + cell(measure.metric, false);
  html += cell(measure.known ? percent(measure.estimate.value) : "-");
  html += cell(interval ? percent(measure.estimate.low) + " to " + percent(measure.estimate.high) : "-");
  html += cell(measure.spread) + cell(measure.examples) + cell(integer(object, "parameters"));
  html += cell(integer(object, "steps"));
  html += cell(has(object, "seconds") ? rounded(object.at("seconds").get<double>(), 1) : "-");
  return html + cell(run.file, false) + "</tr>\n";
}

/// The metric on the development set by step, where there are at least two evaluations.
Curve dev_curve(const ReportedRun& run) {
  Curve curve{run.name, {}, {}};
  if (has(*run.object, "dev_curve"))
    for (const Json& point : run.object->at("dev_curve")) {
      curve.steps.push_back(point.at(0).get<double>());
      curve.values.push_back(point.at(1).is_null() ? NAN : point.at(1).get<double>());
    }
  return curve;
}

Curve loss_curve(const ReportedRun& run) {
  Curve curve{run.name, {}, {}};
  if (has(*run.object, "losses"))
    for (const Json& loss : run.object->at("losses"))
      curve.values.push_back(loss.is_null() ? NAN : loss.get<double>());
  return curve;
}

CalibrationCurve calibration_of(const ReportedRun& run) {
  const Json& found = run.object->at("calibration");
  CalibrationCurve curve;
  curve.name = run.name + ": expected calibration error " + percent(found.at("error").get<double>());
  for (const Json& bin : found.at("bins"))
    curve.points.push_back(
        {bin.at("confidence").get<double>(), bin.at("accuracy").get<double>(), bin.at("n").get<long long>()});
  return curve;
}

/// Contents of the page, collected run by run.
struct Contents {
  std::string rows, pairs, matrices, mistakes, descriptions;
  std::vector<Estimate> estimates;
  std::vector<Curve> losses, dev;
  std::vector<CalibrationCurve> calibrations;

  void add(const ReportedRun& run) {
    const auto holds = [&](const char* key) { return has(*run.object, key) && !run.object->at(key).empty(); };
    const Measure measure = measure_of(run);
    rows += row_of(run, measure);
    if (measure.known)
      estimates.push_back(measure.estimate);
    if (Curve curve = loss_curve(run); !curve.values.empty())
      losses.push_back(std::move(curve));
    if (Curve curve = dev_curve(run); curve.values.size() > 1)
      dev.push_back(std::move(curve));
    if (holds("versus"))
      pairs += pair_of(run);
    if (holds("calibration"))
      calibrations.push_back(calibration_of(run));
    descriptions += description_of(run);
    if (holds("confusion"))
      matrices += confusion_matrix(run);
    if (holds("mistakes"))
      mistakes += mistakes_of(run);
  }
};

/// Blocks of several runs beside each other, as far as there is room.
std::string side_by_side(const std::string& blocks) {
  return blocks.empty() ? blocks : "<div class=\"runs\">\n" + blocks + "</div>\n";
}

std::string section(const std::string& title, const std::string& html) {
  return html.empty() ? html : "<h2>" + title + "</h2>\n" + html;
}

} // namespace

std::vector<ReportedRun> reported_runs(const std::vector<std::string>& files,
                                       const std::vector<nlohmann::json>& objects) {
  std::vector<ReportedRun> runs;
  std::map<std::string, int> seen;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const Json& object = objects[i];
    const auto text = [&](const char* key) { return object.contains(key) && object[key].is_string(); };
    ReportedRun run;
    run.file = files[i];
    run.object = &object;
    if (object.is_object() && text("tuner") && object.contains("mean")) {
      run.kind = ReportedRun::Kind::compare;
      run.name = object["tuner"];
    } else if (object.is_object() && text("card") && object.contains("losses")) {
      run.kind = ReportedRun::Kind::train;
      run.name = object["card"];
      if (text("tuner"))
        run.name += " (" + object["tuner"].get<std::string>() + ")";
    } else if (object.is_object() && text("card") && object.contains("n")) {
      run.kind = ReportedRun::Kind::eval;
      run.name = object["card"];
    } else {
      throw DataError(files[i] + ": contains an object that isn't JSON output of `cuecard train`, `eval` or "
                                 "`compare`; pass files written with --json.");
    }
    ++seen[run.name];
    runs.push_back(std::move(run));
  }
  for (ReportedRun& run : runs)
    if (seen[run.name] > 1)
      run.name += ", " + run.file;
  return runs;
}

std::string report_page(const std::vector<ReportedRun>& runs) {
  Contents contents;
  for (const ReportedRun& run : runs)
    try {
      contents.add(run);
    } catch (const Json::exception& error) {
      throw DataError(run.file + ": \"" + run.name + "\" has an unexpected form: " + error.what() + ".");
    }
  const std::string table = table_of(header({"run", "type", "metric", "value", "95% interval", "std over seeds",
                                             "examples", "trained parameters", "steps", "seconds", "file"}) +
                                     contents.rows);
  const std::string pairs =
      contents.pairs.empty()
          ? ""
          : "<p>McNemar's exact test on the same examples.</p>\n" +
                table_of(header({"card", "against", "only this correct", "only the other correct", "p"}) +
                         contents.pairs);
  return head +
         section("Comparison of runs",
                 table + (contents.estimates.empty() ? "" : scrolling(interval_chart(contents.estimates)))) +
         section("Pairs of cards", pairs) +
         section("Training loss by step", scrolling(line_chart(contents.losses))) +
         section("Metric on the development set by step", scrolling(line_chart(contents.dev))) +
         section("Calibration: fraction of correct predictions by probability",
                 scrolling(calibration_chart(contents.calibrations))) +
         section("Confusion matrices", side_by_side(contents.matrices)) +
         section("Worst mistakes", contents.mistakes) +
         section("What was run", side_by_side(contents.descriptions)) + "</body>\n</html>\n";
}

} // namespace cuecard::host
