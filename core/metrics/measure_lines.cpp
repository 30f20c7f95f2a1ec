// For tests/golden/metrics/compare_metrics.py: measures many texts.
// Reads one JSON object per line from standard input, {"texts": [...], "references": [[...], ...]} or {"predicted":
// [[tag, ...], ...], "gold": [[tag, ...], ...]}, and writes the metrics of the texts by name, or {"entity-f1"}.
#include <iostream>

#include <nlohmann/json.hpp>

#include "metrics/f1.hpp"
#include "metrics/task_metric.hpp"

namespace {

using Sentences = std::vector<std::vector<std::string>>;

nlohmann::json answer(const nlohmann::json& request) {
  if (request.contains("texts"))
    return cuecard::all_text_metrics(
        {request["texts"].get<std::vector<std::string>>(), request["references"].get<Sentences>()});
  cuecard::F1Counts all;
  for (const auto& [type, counts] :
       cuecard::count_entities(request["predicted"].get<Sentences>(), request["gold"].get<Sentences>()))
    all += counts;
  return {{"entity-f1", all.f1()}};
}

} // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);)
    std::cout << answer(nlohmann::json::parse(line)).dump() << "\n";
}
