#include "server/log.hpp"

#include <chrono>
#include <cmath>
#include <ctime>
#include <iostream>

#include "program/one_line.hpp"
#include "server/http/exchange.hpp"
#include "server/json.hpp"

namespace cuecard::server {

namespace {

/// The maximum length of a logged path, which a client may make as long as a header.
constexpr std::size_t longest_path = 200;

/// The current time in UTC, in RFC 3339 format with milliseconds.
std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto since_1970 = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char date[32];
  std::strftime(date, sizeof date, "%FT%T", &parts);
  const std::string fraction = std::to_string(since_1970.count() % 1000);
  return date + std::string(".") + std::string(3 - fraction.size(), '0') + fraction + "Z";
}

/// One write, so that the lines of several threads do not mix.
void write_line(const std::string& line) {
  std::cerr << line + "\n" << std::flush;
}

Json json_line(const char* level) {
  return {{"time", timestamp()}, {"level", level}};
}

double milliseconds(double seconds) {
  return std::round(seconds * 1e6) / 1e3;
}

std::string text_of(const Json& request) {
  std::string line = "cuecard:";
  for (const char* key : {"method", "path", "status"})
    line += " " + (request[key].is_string() ? request[key].get<std::string>() : request[key].dump());
  for (const char* key : {"card", "cards", "rows", "tokens", "new_tokens", "milliseconds", "request_id"})
    if (const auto found = request.find(key); found != request.end() && !found->is_null())
      line += std::string(" ") + key + "=" + (found->is_string() ? found->get<std::string>() : found->dump());
  return line;
}

} // namespace

void Log::request(const Exchange& exchange, double seconds) const {
  const RequestNotes& notes = exchange.notes;
  Json line = json_line("info");
  line["method"] = exchange.request.method;
  line["path"] = exchange.request.path.substr(0, longest_path);
  line["status"] = exchange.status();
  if (notes.cards > 0) {
    line["card"] = notes.cards == 1 ? Json(notes.card) : Json();
    line["cards"] = notes.cards;
    line["rows"] = notes.rows;
    line["tokens"] = notes.tokens;
    line["new_tokens"] = notes.new_tokens;
  }
  line["milliseconds"] = milliseconds(seconds);
  line["request_id"] = exchange.request.id;
  write_line(format_ == LogFormat::json ? dump(line) : host::one_line(text_of(line)));
}

void Log::write(const char* level, const std::string& sentence) const {
  if (format_ == LogFormat::json) {
    Json line = json_line(level);
    line["message"] = sentence;
    return write_line(dump(line));
  }
  const bool warning = std::string(level) == "warning";
  write_line("cuecard: " + std::string(warning ? "warning: " : "") + host::one_line(sentence));
}

} // namespace cuecard::server
