/// The places of a template where words are searched: its trigger items, each of which is one gap.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <cuecard/parts/template_grammar.hpp>

namespace cuecard {

class Gaps {
public:
  Gaps() = default;
  /// UsageError for a template that can't be parsed or has no gap.
  explicit Gaps(std::string source);

  std::size_t count() const { return items_.size(); }
  /// How many of them stand in front of the answer slot.
  std::size_t in_front() const { return in_front_; }

  /// The template with these texts in the gaps.
  std::string filled(const std::vector<std::string>& texts) const;

private:
  std::string source_;
  std::vector<TemplateItem> items_; ///< the gaps
  std::size_t in_front_ = 0;
};

/// Whether a template may have `text` as it is: nothing in it means something else there, and no character is
/// broken (U+FFFD, of a token that is a part of one).
bool is_plain(std::string_view text);

} // namespace cuecard
