/// Learning rates that fall with a model's width.
#pragma once

#include <cstdint>

#include <cuecard/export.hpp>

namespace cuecard {

/// `usual` for models of a hidden size up to 1,024, where the methods' rates come from; `large` from 3,072 on
/// (Llama-3.2-3B, of which PEFT's method comparison tells); in between as straight a line as logarithms draw.
CUECARD_API double sized_rate(int64_t hidden, double usual, double large);

} // namespace cuecard
