// The page contains the runs' results, with their text escaped.
#include "host/report/report_page.hpp"

#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cuecard/error.hpp>

#include "host/report/report_charts.hpp"

using namespace cuecard;
using namespace cuecard::host;
using Json = nlohmann::json;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++found;
  return found;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string page_of(const std::vector<Json>& objects) {
  std::vector<std::string> files;
  for (std::size_t i = 0; i < objects.size(); ++i)
    files.push_back("run-" + std::to_string(i) + ".json");
  return report_page(reported_runs(files, objects));
}

Json trained() {
  return {{"card", "a<b"},
          {"tuner", "prompt-tuning"},
          {"parameters", 11520},
          {"steps", 3},
          {"seconds", 2.5},
          {"losses", {3.0, nullptr, 1.0}},
          {"dev", {{"n", 40}, {"metric", "accuracy"}, {"value", 0.75}, {"ci95", {0.6, 0.86}}}}};
}
Json measured() {
  return {{"card", "m"},
          {"n", 10},
          {"metric", "accuracy"},
          {"value", 0.7},
          {"ci95", {0.4, 0.9}},
          {"seconds", 1.0},
          {"labels", {"no", "yes & so"}},
          {"confusion", {{4, 1}, {2, 3}}},
          {"mistakes",
           Json::array({{{"line", 7}, {"gold", "no"}, {"predicted", "yes & so"}, {"text", "<script>"}}})}};
}

/// Points of each polyline, as y coordinates.
std::vector<std::vector<double>> heights(const std::string& svg) {
  std::vector<std::vector<double>> lines;
  const std::string mark = "points=\"";
  for (std::size_t at = svg.find(mark); at != std::string::npos; at = svg.find(mark, at + 1)) {
    const std::string list = svg.substr(at + mark.size(), svg.find('"', at + mark.size()) - at - mark.size());
    lines.emplace_back();
    for (std::size_t comma = list.find(','); comma != std::string::npos; comma = list.find(',', comma + 1))
      lines.back().push_back(std::stod(list.substr(comma + 1)));
  }
  return lines;
}

} // namespace

TEST_CASE("the page contains the results of training and evaluation") {
  const std::string page = page_of({trained(), measured()});
  for (const char* part : {"a&lt;b (prompt-tuning)", "75.0%", "60.0% to 86.0%", "11,520", "70.0%", "run-1.json",
                           "Training loss by step", "yes &amp; so", "Worst mistakes", "&lt;script&gt;"}) {
    CAPTURE(part);
    CHECK(holds(page, part));
  }
  CHECK(!holds(page, "<script"));
  CHECK(!holds(page, "http"));
  for (const char* tag : {"table", "tr", "td", "svg", "h2", "h3", "body", "html"}) {
    CAPTURE(tag);
    CHECK(count(page, std::string("<") + tag + ">") + count(page, std::string("<") + tag + " ") ==
          count(page, std::string("</") + tag + ">"));
  }
  // Two of five, and three of five, in the second row.
  CHECK(holds(page, "rgba(0,114,178,0.240)\">2<"));
  CHECK(holds(page, "rgba(0,114,178,0.360)\">3<"));
}

TEST_CASE("the page says what was run, on what, when and how") {
  Json run = measured();
  run["data"] = "dev<1>.tsv";
  run["data_sha256"] = std::string(64, 'd');
  run["tuner"] = "prompt-tuning";
  run["template"] = "{text}\nIt was <b>";
  run["options"] = {{"length", 20}, {"init", "text"}};
  run["verbalizer"] = {{"component", "manual"}, {"options", {{"calibrate", "blank"}}}};
  run["run"] = {{"command", "cuecard eval --data 'dev<1>.tsv'"},
                {"date", "2026-01-02T03:04:05Z"},
                {"version", "0.2.0"},
                {"model", "SmolLM2"},
                {"weights_sha256", std::string(64, 'e')},
                {"dtype", "float32"},
                {"device", "cpu"},
                {"threads", 2}};
  const std::string page = page_of({run});
  for (const char* part :
       {"cuecard eval --data &#39;dev&lt;1&gt;.tsv&#39;", "2026-01-02T03:04:05Z", "SmolLM2",
        "eeeeeeeeeeeeeeee...", "dev&lt;1&gt;.tsv (SHA-256 dddddddddddddddd...)", "It was &lt;b&gt;",
        "length = 20", "init = text", "calibrate = blank", "2 threads"}) {
    CAPTURE(part);
    CHECK(holds(page, part));
  }
}

TEST_CASE("the metric on the development set by step, calibration, and pairs of cards") {
  Json run = trained();
  run["dev_curve"] = {{10, 0.25}, {20, 0.75}};
  Json pair = measured();
  pair["versus"] = {{"card", "plain"}, {"only_this", 30}, {"only_other", 2}, {"p_value", 0.00000123}};
  pair["calibration"] = {
      {"error", 0.125},
      {"bins", Json::array({{{"low", 0.5}, {"high", 0.6}, {"n", 9}, {"confidence", 0.5}, {"accuracy", 0.25}},
                            {{"low", 0.9}, {"high", 1.0}, {"n", 1}, {"confidence", 1.0}, {"accuracy", 1.0}}})}};
  const std::string page = page_of({run, pair});
  for (const char* part :
       {"Metric on the development set by step", "Calibration", "expected calibration error 12.5%",
        "Pairs of cards", "plain", ">30<", "p = 1.2e-06"}) {
    CAPTURE(part);
    CHECK(holds(page, part));
  }
  CHECK(!holds(page, "p = 0.0000"));
  CHECK(!holds(page_of({trained()}), "Metric on the development set by step"));
}

TEST_CASE("points of a curve with steps of its own lie at these steps") {
  const std::string svg = line_chart({{"dev", {0.25, 0.75, 0.5}, {1, 2, 5}}});
  std::vector<double> across;
  const std::string mark = "<circle cx=\"";
  for (std::size_t at = svg.find(mark); at != std::string::npos; at = svg.find(mark, at + 1))
    across.push_back(std::stod(svg.substr(at + mark.size())));
  REQUIRE(across.size() == 3);
  CHECK(std::abs((across[2] - across[0]) - 4 * (across[1] - across[0])) < 0.5);
}

TEST_CASE("a perfect calibration lies on the diagonal") {
  const auto lines = heights(calibration_chart({{"m", {{0.5, 0.5, 3}, {1, 1, 1}}}}));
  REQUIRE(lines.size() == 1);
  const auto off = heights(calibration_chart({{"m", {{0.5, 0.25, 3}, {1, 1, 1}}}}));
  CHECK(off[0][1] == lines[0][1]);
  CHECK(std::abs((off[0][0] - lines[0][0]) - (lines[0][0] - lines[0][1]) / 2) < 0.5);
  CHECK(calibration_chart({}).empty());
}

TEST_CASE("mistakes have the caller's ids and the tokens that were read, in full") {
  Json run = measured();
  run["mistakes"][0]["id"] = "row-17";
  run["mistakes"][0]["text"] = std::string(3000, 'x') + "end";
  run["mistakes"][0]["tokens"] = {"<s>", "end"};
  const std::string page = page_of({run});
  CHECK(holds(page, "row-17"));
  CHECK(holds(page, "xend"));
  CHECK(holds(page, "&lt;s&gt; end"));
}

TEST_CASE("a run is shown with its own metric, without the interval of another metric") {
  Json texts = measured();
  texts["metric"] = "bleu";
  texts["value"] = 0.31;
  const std::string page = page_of({texts});
  CHECK(holds(page, ">bleu<"));
  CHECK(holds(page, "31.0%"));
  CHECK(!holds(page, "40.0% to 90.0%"));
}

TEST_CASE("sections without contents are omitted") {
  Json bare = measured();
  bare.erase("mistakes");
  bare.erase("confusion");
  const std::string page = page_of({bare});
  CHECK(!holds(page, "Worst mistakes"));
  CHECK(!holds(page, "Confusion"));
  CHECK(!holds(page, "Training loss"));
}

TEST_CASE("curves follow their values, break at gaps and are downsampled by averaging") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto lines = heights(line_chart({{"a", {4, 2, nan, 1}}, {"b", {0, 4}}}));
  REQUIRE(lines.size() == 3);
  REQUIRE(lines[0].size() == 2);
  CHECK(lines[0][0] < lines[0][1]); // SVG's y points down
  CHECK(lines[1].size() == 1);
  CHECK(lines[2][1] == lines[0][0]); // both are 4
  // The distances are those of the values.
  CHECK(std::abs((lines[2][0] - lines[0][0]) - 2 * (lines[0][1] - lines[0][0])) < 0.5);

  std::vector<double> many(4000, 1.0);
  for (std::size_t i = 0; i < many.size(); i += 2)
    many[i] = 3.0;
  const auto thin = heights(line_chart({{"many", many}}));
  REQUIRE(thin.size() == 1);
  CHECK(thin[0].size() <= 400);
  for (const double y : thin[0])
    CHECK(y == thin[0][0]);
  CHECK(line_chart({{"nothing", {nan}}}).empty());
}

TEST_CASE("runs of the same name are distinguished by file, and other objects are rejected") {
  const std::string page = page_of({measured(), measured()});
  CHECK(holds(page, "m, run-0.json"));
  CHECK(holds(page, "m, run-1.json"));
  CHECK_THROWS_WITH_AS(page_of({Json{{"row", 0}, {"label", "x"}}}), doctest::Contains("run-0.json"), DataError);
  CHECK_THROWS_AS(page_of({Json::array({1, 2})}), DataError);
  Json wrong = measured();
  wrong["value"] = "much";
  CHECK_THROWS_WITH_AS(page_of({trained(), wrong}), doctest::Contains("run-1.json"), DataError);
  wrong = measured();
  wrong["confusion"] = Json::array({Json::array({1})});
  CHECK_THROWS_AS(page_of({wrong}), DataError);
}
