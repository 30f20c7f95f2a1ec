/// Device, dtype and threads of the model, from `--device`, `--dtype`, `--threads`.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/matrix_form.hpp"
#include "program/values.hpp"

namespace cuecard::host {

/// Must be a verb's first use of LibTorch: CUDA's libraries only register themselves in a process that has not
/// queried CUDA before. UsageError when there is no such device; never falls back to another one.
at::Device open_device(const Values& values);

/// float32 when the verb has no `--dtype`.
NumberFormat format_of(const Values& values);

/// `--threads`, or as many as the process may use.
int threads_of(const Values& values);

void set_threads(const Values& values);

} // namespace cuecard::host
