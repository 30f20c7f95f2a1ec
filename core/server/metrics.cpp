#include "server/metrics.hpp"

#include <algorithm>
#include <initializer_list>
#include <sstream>
#include <string_view>

namespace cuecard::server {

namespace {

using Labels = std::initializer_list<std::pair<std::string_view, std::string>>;

class Page {
public:
  Page() { text_.precision(15); }

  void begin(std::string_view name, std::string_view type, std::string_view help) {
    text_ << "# HELP cuecard_" << name << ' ' << help << "\n# TYPE cuecard_" << name << ' ' << type << '\n';
  }
  template <class Number>
  void value(std::string_view name, const Labels& labels, Number number) {
    text_ << "cuecard_" << name;
    char before = '{';
    for (const auto& [label, value] : labels) {
      text_ << before << label << "=\"" << escaped(value) << '"';
      before = ',';
    }
    text_ << (labels.size() > 0 ? "} " : " ") << number << '\n';
  }
  void lone(std::string_view name, std::string_view type, std::string_view help, std::int64_t number) {
    begin(name, type, help);
    value(name, {}, number);
  }
  void histogram(const std::string& name, std::string_view help, const Histogram& sizes) {
    begin(name, "histogram", help);
    std::int64_t count = 0;
    for (const Histogram::Bucket& bucket : sizes.buckets)
      value(name + "_bucket", {{"le", std::to_string(bucket.most)}}, count += bucket.count);
    value(name + "_bucket", {{"le", "+Inf"}}, count += sizes.beyond);
    value(name + "_sum", {}, sizes.sum);
    value(name + "_count", {}, count);
  }
  std::string text() const { return text_.str(); }

private:
  static std::string escaped(const std::string& value) {
    std::string result;
    for (const char c : value) {
      if (c == '\\' || c == '"')
        result += '\\';
      result += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return result;
  }

  std::ostringstream text_;
};

std::string number(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

} // namespace

void Metrics::request(const std::string& endpoint, int status, double seconds) {
  ++requests_[{endpoint, status}];
  Latency& latency = latencies_[endpoint];
  for (std::size_t i = 0; i < bounds.size(); ++i)
    latency.within[i] += seconds <= bounds[i];
  ++latency.count;
  latency.sum += seconds;
}

void Metrics::row(const std::string& card, bool answered, std::int64_t cut) {
  rows_cut_ += cut > 0 ? 1 : 0;
  tokens_cut_ += cut;
  Rows& rows = rows_.contains(card) || rows_.size() < most_cards ? rows_[card] : rows_[""];
  ++(answered ? rows.answered : rows.failed);
}

std::string Metrics::text(const Gauges& gauges) const {
  Page page;
  page.begin("state", "gauge", "1 for the state that the server is in.");
  for (const char* state : {"loading", "ready", "draining"})
    page.value("state", {{"state", state}}, gauges.state == state ? 1 : 0);
  page.begin("requests_total", "counter", "Requests by endpoint and HTTP status; 499: the client left.");
  for (const auto& [key, count] : requests_)
    page.value("requests_total", {{"endpoint", key.first}, {"code", std::to_string(key.second)}}, count);
  page.begin("request_seconds", "histogram", "Time from a request's header to the end of its answer.");
  for (const auto& [endpoint, latency] : latencies_) {
    for (std::size_t i = 0; i < bounds.size(); ++i)
      page.value("request_seconds_bucket", {{"endpoint", endpoint}, {"le", number(bounds[i])}},
                 latency.within[i]);
    page.value("request_seconds_bucket", {{"endpoint", endpoint}, {"le", "+Inf"}}, latency.count);
    page.value("request_seconds_sum", {{"endpoint", endpoint}}, latency.sum);
    page.value("request_seconds_count", {{"endpoint", endpoint}}, latency.count);
  }
  page.begin("rows_total", "counter", "Rows by card (the first 100, then one with an empty name) and result.");
  for (const auto& [card, rows] : rows_) {
    page.value("rows_total", {{"card", card}, {"result", "answered"}}, rows.answered);
    page.value("rows_total", {{"card", card}, {"result", "failed"}}, rows.failed);
  }
  page.lone("rows_waiting", "gauge", "Rows that wait for the model.", gauges.rows_waiting);
  page.lone("tokens_waiting", "gauge", "Tokens of their texts.", gauges.tokens_waiting);
  page.lone("rows_cut_total", "counter", "Rows that truncation shortened.", rows_cut_);
  page.lone("tokens_cut_total", "counter", "Tokens that it removed.", tokens_cut_);
  page.lone("requests_running", "gauge", "Requests that are not answered yet.", gauges.requests_running);
  page.lone("connections", "gauge", "Open connections.", gauges.connections);
  page.lone("cards", "gauge", "Cards that are served.", gauges.cards);
  page.lone("cards_in_memory", "gauge", "Cards that are in memory.", gauges.cards_in_memory);
  page.lone("cards_read_again_total", "counter", "Times that a card was read because it was not in memory.",
            gauges.cards_read);
  page.lone("cards_refused_total", "counter", "Times that a new or changed card could not be loaded.",
            cards_refused_);
  page.lone("forward_passes_total", "counter", "Forward passes of the model.", gauges.forward_passes);
  page.lone("tokens_forwarded_total", "counter", "Tokens in them.", gauges.tokens_forwarded);
  page.histogram("pass_rows", "Prompts, or texts that are generated, of a forward pass.", gauges.pass_rows);
  page.histogram("pass_tokens", "Tokens of a forward pass, without those from a cache.", gauges.pass_tokens);
  page.lone("tokens_from_cache_total", "counter", "Tokens whose keys and values were taken from a cache.",
            gauges.tokens_from_cache);
  return page.text();
}

} // namespace cuecard::server
