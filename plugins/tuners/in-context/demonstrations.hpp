/// Demonstrations: labelled examples and their prompts.
#pragma once

#include <cstdint>
#include <vector>

#include <cuecard/component_state.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

struct Demonstration {
  Example example;           ///< with its label
  std::vector<Piece> pieces; ///< its prompt with the label's answer as plain text instead of an answer slot
};

/// Renders `example` with the task's template and the text of its label in the answer slots. DataError when the
/// template can't render it.
Demonstration make_demonstration(const Task& task, const Example& example);

/// The texts of a card, by example and field, human-readable and editable, so that a template can render them again:
/// `000001.label`, `000001.field.NAME`, `000001.words.NAME` (one word per line) and `000001.meta.NAME`.
std::map<std::string, std::string> to_texts(const std::vector<Demonstration>& demonstrations,
                                            const std::vector<std::string>& labels);

/// The inverse of `to_texts`. DataError that names an invalid key or label.
std::vector<Demonstration> from_texts(const Task& task, const std::map<std::string, std::string>& texts);

} // namespace cuecard
