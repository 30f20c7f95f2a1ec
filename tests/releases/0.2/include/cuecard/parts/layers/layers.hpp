/// Building blocks of model families, with hand-written gradients where a composition of LibTorch's operators is slow: fused loops for
/// float32 and float64 on the CPU, LibTorch's operators otherwise. Weights get gradients only if they require them. First derivatives
/// only. T tokens, H hidden size.
///
/// Arguments of one call are on one device, and of one floating-point dtype unless stated otherwise; results have both. Shapes must match:
/// the fused loops don't check them, and LibTorch's operators throw c10::Error. Functions of this file may be called from several threads
/// at once.
#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>

namespace cuecard {

/// x / sqrt(mean(x^2) + epsilon) * weight, over the last dimension (Zhang & Sennrich 2019, equation 4): x [..., H], weight [H] -> [..., H].
/// Computed in float32 for lower precisions and rounded before the product with the weight, as in Llama.
CUECARD_API at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

/// The same times 1 + weight, rounded to a lower precision after the product, as in Gemma's published code.
CUECARD_API at::Tensor rms_norm_plus_one(const at::Tensor& x, const at::Tensor& weight, double epsilon);

/// silu(gate) * up, elementwise: the inside of a gated feed-forward (Shazeer 2020, SwiGLU). `gate` and `up` have one shape, such as
/// [T, intermediate], and so has the result.
CUECARD_API at::Tensor silu_gate(const at::Tensor& gate, const at::Tensor& up);

/// Cosines and sines of rotary positions, [T, R / 2] each, for the first R elements of a head, in float32 (float64 for float64
/// models).
struct RotaryAngles {
  at::Tensor cosine, sine;
};

/// positions [T] int64; inverse frequencies [R / 2], or [T, R / 2] for each token, float64 on the same device. Angles are computed
/// in float32, as when the models were trained, unless `dtype`, the model's, is float64. Cosines and sines are multiplied by
/// `attention_scale`.
CUECARD_API RotaryAngles rotary_angles(const at::Tensor& positions, const at::Tensor& inverse_frequencies,
                                       at::ScalarType dtype, double attention_scale = 1.0);

/// Rotates the first R elements of heads x [T, n, D] by the angles of their tokens, halves paired (i with i + R/2), as Hugging Face's Llama
/// does (Su et al. 2021, equation 34). The others are unchanged. The result is computed in the dtype of the angles and rounded to that of
/// x. Differentiable in x.
CUECARD_API at::Tensor rotate(const at::Tensor& x, const RotaryAngles& angles);

/// x W^T + b: x [..., in] -> [..., out]; weight [out, in], which may be a stored matrix (parts/stored/stored_matrix.hpp), bias [out] or
/// undefined. Error for a stored matrix and an x that is not float32 on the CPU with its width.
CUECARD_API at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

/// A linear layer: a call of it is a call of `linear`.
struct Linear {
  at::Tensor weight, bias; ///< [out, in], and [out] or undefined
  std::string name = {};   ///< of the weight in the checkpoint; "" for a layer that no card updates
  at::Tensor operator()(const at::Tensor& x) const { return linear(x, weight, bias); }
};

/// (x - mean) / sqrt(variance + epsilon) * weight + bias, over the last dimension (Ba et al. 2016, section 3): x [..., H] -> [..., H].
struct CUECARD_API LayerNorm {
  at::Tensor weight, bias; ///< [H]
  double epsilon = 0;
  at::Tensor operator()(const at::Tensor& x) const;
};

} // namespace cuecard
