#include "gaps.hpp"

#include <utility>

#include <cuecard/error.hpp>

namespace cuecard {

Gaps::Gaps(std::string source) : source_(std::move(source)) {
  bool answered = false;
  for (TemplateItem& item : parse_template(source_).items) {
    answered = answered || item.kind == TemplateItem::Kind::answer;
    if (item.kind != TemplateItem::Kind::trigger)
      continue;
    before_answer_ += !answered;
    items_.push_back(std::move(item));
  }
  if (items_.empty())
    throw UsageError(
        "the template has no gap for template-search to fill: write {\"trigger\"} where it should put "
        "words.");
}

std::string Gaps::filled(const std::vector<std::string>& texts) const {
  std::string result;
  std::size_t copied = 0;
  for (std::size_t gap = 0; gap < items_.size(); ++gap) {
    result.append(source_, copied, items_[gap].begin - copied);
    result += texts.at(gap);
    copied = items_[gap].end;
  }
  return result.append(source_, copied);
}

bool is_plain(std::string_view text) {
  return text.find_first_of("{}<>[]|\n\r\t") == std::string_view::npos &&
         text.find("\xef\xbf\xbd") == std::string_view::npos;
}

} // namespace cuecard
