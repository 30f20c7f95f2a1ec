/// How a file of delimiter-separated values is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "data/record_layout.hpp"

namespace cuecard {

struct Dialect {
  char separator = ',';
  bool quotes = true;      ///< RFC 4180; false: quotation marks are part of the text
  std::size_t begin = 0;   ///< bytes before the first record: Excel's line `sep=;`
  int64_t kept_quotes = 0; ///< fields in quotation marks that were kept because it is not sure what they mean
};

/// The dialect of `bytes`, whose format has the separator `usual`: what `layout` says, else another separator
/// (`,` `;` tab `|`) where it alone fits the columns that `layout` names, and quotation marks in TSV where the
/// whole file is written as pandas or Excel quote. Throws DataError where another separator is likely but not sure.
Dialect dialect_of(std::string_view bytes, char usual, const RecordLayout& layout, const std::string& origin);

} // namespace cuecard
