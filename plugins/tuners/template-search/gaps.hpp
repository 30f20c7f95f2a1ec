/// The gaps of a template, for which a search finds texts: each trigger item is one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <cuecard/parts/template/template_grammar.hpp>

namespace cuecard {

class Gaps {
public:
  Gaps() = default;
  /// UsageError for a template that can't be parsed or has no gap.
  explicit Gaps(std::string source);

  std::size_t count() const { return items_.size(); }
  /// Number of gaps before the answer slot.
  std::size_t count_before_answer() const { return before_answer_; }

  /// The template with these texts in the gaps.
  std::string filled(const std::vector<std::string>& texts) const;

private:
  std::string source_;
  std::vector<TemplateItem> items_; ///< the gaps
  std::size_t before_answer_ = 0;
};

/// Whether `text` has no special meaning in a template and no incomplete character (U+FFFD, from a token that
/// is part of one).
bool is_plain(std::string_view text);

} // namespace cuecard
