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
