#include "training/gradient_loop/rank_gradients.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "training/gradient_loop/micro_batches.hpp"

namespace cuecard {

namespace {

/// [gradients of `trained`, one after another, times `weight`; for each of them whether there is one]. The gradients are undefined
/// afterwards.
at::Tensor take_gradients(const std::vector<at::Tensor>& trained, double weight) {
  std::vector<at::Tensor> flat;
  std::vector<float> defined;
  for (const at::Tensor& tensor : trained) {
    const at::Tensor& gradient = tensor.grad();
    defined.push_back(gradient.defined() ? 1 : 0);
    flat.push_back(gradient.defined() ? gradient.to(at::kCPU, at::kFloat).reshape({-1}) * weight
                                      : at::zeros({tensor.numel()}, at::kFloat));
    tensor.mutable_grad() = at::Tensor();
  }
  flat.push_back(at::tensor(defined, at::kFloat));
  return at::cat(flat);
}

} // namespace

at::Tensor sum_gradients(Tuner& tuner, Engine& engine, Ranks& ranks, const std::vector<at::Tensor>& trained,
                         int64_t step, const Pass& pass) {
  // Tasks have weights of their own, which are known after the sum, so the buffer has a section for each:
  // [weighted gradients, whether each tensor has one, weight, weighted loss].
  std::vector<at::Tensor> flat;
  const auto tasks = static_cast<int64_t>(engine.problem().tasks.size());
  for (int64_t task = 0; task < tasks; ++task) {
    const std::vector<Batch> batches = ranks.rank_batches(task, step);
    const double weight = weight_of(engine, task, batches);
    const at::Tensor loss =
        batches.empty() ? at::Tensor() : add_gradients(tuner, engine, task, batches, weight, pass);
    flat.push_back(take_gradients(trained, weight));
    flat.push_back(at::tensor({weight, loss.defined() ? loss.item<double>() * weight : 0}, at::kFloat));
  }
  const at::NoGradGuard no_grad;
  const at::Tensor sections = ranks.sum(at::cat(flat)).view({tasks, -1});
  const int64_t values = sections.size(1) - 2 - std::ssize(trained);
  const at::Tensor weights = sections.slice(1, -2, -1) * static_cast<double>(tasks); // [tasks, 1]
  const at::Tensor gradients = (sections.slice(1, 0, values) / weights).sum(0);
  const at::Tensor defined = sections.slice(1, values, -2).sum(0);
  int64_t begin = 0;
  for (std::size_t i = 0; i < trained.size(); ++i) {
    const int64_t end = begin + trained[i].numel();
    if (defined[static_cast<int64_t>(i)].item<float>() > 0) // otherwise the optimizer leaves it unchanged
      trained[i].mutable_grad() =
          gradients.slice(0, begin, end).view(trained[i].sizes()).to(trained[i].options().requires_grad(false));
    begin = end;
  }
  return (sections.slice(1, -1) / weights).sum();
}

} // namespace cuecard
