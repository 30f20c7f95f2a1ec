/// The loss of decisions among labels, as many for each or not.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/export.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard {

/// Mean cross-entropy of the decisions whose entry has a label (Batch::labels, an index into the decision's own
/// scores); 0 when none has. DataError for a batch without labels. A scalar on the scores' device; nothing
/// waits for it.
CUECARD_API at::Tensor label_loss(const Scores& scores, const Batch& batch);

} // namespace cuecard
