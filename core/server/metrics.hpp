/// Metrics for Prometheus, in its text format 0.0.4.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace cuecard::server {

/// A histogram with upper bounds.
struct Histogram {
  struct Bucket {
    std::int64_t most = 0, count = 0; ///< those that the buckets before it don't have
  };
  std::vector<Bucket> buckets;
  std::int64_t beyond = 0; ///< more than the last bucket has
  std::int64_t sum = 0;    ///< of all sizes
};

/// Values at the time of the request for metrics.
struct Gauges {
  std::string state = {};
  std::int64_t connections = 0, requests_running = 0, cards = 0;
  std::int64_t cards_in_memory = 0, cards_read = 0;
  std::int64_t rows_waiting = 0, tokens_waiting = 0, forward_passes = 0, tokens_forwarded = 0,
               tokens_from_cache = 0;
  Histogram pass_rows = {}, pass_tokens = {};
};

/// Threads: the server's.
class Metrics {
public:
  /// Maximum number of cards with metrics of their own; rows of later ones are counted under the label "".
  static constexpr std::size_t most_cards = 100;

  /// A request to `endpoint`, one of a fixed list, that took `seconds`.
  void request(const std::string& endpoint, int status, double seconds);
  /// `cut`: tokens that truncation removed from it.
  void row(const std::string& card, bool answered, std::int64_t cut = 0);
  void card_refused() { ++cards_refused_; }

  std::string text(const Gauges& gauges) const;

private:
  static constexpr std::array<double, 14> bounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                    0.25,  0.5,    1,     2.5,  5,     10,   30};
  struct Latency {
    std::array<std::int64_t, bounds.size()> within{}; ///< cumulative
    std::int64_t count = 0;
    double sum = 0;
  };
  struct Rows {
    std::int64_t answered = 0, failed = 0;
  };

  std::map<std::pair<std::string, int>, std::int64_t> requests_;
  std::map<std::string, Latency> latencies_;
  std::map<std::string, Rows> rows_;
  std::int64_t cards_refused_ = 0, rows_cut_ = 0, tokens_cut_ = 0;
};

} // namespace cuecard::server
