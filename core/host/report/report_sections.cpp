#include "host/report/report_sections.hpp"

#include <algorithm>

#include "host/report/report_html.hpp"

namespace cuecard::host {

namespace {

using Json = nlohmann::json;

std::string titled(const ReportedRun& run, const std::string& html) {
  return "<h3>" + escaped(run.name) + "</h3>\n" + html;
}

/// The text, and below it the tokens that the model read.
std::string text_cell(const Json& mistake) {
  std::string html =
      "<td class=\"wide\">" + escaped(has(mistake, "text") ? mistake.at("text").get<std::string>() : "");
  if (has(mistake, "tokens")) {
    std::string tokens;
    for (const Json& token : mistake.at("tokens"))
      tokens += (tokens.empty() ? "" : " ") + token.get<std::string>();
    html += "<div class=\"tokens\">" + escaped(tokens) + "</div>";
  }
  return html + "</td>";
}

/// "length = 20, init = text".
std::string options_text(const Json& options) {
  std::string text;
  for (const auto& [name, value] : options.items())
    text += (text.empty() ? "" : ", ") + name + " = " +
            (value.is_string() ? value.get<std::string>() : value.dump());
  return text;
}

} // namespace

/// Rows are gold labels; the shade of a cell is its share of the row.
std::string confusion_matrix(const ReportedRun& run) {
  const Json &counts = run.object->at("confusion"), &labels = run.object->at("labels");
  std::string html;
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
  return "<div>\n" + titled(run, table_of(html)) + "</div>\n";
}

std::string mistakes_of(const ReportedRun& run) {
  const Json& mistakes = run.object->at("mistakes");
  const bool ids =
      std::any_of(mistakes.begin(), mistakes.end(), [](const Json& mistake) { return has(mistake, "id"); });
  std::vector<std::string> names{"line", "gold", "predicted", "probability",
                                 "text, and the tokens that were read"};
  if (ids)
    names.insert(names.begin() + 1, "id");
  std::string rows = header(names);
  for (const Json& mistake : mistakes)
    rows += "<tr>" + cell(integer(mistake, "line")) +
            (ids ? cell(has(mistake, "id") ? mistake.at("id").get<std::string>() : "", false) : "") +
            cell(mistake.at("gold").get<std::string>(), false) +
            cell(mistake.at("predicted").get<std::string>(), false) +
            cell(has(mistake, "probability") ? rounded(mistake.at("probability").get<double>(), 3) : "-") +
            text_cell(mistake) + "</tr>\n";
  return titled(run, table_of(rows));
}

std::string pair_of(const ReportedRun& run) {
  const Json& pair = run.object->at("versus");
  return "<tr>" + cell(run.name, false) + cell(pair.at("card").get<std::string>(), false) +
         cell(integer(pair, "only_this")) + cell(integer(pair, "only_other")) +
         cell(p_value(pair.at("p_value").get<double>())) + "</tr>\n";
}

std::string description_of(const ReportedRun& run) {
  const Json& object = *run.object;
  std::string rows;
  const auto add = [&](const std::string& name, const std::string& html) {
    if (!html.empty())
      rows += "<tr><th>" + name + "</th><td>" + html + "</td></tr>\n";
  };
  const auto text = [](const Json& of, const char* key) {
    return has(of, key) ? of.at(key).get<std::string>() : std::string();
  };
  const auto add_data = [&](const std::string& name, const Json& of) {
    const std::string digest = text(of, "data_sha256");
    add(name, escaped(text(of, "data") + (digest.empty() ? "" : " (SHA-256 " + digest.substr(0, 16) + "...)")));
  };
  if (has(object, "run")) {
    const Json& about = object.at("run");
    add("model", escaped(text(about, "model") + (has(about, "weights_sha256")
                                                     ? " (SHA-256 of its weights " +
                                                           text(about, "weights_sha256").substr(0, 16) + "...)"
                                                     : "")));
    add("date", escaped(text(about, "date")));
    add("command", "<pre>" + escaped(text(about, "command")) + "</pre>");
    add("program", escaped("cuecard " + text(about, "version") + ", " + text(about, "device") + ", " +
                           text(about, "dtype") + ", " + integer(about, "threads") +
                           (integer(about, "threads") == "1" ? " thread" : " threads")));
  }
  add_data("data", object);
  if (has(object, "dev"))
    add_data("development data", object.at("dev"));
  add("template", has(object, "template") ? "<pre>" + escaped(text(object, "template")) + "</pre>" : "");
  if (has(object, "verbalizer"))
    add("verbalizer", escaped(text(object.at("verbalizer"), "component") + ": " +
                              options_text(object.at("verbalizer").at("options"))));
  if (has(object, "options"))
    add("tuner", escaped(text(object, "tuner") +
                         (object.at("options").empty() ? "" : ": " + options_text(object.at("options")))));
  if (has(object, "settings") && !object.at("settings").empty())
    add("training", escaped(options_text(object.at("settings"))));
  return rows.empty() ? "" : "<div class=\"described\">\n" + titled(run, table_of(rows)) + "</div>\n";
}

} // namespace cuecard::host
