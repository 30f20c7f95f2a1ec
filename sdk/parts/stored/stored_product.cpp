// Products with stored matrices. For many rows of x, panels of the matrix are dequantised into a buffer that stays in the CPU cache
// and multiplied by `linear`, the platform's fastest matrix product, so dequantisation is a small part of the cost. For a few rows
// (generation) the product is memory-bound, so each row of the matrix is dequantised into the L1 cache and used there.
#include "stored/stored_rows.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/layers/layers.hpp>

#include "layers/vectorised.hpp"

namespace cuecard {

namespace {

constexpr int64_t few = 8;                  ///< rows of x
constexpr int64_t panel_elements = 1 << 20; ///< of float32: 4 MB
constexpr int64_t chunk = 2048;             ///< elements of a row at a time, a multiple of every block: 8 KB

/// Sixteen numbers in as many registers as the CPU needs for them.
using Sixteen = float __attribute__((vector_size(64)));

/// sums[i] += the inner product of row i of `Rows` rows of x with `row`. The rows share a loop, so that each number of `row` is
/// loaded once.
template <int Rows>
CUECARD_INLINE void products_of(const float* x, int64_t stride, const float* row, int64_t width, float* sums) {
  Sixteen partial[Rows] = {}, own, other;
  int64_t k = 0;
  for (; k + lanes <= width; k += lanes) {
    std::memcpy(&other, row + k, sizeof other);
    for (int i = 0; i < Rows; ++i) {
      std::memcpy(&own, x + i * stride + k, sizeof own);
      partial[i] += own * other;
    }
  }
  for (int i = 0; i < Rows; ++i) {
    float sum = 0;
    for (int64_t lane = 0; lane < lanes; ++lane)
      sum += partial[i][lane];
    for (int64_t rest = k; rest < width; ++rest)
      sum += x[i * stride + rest] * row[rest];
    sums[i] += sum;
  }
}

/// The same for `count` rows.
CUECARD_VECTORISED void add_products(const float* x, int64_t stride, int64_t count, const float* row,
                                     int64_t width, float* sums) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4)
    products_of<4>(x + i * stride, stride, row, width, sums + i);
  for (; i < count; ++i)
    products_of<1>(x + i * stride, stride, row, width, sums + i);
}

/// Row i of y += x[i] * `row`; strides of rows.
CUECARD_VECTORISED void add_multiples(const float* x, int64_t x_stride, int64_t count,
                                      const float* __restrict row, int64_t width, float* __restrict y,
                                      int64_t y_stride) {
  for (int64_t i = 0; i < count; ++i) {
    const float by = x[i * x_stride];
    float* own = y + i * y_stride;
    for (int64_t k = 0; k < width; ++k)
      own[k] += by * row[k];
  }
}

/// y [m, rows] = x rows^T + bias for m <= few.
at::Tensor few_along(const at::Tensor& x, const StoredRows& w, const at::Tensor& bias) {
  const int64_t m = x.size(0);
  at::Tensor y = at::empty({m, w.rows}, x.options());
  const float* in = x.const_data_ptr<float>();
  const float* b = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
  float* out = y.mutable_data_ptr<float>();
  at::parallel_for(0, w.rows, std::max<int64_t>(1, 32768 / w.width), [&](int64_t begin, int64_t end) {
    alignas(64) std::array<float, chunk> row;
    for (int64_t r = begin; r < end; ++r) {
      std::array<float, few> sums{};
      for (int64_t k = 0; k < w.width; k += chunk) {
        const int64_t until = std::min(k + chunk, w.width);
        w.dequantise(r, k, until, row.data());
        add_products(in + k, w.width, m, row.data(), until - k, sums.data());
      }
      for (int64_t i = 0; i < m; ++i)
        out[i * w.rows + r] = sums[static_cast<std::size_t>(i)] + (b ? b[r] : 0);
    }
  });
  return y;
}

/// y [m, width] = x rows for m <= few: each thread has some columns of all rows.
at::Tensor few_across(const at::Tensor& x, const StoredRows& w) {
  constexpr int64_t columns = 256; // a multiple of every block
  const int64_t m = x.size(0);
  at::Tensor y = at::zeros({m, w.width}, x.options());
  const float* in = x.const_data_ptr<float>();
  float* out = y.mutable_data_ptr<float>();
  at::parallel_for(0, (w.width + columns - 1) / columns, 1, [&](int64_t begin, int64_t end) {
    alignas(64) std::array<float, columns> part;
    for (int64_t c = begin * columns; c < std::min(end * columns, w.width); c += columns) {
      const int64_t until = std::min(c + columns, w.width);
      for (int64_t r = 0; r < w.rows; ++r) {
        w.dequantise(r, c, until, part.data());
        add_multiples(in + r, w.rows, m, part.data(), until - c, out + c, w.width);
      }
    }
  });
  return y;
}

/// Calls `use(panel, begin, count)` for the rows of the matrix, a panel [count, width] at a time. Each thread keeps its buffer.
template <class Use>
void for_panels(const StoredRows& w, const Use& use) {
  thread_local at::Tensor scratch;
  const int64_t most = std::max<int64_t>(1, panel_elements / std::max<int64_t>(1, w.width));
  const int64_t panels = std::max<int64_t>(1, (w.rows + most - 1) / most),
                height = (w.rows + panels - 1) / panels;
  if (!scratch.defined() || scratch.numel() < height * w.width)
    scratch = at::empty({std::max(height * w.width, panel_elements)}, at::TensorOptions().dtype(at::kFloat));
  for (int64_t begin = 0; begin < w.rows; begin += height) {
    const int64_t count = std::min(height, w.rows - begin);
    dequantise_rows(w, begin, begin + count, scratch.mutable_data_ptr<float>());
    use(scratch.narrow(0, 0, count * w.width).view({count, w.width}), begin, count);
  }
}

/// y [m, rows] = x rows^T + bias.
at::Tensor along(const at::Tensor& x, const StoredRows& w, const at::Tensor& bias) {
  if (x.size(0) <= few)
    return few_along(x, w, bias);
  at::Tensor y;
  for_panels(w, [&](const at::Tensor& panel, int64_t begin, int64_t count) {
    const at::Tensor part = cuecard::linear(x, panel, bias.defined() ? bias.narrow(0, begin, count) : bias);
    if (count == w.rows) {
      y = part;
      return;
    }
    if (!y.defined())
      y = at::empty({x.size(0), w.rows}, x.options());
    y.narrow(1, begin, count).copy_(part);
  });
  return y;
}

/// y [m, width] = x rows.
at::Tensor across(const at::Tensor& x, const StoredRows& w) {
  if (x.size(0) <= few)
    return few_across(x, w);
  at::Tensor y;
  for_panels(w, [&](const at::Tensor& panel, int64_t begin, int64_t count) {
    const at::Tensor part =
        cuecard::linear(count == w.rows ? x : x.narrow(1, begin, count).contiguous(), panel.t());
    y = y.defined() ? y.add_(part) : part;
  });
  return y;
}

/// x matrix^T + bias, or x matrix if `backward`.
at::Tensor product(const at::Tensor& x, const StoredRows& w, const at::Tensor& bias, bool backward) {
  const at::NoGradGuard none; // frozen: `linear` must record nothing
  std::vector<int64_t> sizes = x.sizes().vec();
  const at::Tensor flat = x.detach().reshape({-1, x.size(-1)}).contiguous();
  at::Tensor y;
  if (w.transposed == backward)
    y = along(flat, w, bias.defined() ? bias.contiguous() : bias);
  else
    y = bias.defined() ? across(flat, w).add_(bias) : across(flat, w);
  sizes.back() = y.size(1);
  return y.view(sizes);
}

class StoredLinear : public torch::autograd::Function<StoredLinear> {
public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& bias, const at::Tensor& matrix) {
    context->saved_data["matrix"] = matrix;
    return product(x, *stored_rows(matrix), bias.numel() > 0 ? bias.detach() : at::Tensor(), false);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list d_out) {
    torch::autograd::variable_list result(3);
    if (context->needs_input_grad(0))
      result[0] = product(d_out[0], *stored_rows(context->saved_data["matrix"].toTensor()), {}, true);
    if (context->needs_input_grad(1))
      result[1] = d_out[0].reshape({-1, d_out[0].size(-1)}).sum(0);
    return result;
  }
};

} // namespace

at::Tensor stored_linear(const at::Tensor& x, const at::Tensor& matrix, const at::Tensor& bias) {
  if (!x.is_cpu() || x.scalar_type() != at::kFloat || x.size(-1) != matrix.size(1))
    throw Error("linear: a stored matrix " + std::to_string(matrix.size(0)) + " x " +
                std::to_string(matrix.size(1)) + " is multiplied with float32 of its width on the CPU only.");
  const bool trains =
      at::GradMode::is_enabled() && (x.requires_grad() || (bias.defined() && bias.requires_grad()));
  return trains ? StoredLinear::apply(x, bias.defined() ? bias : at::empty({0}, x.options()), matrix)
                : product(x, *stored_rows(matrix), bias, false);
}

} // namespace cuecard
