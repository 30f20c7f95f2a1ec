/// Word embeddings of packed rows, with learned rows in the places of soft slots.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Rows of `table` [vocabulary, W] for side.ids, those at side.soft_rows replaced by `soft` [slots, W] at
/// side.soft_slots: [R, W] in the table's dtype. Differentiable in `soft`; an undefined `soft` with soft rows
/// in the side is an Error.
CUECARD_API at::Tensor embed_rows(const at::Tensor& table, const Side& side, const at::Tensor& soft);

} // namespace cuecard
