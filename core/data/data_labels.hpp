/// Labels that the data name themselves.
#pragma once

#include "data/task_file.hpp"

namespace cuecard {

/// Where the task file says `"labels": "data"`: every value of the label column in its training, development
/// and test files becomes a label, in alphabetical order. Errors as `read_examples` has them.
void take_labels_of_data(TaskFile& task);

} // namespace cuecard
