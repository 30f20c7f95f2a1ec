#include "host/output/run_info.hpp"

#include <ctime>
#include <string>

#include <ATen/Parallel.h>

namespace cuecard::host {

namespace {

/// A word, quoted for a shell.
std::string quoted(const std::string& word) {
  const char* plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:=@%+";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos)
    return word;
  std::string text = "'";
  for (const char letter : word)
    text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return text + "'";
}

std::string now() {
  const std::time_t time = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

} // namespace

Json run_json(const Values& values, const Model& model) {
  std::string command = "cuecard";
  for (const std::string& word : values.words())
    command += " " + quoted(word);
  return {{"command", command},
          {"date", now()},
          {"version", CUECARD_VERSION},
          {"model", model.identity().source},
          {"weights_sha256", model.identity().weights_sha256},
          {"dtype", values.text("dtype")},
          {"device", values.text("device")},
          {"threads", at::get_num_threads()}};
}

} // namespace cuecard::host
