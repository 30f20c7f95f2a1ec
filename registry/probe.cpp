#include "probe.hpp"

#include <sstream>

#include <nlohmann/json.hpp>

#include "child_process.hpp"

namespace cuecard::registry {

namespace {

void read_answer(const std::string& answer, ProbeResult& result) {
  const auto json = nlohmann::json::parse(answer, nullptr, false);
  if (!json.is_object() || !json.contains("ok") || !json["ok"].is_boolean() || !json.contains("text") ||
      !json["text"].is_string())
    return;
  result.ok = json["ok"].get<bool>();
  result.text = json["text"].get<std::string>();
}

} // namespace

ProbeResult probe(const std::filesystem::path& file, double limit, const std::vector<std::string>& child) {
  std::vector<std::string> command = child;
  command.push_back(file.string());
  const ChildResult ended = run_child(command, limit);

  ProbeResult result;
  result.seconds = ended.seconds;
  read_answer(ended.answer, result);
  // The answer only counts if the child exited normally: it may crash afterwards.
  if (ended.exit_code() == (result.ok ? 0 : 4) && !result.text.empty())
    return result;
  result.ok = false;
  result.crashed = true;
  result.text = file.string() + ": ";
  if (ended.stopped()) {
    std::ostringstream seconds;
    seconds << limit;
    result.text += "it did not load within " + seconds.str() + " seconds and was stopped.";
  } else if (ended.exit_code() < 0) {
    result.text += "it crashed with " + ended.signal() + " while being loaded.";
  } else {
    const std::string errors = ended.first_error();
    result.text +=
        "its process ended with exit code " + std::to_string(ended.exit_code()) +
        " while being loaded; a static initialiser may have called exit, or only one side uses a sanitizer" +
        (errors.empty() ? "" : " (its output: " + errors + ")") + ".";
  }
  return result;
}

} // namespace cuecard::registry
