/// Reads data files into examples.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <cuecard/example.hpp>

#include "data/record_layout.hpp"

namespace cuecard {

struct SkippedRecord {
  int64_t line = 0; ///< from 1
  std::string reason;
};

/// Summary of reading one data file.
struct RecordReport {
  std::string file;
  std::string sha256;        ///< of the file's bytes, in lower-case hexadecimal
  int64_t records = 0;       ///< in the file, including skipped ones
  int64_t invalid_bytes = 0; ///< ill-formed sequences and lone surrogates replaced by U+FFFD
  int64_t repeated_keys = 0; ///< keys that stand twice in a JSON object
  std::vector<SkippedRecord> skipped;

  /// One line about skipped records and what was read with a loss, naming at most `most` records; empty when there are
  /// none.
  std::string summary(std::size_t most = 3) const;
};

struct ReadSettings {
  bool strict = false;         ///< an unusable record throws DataError instead of being skipped
  bool labels_required = true; ///< skip records without a known label
};

/// The examples in `path`, in file order. Ill-formed UTF-8 is replaced and counted; a byte-order mark is
/// removed. A record without text, without a mapped column or (when required) without a known label is skipped
/// and reported. Throws DataError when the file can't be read, has no records, has a header without a mapped
/// column, or yields no example.
std::vector<Example> read_examples(const std::filesystem::path& path, const RecordLayout& layout,
                                   const LabelIndex& labels, const ReadSettings& settings,
                                   RecordReport& report);

/// The bytes of a data file, which may be a pipe. Throws DataError.
std::string read_data_bytes(const std::filesystem::path& path);

/// Like `read_examples`, for bytes in memory. `origin` names them in errors and in the report; its extension
/// gives the format where the layout does not.
std::vector<Example> parse_examples(std::string bytes, const std::string& origin, const RecordLayout& layout,
                                    const LabelIndex& labels, const ReadSettings& settings,
                                    RecordReport& report);

} // namespace cuecard
