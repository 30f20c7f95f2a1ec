/// A row of a file becomes an example, by what the task says its columns mean.
#pragma once

#include <string>

#include <cuecard/example.hpp>

#include "data/row.hpp"
#include "data/row_layout.hpp"

namespace cuecard {

class ExampleMaker {
public:
  /// Both must outlive it. `labels_required`: a row without one of them can't be used.
  ExampleMaker(const RowLayout& layout, const LabelIndex& labels, bool labels_required)
      : layout_(layout), labels_(labels), labels_required_(labels_required && !labels.empty()) {}

  /// Empty when `example` was made, else why it can't be.
  std::string make(const Row& row, Example& example) const;

private:
  std::string fill_text(const Row& row, Example& example) const;
  /// True when the column gave a text.
  bool take_by_name(const std::string& name, const Cell& cell, Example& example) const;
  /// Whether a named column has a role of its own.
  bool used(const std::string& name) const;
  std::string fill_label(const Row& row, Example& example) const;
  std::string known_values() const;

  const RowLayout& layout_;
  const LabelIndex& labels_;
  bool labels_required_;
};

} // namespace cuecard
