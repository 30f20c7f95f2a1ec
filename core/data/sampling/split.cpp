#include "data/sampling/split.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>

#include <cuecard/error.hpp>

#include "data/sampling/shuffle.hpp"

namespace cuecard {

namespace {

void append_normalized(std::string& key, const std::string& text) {
  bool after_space = true; // drops leading whitespace
  for (const char c : text) {
    const bool is_space = c == ' ' || (c >= '\t' && c <= '\r');
    if (!is_space)
      key += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    else if (!after_space)
      key += ' ';
    after_space = is_space;
  }
  if (!key.empty() && key.back() == ' ')
    key.pop_back();
  key += '\0';
}

std::string normalized_text(const Example& example) {
  std::string key;
  for (const auto& [name, text] : example.fields)
    append_normalized(key, text);
  for (const auto& [name, words] : example.words)
    for (const std::string& word : words)
      append_normalized(key, word);
  return key;
}

} // namespace

std::vector<std::vector<std::size_t>> split(const std::vector<Example>& examples,
                                            const std::vector<double>& fractions, uint32_t seed) {
  const double sum = std::accumulate(fractions.begin(), fractions.end(), 0.0);
  if (std::any_of(fractions.begin(), fractions.end(), [](double fraction) { return !(fraction > 0); }) ||
      sum > 1 + 1e-9)
    throw UsageError("split fractions must be greater than 0 and sum to at most 1.");

  std::map<std::string, std::size_t> group_of;
  std::vector<std::vector<std::size_t>> groups; // example indices with equal text, in order of first appearance
  for (std::size_t index = 0; index < examples.size(); ++index) {
    const auto [entry, fresh] = group_of.emplace(normalized_text(examples[index]), groups.size());
    if (fresh)
      groups.emplace_back();
    groups[entry->second].push_back(index);
  }
  LegacyRandom(seed).shuffle(groups);

  std::vector<std::vector<std::size_t>> parts(fractions.size());
  auto group = groups.begin();
  double end = 0; // cumulative target size up to and including this part
  std::size_t taken = 0;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    end += fractions[part] * static_cast<double>(examples.size());
    const auto target = static_cast<std::size_t>(std::llround(end));
    for (; group != groups.end() && (taken < target || parts[part].empty()); ++group) {
      taken += group->size();
      parts[part].insert(parts[part].end(), group->begin(), group->end());
    }
    std::sort(parts[part].begin(), parts[part].end());
  }
  return parts;
}

} // namespace cuecard
