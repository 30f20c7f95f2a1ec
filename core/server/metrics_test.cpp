#include "server/metrics.hpp"

#include <doctest/doctest.h>

using namespace cuecard::server;

namespace {

bool has(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

} // namespace

TEST_CASE("requests are counted by endpoint and status, with cumulative buckets") {
  Metrics metrics;
  metrics.request("/v1/predict", 200, 0.003);
  metrics.request("/v1/predict", 200, 4);
  metrics.request("/v1/predict", 404, 100);
  const std::string text = metrics.text({.state = "ready", .connections = 3, .rows_waiting = 7});
  CHECK(has(text, "cuecard_requests_total{endpoint=\"/v1/predict\",code=\"200\"} 2"));
  CHECK(has(text, "cuecard_requests_total{endpoint=\"/v1/predict\",code=\"404\"} 1"));
  CHECK(has(text, "cuecard_request_seconds_bucket{endpoint=\"/v1/predict\",le=\"0.0025\"} 0"));
  CHECK(has(text, "cuecard_request_seconds_bucket{endpoint=\"/v1/predict\",le=\"0.005\"} 1"));
  CHECK(has(text, "cuecard_request_seconds_bucket{endpoint=\"/v1/predict\",le=\"5\"} 2"));
  CHECK(has(text, "cuecard_request_seconds_bucket{endpoint=\"/v1/predict\",le=\"+Inf\"} 3"));
  CHECK(has(text, "cuecard_request_seconds_sum{endpoint=\"/v1/predict\"} 104.003"));
  CHECK(has(text, "cuecard_state{state=\"ready\"} 1"));
  CHECK(has(text, "cuecard_state{state=\"draining\"} 0"));
  CHECK(has(text, "cuecard_connections 3"));
  CHECK(has(text, "cuecard_rows_waiting 7"));
}

TEST_CASE("sizes of passes are cumulative, and rows that were cut are counted") {
  Metrics metrics;
  metrics.row("a", true, 5);
  metrics.row("a", true, 0);
  metrics.row("b", true, 7);
  const std::string text = metrics.text({.pass_rows = {{{1, 3}, {2, 0}, {4, 2}}, 1, 20}});
  CHECK(has(text, "# TYPE cuecard_pass_rows histogram"));
  CHECK(has(text, "cuecard_pass_rows_bucket{le=\"1\"} 3"));
  CHECK(has(text, "cuecard_pass_rows_bucket{le=\"2\"} 3"));
  CHECK(has(text, "cuecard_pass_rows_bucket{le=\"4\"} 5"));
  CHECK(has(text, "cuecard_pass_rows_bucket{le=\"+Inf\"} 6"));
  CHECK(has(text, "cuecard_pass_rows_sum 20"));
  CHECK(has(text, "cuecard_pass_rows_count 6"));
  CHECK(has(text, "cuecard_rows_cut_total 2"));
  CHECK(has(text, "cuecard_tokens_cut_total 12"));
}

TEST_CASE("names of cards are escaped, and their number is bounded") {
  Metrics metrics;
  metrics.row("a\"b\\c\nd", true);
  for (std::size_t card = 0; card < 3 * Metrics::most_cards; ++card)
    metrics.row("card " + std::to_string(card), card % 2 == 0);
  metrics.row("card 0", false);
  const std::string text = metrics.text({});
  CHECK(has(text, "cuecard_rows_total{card=\"a\\\"b\\\\c\\nd\",result=\"answered\"} 1"));
  CHECK(has(text, "cuecard_rows_total{card=\"card 0\",result=\"answered\"} 1"));
  CHECK(has(text, "cuecard_rows_total{card=\"card 0\",result=\"failed\"} 1"));
  CHECK(text.find("card 250") == std::string::npos);
  // 300 cards less the 99 that had room beside the first one: numbers 99 to 299, of which 100 are even.
  CHECK(has(text, "cuecard_rows_total{card=\"\",result=\"answered\"} 100"));
  CHECK(has(text, "cuecard_rows_total{card=\"\",result=\"failed\"} 101"));
}
