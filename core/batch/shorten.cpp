#include "batch/shorten.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cuecard {

namespace {

constexpr std::pair<Truncate, const char*> names[] = {{Truncate::tail, "tail"},
                                                      {Truncate::head, "head"},
                                                      {Truncate::balanced, "balanced"},
                                                      {Truncate::windows, "windows"}};

int64_t cut_end(Stretch& stretch, int64_t wanted) {
  const int64_t cut = std::min(wanted, static_cast<int64_t>(stretch.rows.size()));
  stretch.rows.erase(stretch.rows.end() - cut, stretch.rows.end());
  return cut;
}

int64_t cut_beginning(Stretch& stretch, int64_t wanted) {
  const int64_t cut = std::min(wanted, static_cast<int64_t>(stretch.rows.size()));
  stretch.rows.erase(stretch.rows.begin(), stretch.rows.begin() + cut);
  return cut;
}

bool of_field(const Stretch& stretch, int64_t field) {
  return stretch.shortenable && !stretch.rows.empty() && stretch.rows[0].origin.field == field;
}

/// Keeps tokens `begin` to `end` of the field, counted over all its stretches.
std::vector<Stretch> window(std::vector<Stretch> stretches, int64_t field, int64_t begin, int64_t end) {
  int64_t first = 0;
  for (Stretch& stretch : stretches) {
    if (!of_field(stretch, field))
      continue;
    const int64_t size = std::ssize(stretch.rows);
    cut_end(stretch, std::clamp<int64_t>(first + size - end, 0, size));
    cut_beginning(stretch, std::clamp<int64_t>(begin - first, 0, size));
    first += size;
  }
  return stretches;
}

} // namespace

std::string name_of(Truncate truncate) {
  return std::ranges::find(names, truncate, &std::pair<Truncate, const char*>::first)->second;
}

std::optional<Truncate> truncate_of_name(std::string_view name) {
  for (const auto& [truncate, its_name] : names)
    if (name == its_name)
      return truncate;
  return std::nullopt;
}

int64_t count_rows(const std::vector<Stretch>& stretches) {
  int64_t count = 0;
  for (const Stretch& stretch : stretches)
    count += std::ssize(stretch.rows);
  return count;
}

int64_t count_shortenable_rows(const std::vector<Stretch>& stretches) {
  int64_t count = 0;
  for (const Stretch& stretch : stretches)
    if (stretch.shortenable)
      count += std::ssize(stretch.rows);
  return count;
}

void shorten(std::vector<Stretch>& stretches, int64_t excess, Truncate truncate) {
  int64_t left = excess;
  if (truncate == Truncate::tail) {
    for (auto stretch = stretches.rbegin(); stretch != stretches.rend() && left > 0; ++stretch)
      if (stretch->shortenable)
        left -= cut_end(*stretch, left);
  } else if (truncate == Truncate::head) {
    for (auto stretch = stretches.begin(); stretch != stretches.end() && left > 0; ++stretch)
      if (stretch->shortenable)
        left -= cut_beginning(*stretch, left);
  } else {
    const double total = static_cast<double>(count_shortenable_rows(stretches));
    for (Stretch& stretch : stretches) {
      if (!stretch.shortenable)
        continue;
      const double share =
          std::ceil(static_cast<double>(stretch.rows.size()) / total * static_cast<double>(excess));
      left -= cut_end(stretch, std::min(static_cast<int64_t>(share), left));
    }
  }
}

std::vector<std::vector<Stretch>> windows(const std::vector<Stretch>& stretches, int64_t excess,
                                          int64_t field) {
  std::vector<int32_t> words; // of each token of the field
  for (const Stretch& stretch : stretches)
    if (of_field(stretch, field))
      for (const PromptToken& token : stretch.rows)
        words.push_back(token.origin.word);
  const int64_t tokens = std::ssize(words), size = tokens - excess;
  if (size <= 0)
    return {};
  const auto inside_word = [&](int64_t token) {
    const auto at = static_cast<std::size_t>(token);
    return token > 0 && words[at] >= 0 && words[at] == words[at - 1];
  };
  std::vector<std::vector<Stretch>> result;
  for (int64_t begin = 0;;) {
    const int64_t end = std::min(begin + size, tokens);
    result.push_back(window(stretches, field, begin, end));
    if (end == tokens)
      return result;
    const int64_t wanted = std::min(begin + std::max<int64_t>(1, size / 2), tokens - size);
    int64_t next = wanted;
    while (next > begin && inside_word(next))
      --next;
    for (next = next > begin ? next : wanted; next < tokens && inside_word(next);)
      ++next;
    if (next == tokens)
      return result;
    begin = next;
  }
}

} // namespace cuecard
