/// Word embeddings of packed rows, with learned rows in the places of soft slots.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/conditioning.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Rows of `table` [vocabulary, W] for side.ids, those at side.trigger_rows taken from conditioning.triggers
/// where there are any, those at side.soft_rows replaced by conditioning.embeddings at side.soft_slots: [R, W]
/// in the table's dtype. Differentiable in the embeddings; soft rows without embeddings are an Error.
CUECARD_API at::Tensor embed_rows(const at::Tensor& table, const Side& side, const Conditioning& conditioning);

} // namespace cuecard
