/// Label names inferred from the data.
#pragma once

#include "data/task_file.hpp"

namespace cuecard {

/// For a task file with `"labels": "data"`: the distinct values of the label column in its training,
/// development and test files become the labels, in alphabetical order. Throws what `read_examples` throws.
void infer_labels_from_data(TaskFile& task);

} // namespace cuecard
