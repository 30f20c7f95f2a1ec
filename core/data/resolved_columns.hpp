/// Finds the columns of a layout in a file.
#pragma once

#include <string>
#include <vector>

#include "data/record_layout.hpp"

namespace cuecard {

/// `layout` with each column's place in `header`. A column that is a name or a number ("2" on the command line) is
/// the one with that name in the header, else the one with that number. Throws DataError for a column that the
/// header lacks or has twice, and for columns that the format can't have: names without a header, numbers in JSON.
RecordLayout resolved_columns(RecordLayout layout, DataFormat format, const std::vector<std::string>& header,
                              const std::string& origin);

} // namespace cuecard
