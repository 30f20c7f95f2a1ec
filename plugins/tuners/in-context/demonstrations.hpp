/// Labelled rows that are shown to the model, as rows and as pieces of a prompt.
#pragma once

#include <cstdint>
#include <vector>

#include <cuecard/learned.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

struct Demonstration {
  Example example;           ///< with its label
  std::vector<Piece> pieces; ///< its prompt with the label's answer given, as text that is not read
};

/// Lays `example` out by the task's template, with the text of its label in the answer slots. DataError where
/// the template can't.
Demonstration demonstrated(const Task& task, const Example& example);

/// As a card keeps them, by row and field, so that they can be read, edited, and laid out by the template anew:
/// `000001.label`, `000001.field.NAME`, `000001.words.NAME` (a word a line) and `000001.meta.NAME`.
std::map<std::string, std::string> written(const std::vector<Demonstration>& demonstrations,
                                           const std::vector<std::string>& labels);

/// The way back. DataError that names what is not as above.
std::vector<Demonstration> read_demonstrations(const Task& task,
                                               const std::map<std::string, std::string>& texts);

} // namespace cuecard
