#include <cuecard/parts/stored/stored_matrix.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <ATen/OpaqueTensorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>

#include "stored/stored_rows.hpp"

namespace cuecard {

namespace {

using Impl = at::OpaqueTensorImpl<StoredRows>;

at::Tensor wrapped(StoredRows rows) {
  const std::vector<int64_t> sizes =
      rows.transposed ? std::vector{rows.width, rows.rows} : std::vector{rows.rows, rows.width};
  return at::Tensor(c10::make_intrusive<Impl>(c10::DispatchKeySet(c10::DispatchKey::CPU),
                                              caffe2::TypeMeta::Make<float>(), at::Device(at::kCPU),
                                              std::move(rows), sizes));
}

} // namespace

at::Tensor stored_matrix(const at::Tensor& bytes, const BlockType& type) {
  if (!bytes.is_cpu() || bytes.dim() != 2 || bytes.scalar_type() != at::kByte || !type.dequantise ||
      bytes.size(1) % type.bytes != 0)
    throw Error("stored_matrix: the rows of bytes are not whole blocks of " + std::string(type.name) + ".");
  return wrapped({bytes.contiguous(), &type, bytes.size(0), bytes.size(1) / type.bytes * type.elements, false});
}

const StoredRows* stored_rows(const at::Tensor& matrix) {
  if (!matrix.defined() || matrix.unsafeGetTensorImpl()->has_storage())
    return nullptr;
  const auto* impl = dynamic_cast<const Impl*>(matrix.unsafeGetTensorImpl());
  return impl ? &impl->opaque_handle() : nullptr;
}

bool is_stored(const at::Tensor& matrix) {
  return stored_rows(matrix) != nullptr;
}

void dequantise_rows(const StoredRows& rows, int64_t begin, int64_t end, float* out) {
  const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, rows.width)); // rows, about 5 us
  at::parallel_for(begin, end, grain, [&](int64_t first, int64_t last) {
    rows.type->dequantise(rows.row(first), (last - first) * (rows.width / rows.type->elements),
                          out + (first - begin) * rows.width);
  });
}

at::Tensor dense(const at::Tensor& matrix) {
  const StoredRows* rows = stored_rows(matrix);
  if (!rows)
    return matrix;
  at::Tensor values = at::empty({rows->rows, rows->width}, at::TensorOptions().dtype(at::kFloat));
  dequantise_rows(*rows, 0, rows->rows, values.mutable_data_ptr<float>());
  return rows->transposed ? values.t() : values;
}

at::Tensor transposed(const at::Tensor& matrix) {
  const StoredRows* rows = stored_rows(matrix);
  if (!rows)
    return matrix.t();
  StoredRows other = *rows;
  other.transposed = !other.transposed;
  return wrapped(std::move(other));
}

at::Tensor matrix_rows(const at::Tensor& matrix, const at::Tensor& ids) {
  const StoredRows* rows = stored_rows(matrix);
  if (!rows || rows->transposed)
    return dense(matrix).index_select(0, ids);
  const at::Tensor numbers = ids.contiguous();
  const int64_t* number = numbers.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < numbers.numel(); ++i)
    if (number[i] < 0 || number[i] >= rows->rows)
      throw Error("matrix_rows: there is no row " + std::to_string(number[i]) + " of " +
                  std::to_string(rows->rows) + ".");
  at::Tensor values = at::empty({numbers.numel(), rows->width}, at::TensorOptions().dtype(at::kFloat));
  float* out = values.mutable_data_ptr<float>();
  at::parallel_for(0, numbers.numel(), 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      rows->dequantise(number[i], 0, rows->width, out + i * rows->width);
  });
  return values;
}

bool same_values(const at::Tensor& a, const at::Tensor& b) {
  const StoredRows *left = stored_rows(a), *right = stored_rows(b);
  if (!left && !right)
    return at::equal(a, b);
  return left && right && left->type == right->type && left->transposed == right->transposed &&
         at::equal(left->bytes, right->bytes);
}

} // namespace cuecard
