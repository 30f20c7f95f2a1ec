#include <cuecard/error.hpp>

#include <algorithm>
#include <numeric>

namespace cuecard {

Error::Error(const std::string& text, Kind kind) : std::runtime_error(text), kind_(kind) {}
Error::~Error() = default;

UsageError::UsageError(const std::string& text) : Error(text, Kind::usage) {}
UsageError::~UsageError() = default;

DataError::DataError(const std::string& text) : Error(text, Kind::data) {}
DataError::~DataError() = default;

PluginError::PluginError(std::string plugin, std::string component, std::string method, const std::string& text)
    : Error("plugin \"" + plugin + "\", component \"" + component + "\", " + method + ": " + text,
            Kind::plugin),
      plugin_(std::move(plugin)), component_(std::move(component)), method_(std::move(method)) {}
PluginError::PluginError(const std::string& text) : Error(text, Kind::plugin) {}
PluginError::~PluginError() = default;

Cancelled::Cancelled() : Error("stopped on request", Kind::cancelled) {}
Cancelled::~Cancelled() = default;

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

} // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string best = nearest(word, candidates);
  return best.empty() ? "" : " Did you mean \"" + best + "\"?";
}

} // namespace cuecard
