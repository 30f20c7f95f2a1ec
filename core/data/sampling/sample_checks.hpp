/// Checks a task's training rows before training.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <cuecard/example.hpp>

#include "data/sampling/sampler.hpp"
#include "data/task_file.hpp"

namespace cuecard {

/// DataError if `split.dev` leaves one of the two parts empty, as rows with the same text can make it.
void require_both_parts(const TaskFile& task, const std::vector<Example>& train,
                        const std::vector<Example>& dev);

/// One sentence if a sample of `size` can't be drawn from rows with these labels (-1: none), else nothing. `key` is
/// the task file's, as "few_shot"; `rows` says which rows, as in "training rows".
std::string sample_shortage(const TaskFile& task, const std::vector<int64_t>& labels, const SampleSize& size,
                            const std::string& key, const std::string& rows);

/// For training: DataError if all rows have one label. One sentence if labels of the task never occur, else nothing.
/// Rows without labels are ignored.
std::string missing_labels(const TaskFile& task, const std::vector<Example>& train);

} // namespace cuecard
