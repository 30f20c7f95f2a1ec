/// Files of label words, as OpenPrompt writes them.
///
/// `.txt`, `.csv`: a line per label in the task's order, words separated by commas, inner spaces kept; empty
/// lines separate alternative lists of words. `.json`, `.jsonl`: one JSON value, `{label: [words]}` or a list
/// of those.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cuecard::knowledgeable {

/// [label][words] of list number `choice`, from 0. DataError that names the file, what was found and what was
/// expected, for an unknown file type, another number of labels, other labels, and a list number out of range.
std::vector<std::vector<std::string>> read_word_file(const std::string& text, const std::string& path,
                                                     const std::vector<std::string>& labels, int64_t choice);

} // namespace cuecard::knowledgeable
