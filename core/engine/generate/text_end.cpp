#include "engine/generate/text_end.hpp"

#include <algorithm>

namespace cuecard {

bool TextEnd::ended(std::span<const int64_t> ids, int64_t most) const {
  if (bounds_.end(ids.back()) || std::ssize(ids) >= most)
    return true;
  return !settings_.stop.empty() && stop_in(vocabulary_.decode(ids)) < std::string::npos;
}

std::span<const int64_t> TextEnd::without_end(std::span<const int64_t> ids) const {
  return !ids.empty() && bounds_.end(ids.back()) ? ids.first(ids.size() - 1) : ids;
}

Generated TextEnd::generated(std::span<const int64_t> ids, double log_prob) const {
  ids = without_end(ids);
  Generated result{{ids.begin(), ids.end()}, vocabulary_.decode(ids), log_prob};
  result.text.resize(std::min(result.text.size(), stop_in(result.text)));
  return result;
}

std::size_t TextEnd::stop_in(const std::string& text) const {
  std::size_t first = std::string::npos;
  for (const std::string& stop : settings_.stop)
    if (!stop.empty())
      first = std::min(first, text.find(stop));
  return first;
}

} // namespace cuecard
