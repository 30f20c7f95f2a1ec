#include "shipping/index/version_order.hpp"

#include <algorithm>
#include <vector>

namespace cuecard::shipping {

namespace {

using Words = std::vector<std::string>;

Words words_of(const std::string& text) {
  Words words;
  for (std::size_t begin = 0; begin <= text.size() && !text.empty();) {
    const std::size_t end = std::min(text.find('.', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

bool is_number(const std::string& word) {
  return !word.empty() && word.find_first_not_of("0123456789") == std::string::npos;
}

/// Numbers of any length.
int compare_words(std::string one, std::string other) {
  if (is_number(one) != is_number(other))
    return is_number(one) ? -1 : 1;
  if (is_number(one)) {
    one.erase(0, std::min(one.find_first_not_of('0'), one.size() - 1));
    other.erase(0, std::min(other.find_first_not_of('0'), other.size() - 1));
    if (one.size() != other.size())
      return one.size() < other.size() ? -1 : 1;
  }
  return one.compare(other);
}

} // namespace

int compare_versions(const std::string& one, const std::string& other) {
  const std::string first = one.substr(0, one.find('+')), second = other.substr(0, other.find('+'));
  const std::size_t dash = first.find('-'), other_dash = second.find('-');
  Words numbers = words_of(first.substr(0, dash)), other_numbers = words_of(second.substr(0, other_dash));
  const std::size_t count = std::max(numbers.size(), other_numbers.size());
  numbers.resize(count, "0");
  other_numbers.resize(count, "0");
  for (std::size_t i = 0; i < count; ++i)
    if (const int order = compare_words(numbers[i], other_numbers[i]); order != 0)
      return order;
  if ((dash == first.npos) != (other_dash == second.npos))
    return dash == first.npos ? 1 : -1;
  if (dash == first.npos)
    return 0;
  const Words before = words_of(first.substr(dash + 1)), other_before = words_of(second.substr(other_dash + 1));
  for (std::size_t i = 0; i < std::min(before.size(), other_before.size()); ++i)
    if (const int order = compare_words(before[i], other_before[i]); order != 0)
      return order;
  return before.size() == other_before.size() ? 0 : before.size() < other_before.size() ? -1 : 1;
}

} // namespace cuecard::shipping
