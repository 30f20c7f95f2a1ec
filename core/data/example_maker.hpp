/// Converts a parsed record into an example according to the task's column mapping.
#pragma once

#include <string>

#include <cuecard/example.hpp>

#include "data/formats/record.hpp"
#include "data/record_layout.hpp"

namespace cuecard {

class ExampleMaker {
public:
  /// `layout` and `labels` must outlive it. `labels_required`: a record without a known label is rejected.
  ExampleMaker(const RecordLayout& layout, const LabelIndex& labels, bool labels_required)
      : layout_(layout), labels_(labels), labels_required_(labels_required && !labels.empty()) {}

  /// Returns an empty string on success, else why the record is unusable.
  std::string make(const Record& record, Example& example) const;

private:
  /// Whether a row that ends too soon has lost a column that the layout names.
  bool lacks_used_column(const Record& record) const;
  std::string fill_text(const Record& record, Example& example) const;
  /// True when the column became a field.
  bool add_unmapped_column(const std::string& name, const Cell& cell, Example& example) const;
  /// Whether the layout maps the column to something other than a text field.
  bool has_role(const std::string& name) const;
  std::string fill_label(const Record& record, Example& example) const;
  /// Any number of labels of the whole example.
  std::string fill_label_set(const Cell& given, Example& example) const;
  /// The problem of a record with the label `value`: what is known, and what is nearest.
  std::string unknown_label(const std::string& value) const;

  const RecordLayout& layout_;
  const LabelIndex& labels_;
  bool labels_required_;
};

} // namespace cuecard
