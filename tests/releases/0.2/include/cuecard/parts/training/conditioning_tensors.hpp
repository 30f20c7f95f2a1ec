/// The tensors of a conditioning. May be called from several threads at once.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/conditioning.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// All tensors of numbers in `conditioning`, undefined ones included: embeddings, prefixes, low-rank updates and rescaling factors, but not
/// the ids of triggers. They share memory with it.
CUECARD_API std::vector<at::Tensor> tensors_in(const Conditioning& conditioning);

} // namespace cuecard
