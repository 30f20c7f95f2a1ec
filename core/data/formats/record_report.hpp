/// Reports on the records of a data file: which were skipped and why, and what was read with a loss.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cuecard {

struct SkippedRecord {
  int64_t line = 0; ///< from 1
  std::string reason;
  int64_t record = -1; ///< its index in the file, from 0; -1 if it was skipped after reading
  std::string id = {}; ///< Example::id
};

/// One sentence about skipped records, or nothing. Up to 1 % of the records, or three, are listed by line, `most` at
/// most and each reason once; beyond that, the reasons are listed, the most frequent first. `what` is what they are called:
/// "examples".
std::string skipped_sentence(const std::vector<SkippedRecord>& skipped, int64_t records,
                             const std::string& file, const std::string& what = "examples",
                             std::size_t most = 3);

/// Throws DataError if more than 10 % of the records were skipped.
void refuse_too_many(const std::vector<SkippedRecord>& skipped, int64_t records, const std::string& file,
                     const std::string& what = "examples");

/// Summary of reading one data file.
struct RecordReport {
  std::string file;
  std::string sha256;        ///< of the file's bytes, in lower-case hexadecimal
  int64_t records = 0;       ///< in the file, including skipped ones
  int64_t invalid_bytes = 0; ///< ill-formed sequences replaced by U+FFFD
  int64_t half_escapes = 0;  ///< escapes in JSON of half a surrogate pair, replaced by U+FFFD
  int64_t repeated_keys = 0; ///< duplicate keys in JSON objects
  int64_t kept_quotes = 0;   ///< values of TSV files in quotation marks that may or may not be part of them
  int64_t after_quotes = 0;  ///< values with text after their closing quotation mark
  int64_t not_words = 0;     ///< lines of CoNLL-U that are multiword tokens or empty nodes
  std::vector<SkippedRecord> skipped;

  /// The sentence about skipped records, if any, and the remarks, if any.
  std::vector<std::string> messages(std::size_t most = 3) const;
  /// One sentence about what was read with a loss; empty if nothing was.
  std::string remarks() const;
};

} // namespace cuecard
