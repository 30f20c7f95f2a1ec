/// How a data file is read with a card alone: by the columns that the card's task had, or by columns of the template's names.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/record_layout.hpp"
#include "program/values.hpp"

namespace cuecard::host {

/// A card's description of its data.
struct CardColumns {
  std::string card;                    ///< its name, for errors
  std::optional<RecordLayout> columns; ///< of its task; none if they are not known
  std::vector<std::string> fields;     ///< Template::fields
  bool needs_answer = false;           ///< whether labels (or reference texts) must be there
};

/// The layout of the data `bytes` from `origin`. Columns of `--task` and `--column` take precedence over those of the card.
/// The card's task's columns are used if the file has them, else columns named like the template's fields.
/// DataError that names what the card expects and what the file has if it has neither.
RecordLayout layout_for(const Values& values, const CardColumns& card, const std::string& bytes,
                        const std::string& origin);

/// UsageError if `--column` gives a role that no data has and that is not among `fields`: Template::fields, of all cards.
void check_roles(const Values& values, const std::vector<std::string>& fields);

/// How JSON objects that come one by one are read: by the columns of `--task` or of the card's task if the objects have them,
/// else by `named`.
class ObjectColumns {
public:
  ObjectColumns(const Values& values, const CardColumns& card, RecordLayout named);

  /// For objects with these keys.
  const RecordLayout& of(const std::vector<std::string>& keys) const;

private:
  RecordLayout named_;
  std::optional<RecordLayout> task_; ///< none if it is not known or has columns without names
  std::vector<std::string> needed_;  ///< the columns of `task_` that objects must have
};

} // namespace cuecard::host
