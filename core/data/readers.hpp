/// Data files become examples.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <cuecard/example.hpp>

#include "data/row_layout.hpp"

namespace cuecard {

struct SkippedRow {
  int64_t line = 0; ///< from 1
  std::string reason;
};

/// What reading a file came to.
struct RowReport {
  std::string file;
  std::string sha256;        ///< of the file's bytes, 64 lower-case hexadecimal digits
  int64_t rows = 0;          ///< rows in the file, skipped ones included
  int64_t invalid_bytes = 0; ///< ill-formed UTF-8 parts that became U+FFFD
  std::vector<SkippedRow> skipped;

  /// One line about what was skipped and replaced, or "" when nothing was: at most `most` rows are named.
  std::string summary(std::size_t most = 3) const;
};

struct ReadSettings {
  bool strict = false;         ///< a row that can't be used is a DataError
  bool labels_required = true; ///< a row without a known label can't be used
};

/// The usable rows of `path`, in order. Ill-formed UTF-8 is replaced and counted, a byte-order mark dropped.
/// A row without text, without a mapped column or (when required) without a known label is skipped and
/// reported. Throws DataError for a file that can't be read, has no row, lacks a mapped column altogether, or
/// has no usable row.
std::vector<Example> read_examples(const std::filesystem::path& path, const RowLayout& layout,
                                   const LabelIndex& labels, const ReadSettings& settings, RowReport& report);

/// All bytes of a data file, which may be a pipe. Throws DataError.
std::string read_data_bytes(const std::filesystem::path& path);

/// The same for bytes that are already here; `origin` names them in errors and in the report.
std::vector<Example> examples_of(std::string bytes, const std::string& origin, const RowLayout& layout,
                                 const LabelIndex& labels, const ReadSettings& settings, RowReport& report);

} // namespace cuecard
