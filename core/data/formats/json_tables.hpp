/// Tells a JSON object that holds a table from one that is a row.
#pragma once

#include <cstddef>
#include <string>

#include "data/formats/json_value.hpp"
#include "data/formats/record.hpp"

namespace cuecard {

/// Whether a value is a list that begins with an object.
bool holds_objects(const JsonValue& value);

/// The rows of `{"data": [...]}`; null if the object may be a row itself. Beside them may be what pandas and SQuAD add,
/// and in an object that is the only one of its file (`alone`) values that no column is.
const JsonValue* rows_within(const JsonValue& object, const JsonColumns& columns, bool alone);

/// The number of rows of a table that is an object of lists, each the values of a column; 0 if those that are used are
/// of different lengths, or empty, or no lists.
std::size_t length_of_columns(const JsonValue& object, const JsonColumns& columns);

/// Whether an object of lists can't be one row: a text is a list, or a list of texts is a list of lists.
bool has_columns(const JsonValue& object, const JsonColumns& columns);

/// Whether an object of lists, of which nothing else is known, has texts of several words: it is a table, or a row of
/// lists, and the file does not say which.
bool may_have_columns(const JsonValue& object, const JsonColumns& columns);

/// An element of the list "data" of SQuAD's own files.
bool is_squad_article(const JsonValue& object);

/// The remedy for an object that holds all rows of a table instead of being a row.
std::string remedy_for(const JsonValue& object);

} // namespace cuecard
