#include "data/split.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>

#include <cuecard/error.hpp>

#include "data/shuffle.hpp"

namespace cuecard {

namespace {

void append_folded(std::string& key, const std::string& text) {
  bool blank = true; // leading blanks vanish
  for (const char c : text) {
    const bool is_blank = c == ' ' || (c >= '\t' && c <= '\r');
    if (!is_blank)
      key += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    else if (!blank)
      key += ' ';
    blank = is_blank;
  }
  if (!key.empty() && key.back() == ' ')
    key.pop_back();
  key += '\0';
}

std::string text_key(const Example& example) {
  std::string key;
  for (const auto& [name, text] : example.fields)
    append_folded(key, text);
  for (const auto& [name, words] : example.words)
    for (const std::string& word : words)
      append_folded(key, word);
  return key;
}

} // namespace

std::vector<std::vector<std::size_t>> split(const std::vector<Example>& examples,
                                            const std::vector<double>& shares, uint32_t seed) {
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  if (std::any_of(shares.begin(), shares.end(), [](double share) { return !(share > 0); }) || sum > 1 + 1e-9)
    throw UsageError("The shares of a split must be above 0 and sum to 1 at most.");

  std::map<std::string, std::size_t> group_of;
  std::vector<std::vector<std::size_t>> groups; // rows by text, in order of first appearance
  for (std::size_t row = 0; row < examples.size(); ++row) {
    const auto [entry, fresh] = group_of.emplace(text_key(examples[row]), groups.size());
    if (fresh)
      groups.emplace_back();
    groups[entry->second].push_back(row);
  }
  LegacyRandom(seed).shuffle(groups);

  std::vector<std::vector<std::size_t>> parts(shares.size());
  auto group = groups.begin();
  double end = 0; // rows that this part and those before it shall have
  std::size_t taken = 0;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    end += shares[part] * static_cast<double>(examples.size());
    const auto wanted = static_cast<std::size_t>(std::llround(end));
    for (; group != groups.end() && (taken < wanted || parts[part].empty()); ++group) {
      taken += group->size();
      parts[part].insert(parts[part].end(), group->begin(), group->end());
    }
    std::sort(parts[part].begin(), parts[part].end());
  }
  return parts;
}

} // namespace cuecard
