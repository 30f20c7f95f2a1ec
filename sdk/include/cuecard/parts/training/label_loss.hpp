/// Cross-entropy of label scores, where examples may have different numbers of labels.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/export.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard {

/// Mean of -log_probs[d, labels[d]] over the decisions d whose label is known (not -1); 0 when none is. `log_probs` [D, L],
/// `labels` [D] int64. DataError for a batch without labels. A scalar on the device; does not wait for the device.
CUECARD_API at::Tensor known_nll_loss(const at::Tensor& log_probs, const at::Tensor& labels);

/// Mean cross-entropy of the decisions whose entry has a label (Batch::labels, an index into the decision's own
/// scores), among those that have one: `known_nll_loss` of each decision's own softmax.
CUECARD_API at::Tensor label_loss(const Scores& scores, const Batch& batch);

} // namespace cuecard
