#include "host/report/report_page.hpp"

#include <cmath>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "host/output/table.hpp"
#include "host/report/report_charts.hpp"
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
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 68em; margin: 2em auto; padding: 0 1em; }
h1, h2, h3 { line-height: 1.2; }
table { border-collapse: collapse; margin: 1em 0; display: block; overflow-x: auto; }
th, td { border: 1px solid #ccc; padding: 0.25em 0.6em; text-align: left; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
td.n, td:first-child { white-space: nowrap; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
.grid { stroke: #e3e3e3; } .axis { stroke: #888; } .interval { stroke: #0072b2; stroke-width: 3; }
</style>
</head>
<body>
<h1>Cuecard report</h1>
)";

std::string cell(const std::string& text, bool number = true) {
  return std::string(number ? "<td class=\"n\">" : "<td>") + escaped(text) + "</td>";
}

std::string header(const std::vector<std::string>& names) {
  std::string row = "<tr>";
  for (const std::string& name : names)
    row += "<th>" + escaped(name) + "</th>";
  return row + "</tr>\n";
}

bool has(const Json& object, const char* key) {
  return object.contains(key) && !object[key].is_null();
}

std::string integer(const Json& object, const char* key) {
  return has(object, key) ? grouped(object.at(key).get<long long>()) : "-";
}

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

Curve loss_curve(const ReportedRun& run) {
  Curve curve{run.name, {}};
  if (has(*run.object, "losses"))
    for (const Json& loss : run.object->at("losses"))
      curve.values.push_back(loss.is_null() ? NAN : loss.get<double>());
  return curve;
}

/// Rows are gold labels; the shade of a cell is its share of the row.
std::string confusion_matrix(const ReportedRun& run) {
  const Json &counts = run.object->at("confusion"), &labels = run.object->at("labels");
  std::string html = "<h3>" + escaped(run.name) + "</h3>\n<table>\n";
  std::vector<std::string> names{"gold \\ predicted"};
  for (const Json& label : labels)
    names.push_back(label.get<std::string>());
  html += header(names);
  for (std::size_t gold = 0; gold < labels.size(); ++gold) {
    long long sum = 0;
    for (const Json& count : counts.at(gold))
      sum += count.get<long long>();
    html += "<tr><th>" + escaped(names[gold + 1]) + "</th>";
    for (const Json& count : counts.at(gold)) {
      const long long n = count.get<long long>();
      const double share = sum > 0 ? static_cast<double>(n) / static_cast<double>(sum) : 0;
      html += "<td class=\"n\" style=\"background: rgba(0,114,178," + rounded(share * 0.6, 3) + ")\">" +
              grouped(n) + "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</table>\n";
}

std::string mistakes_of(const ReportedRun& run) {
  std::string html = "<h3>" + escaped(run.name) + "</h3>\n<table>\n" +
                     header({"line", "gold", "predicted", "probability", "text"});
  for (const Json& mistake : run.object->at("mistakes"))
    html += "<tr>" + cell(integer(mistake, "line")) + cell(mistake.at("gold").get<std::string>(), false) +
            cell(mistake.at("predicted").get<std::string>(), false) +
            cell(has(mistake, "probability") ? rounded(mistake.at("probability").get<double>(), 3) : "-") +
            cell(has(mistake, "text") ? mistake.at("text").get<std::string>() : "", false) + "</tr>\n";
  return html + "</table>\n";
}

/// Contents of the page, collected run by run.
struct Contents {
  std::string rows, matrices, mistakes;
  std::vector<Estimate> estimates;
  std::vector<Curve> curves;

  void add(const ReportedRun& run) {
    const auto holds = [&](const char* key) { return has(*run.object, key) && !run.object->at(key).empty(); };
    const Measure measure = measure_of(run);
    rows += row_of(run, measure);
    if (measure.known)
      estimates.push_back(measure.estimate);
    if (Curve curve = loss_curve(run); !curve.values.empty())
      curves.push_back(std::move(curve));
    if (holds("confusion"))
      matrices += confusion_matrix(run);
    if (holds("mistakes"))
      mistakes += mistakes_of(run);
  }
};

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
  const std::string table = "<table>\n" +
                            header({"run", "type", "metric", "value", "95% interval", "std over seeds",
                                    "examples", "trained parameters", "steps", "seconds", "file"}) +
                            contents.rows + "</table>\n";
  return head +
         section("Comparison of runs",
                 table + (contents.estimates.empty() ? "" : interval_chart(contents.estimates))) +
         section("Training loss by step", line_chart(contents.curves)) +
         section("Confusion matrices", contents.matrices) + section("Worst mistakes", contents.mistakes) +
         "</body>\n</html>\n";
}

} // namespace cuecard::host
