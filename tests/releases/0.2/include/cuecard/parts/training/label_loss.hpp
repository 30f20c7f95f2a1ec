/// Cross-entropy of label scores, where examples may have different numbers of labels. Functions of this file may be called from several
/// threads at once.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/export.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard {

/// Mean of -log_probs[d, labels[d]] over the decisions d whose label is known (not -1); 0 when none is. `log_probs` [D, L] floating-point,
/// `labels` [D] int64 from -1 to L - 1, on the same device. A scalar in the dtype and on the device of `log_probs`, differentiable in it;
/// does not wait for the device. DataError if `labels` is undefined: a batch without labels.
CUECARD_API at::Tensor known_nll_loss(const at::Tensor& log_probs, const at::Tensor& labels);

/// Mean cross-entropy of the decisions whose entry has a label (Batch::labels, an index into the decision's own
/// scores), among those that have one: `known_nll_loss` of each decision's own softmax, with its dtype, device and errors.
CUECARD_API at::Tensor label_loss(const Scores& scores, const Batch& batch);

} // namespace cuecard
