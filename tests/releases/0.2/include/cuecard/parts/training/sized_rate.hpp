/// Default learning rates by model size.
#pragma once

#include <cstdint>

#include <cuecard/export.hpp>

namespace cuecard {

/// `usual` for hidden sizes up to 1,024, `large` from 3,072, and in between linear interpolation of the rate's logarithm over that of the
/// hidden size. Both rates are above 0.
///
/// The two sizes and the interpolation are our choice: 1,024 is the hidden size of BERT-large and RoBERTa-large, for which Devlin et al.
/// 2019 (fine-tuning), Hu et al. 2021 (LoRA) and the published code of Liu et al. 2022 (P-Tuning v2) have rates; 3,072 is that of
/// Llama-3.2-3B, for which PEFT has some. Each tuner's README names the sources of its two rates. May be called from several threads at
/// once.
CUECARD_API double sized_rate(int64_t hidden, double usual, double large);

} // namespace cuecard
