/// Checks a task's training examples before training.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <cuecard/example.hpp>

#include "data/sampling/sampler.hpp"
#include "data/task_file.hpp"

namespace cuecard {

/// DataError if `split.dev` leaves one of the two parts empty, as examples with the same text can.
void require_both_parts(const TaskFile& task, const std::vector<Example>& train,
                        const std::vector<Example>& dev);

/// One sentence if a sample of `size` can't be drawn from examples with these labels (-1: none), else nothing. `key` is
/// the task file's, as "few_shot"; `which` says of what, as in "training examples".
std::string sample_shortage(const TaskFile& task, const std::vector<int64_t>& labels, const SampleSize& size,
                            const std::string& key, const std::string& which);

/// For training: DataError if all examples have one label. One sentence if labels of the task never occur, else nothing.
/// Examples without labels are ignored.
std::string missing_labels(const TaskFile& task, const std::vector<Example>& train);

} // namespace cuecard
