/// The server's log on standard error: messages, and a line for each request. Row texts and API keys are never logged.
#pragma once

#include <string>

namespace cuecard::server {

class Exchange;

enum class LogFormat {
  text, ///< `cuecard: sentence`
  json, ///< an object a line
};

/// Threads: any.
class Log {
public:
  explicit Log(LogFormat format) : format_(format) {}

  void say(const std::string& sentence) const { write("info", sentence); }
  void warn(const std::string& sentence) const { write("warning", sentence); }
  /// That an exchange is over, `seconds` after its header was read.
  void request(const Exchange& exchange, double seconds) const;

private:
  void write(const char* level, const std::string& sentence) const;

  const LogFormat format_;
};

} // namespace cuecard::server
