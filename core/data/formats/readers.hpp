/// Reads data files into examples.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <cuecard/example.hpp>

#include "data/formats/record_report.hpp"
#include "data/record_layout.hpp"

namespace cuecard {

struct ReadSettings {
  bool strict = false;         ///< an unusable record throws DataError instead of being skipped
  bool labels_required = true; ///< skip records without a known label
  bool allow_skipped = true;   ///< else DataError when `is_too_many` records were skipped
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

/// The columns of a file: its first line, whatever `layout` says of a header, or the keys of its first JSON objects;
/// none for column files, whose columns have no names.
std::vector<std::string> column_names(std::string bytes, const std::string& origin, RecordLayout layout);

/// Like `read_examples`, for bytes in memory. `origin` names them in errors and in the report; its extension
/// gives the format where the layout does not.
std::vector<Example> parse_examples(std::string bytes, const std::string& origin, const RecordLayout& layout,
                                    const LabelIndex& labels, const ReadSettings& settings,
                                    RecordReport& report);

/// The layout of JSON objects that have the given keys.
using LayoutOfKeys = std::function<const RecordLayout&(const std::vector<std::string>& keys)>;

/// Like `parse_examples`, for the JSON objects in `bytes`, without labels and without a sum for the report: `layout_of` says by the keys
/// of the first of them how all are read.
std::vector<Example> parse_objects(std::string bytes, const std::string& origin, const LayoutOfKeys& layout_of,
                                   RecordReport& report);

} // namespace cuecard
