#include "classifier.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/layers.hpp>
#include <cuecard/parts/random.hpp>

namespace cuecard::head {

namespace {

constexpr double deviation = 0.02;
// Streams of the run's random numbers.
constexpr uint64_t weight_stream = 0x68656164, dense_stream = 0x64656e73, dropout_stream = 0x64726f70,
                   dense_dropout_stream = 0x64726f71;

/// 0 with probability `rate`, else 1 / (1 - rate) (Srivastava et al. 2014, scaled while learning).
at::Tensor dropout_factors(const at::Tensor& states, double rate, uint64_t seed, uint64_t stream) {
  Random random(seed, stream);
  at::Tensor factors = at::empty(states.sizes(), at::kFloat);
  float* factor = factors.mutable_data_ptr<float>();
  for (int64_t i = 0; i < factors.numel(); ++i)
    factor[i] = random.uniform() < rate ? 0.0f : static_cast<float>(1 / (1 - rate));
  return factors.to(states.options(), /*non_blocking=*/true);
}

const at::Tensor& fitting(const Learned& learned, const std::string& name, const at::Tensor& wanted) {
  const auto found = learned.tensors.find(name);
  if (found == learned.tensors.end())
    throw DataError("the card has no tensor \"" + name + "\" of the head; train it again");
  if (!found->second.is_floating_point() || found->second.sizes() != wanted.sizes())
    throw DataError("the card's tensor \"" + name + "\" is no floating-point tensor of the head's shape, " +
                    std::to_string(wanted.size(0)) +
                    (wanted.dim() > 1 ? " x " + std::to_string(wanted.size(1)) : std::string()) +
                    "; use the card as it was written, or train it again");
  return found->second;
}

} // namespace

Classifier::Classifier(const Options& options, ClassifierForm form)
    : dropout_(options.number("dropout")), learning_rate_scale_(options.number("lr-scale")), form_(form) {}

void Classifier::prepare(int64_t classes, int64_t width, uint64_t seed, const at::Device& device) {
  tensors_.clear();
  tensors_["weight"] = Random(seed, weight_stream).normal_tensor({classes, width}, deviation);
  if (form_.bias)
    tensors_["bias"] = at::zeros({classes}, at::kFloat);
  if (form_.dense) {
    tensors_["dense.weight"] = Random(seed, dense_stream).normal_tensor({width, width}, deviation);
    tensors_["dense.bias"] = at::zeros({width}, at::kFloat);
  }
  for (auto& [name, tensor] : tensors_)
    tensor = tensor.to(device).set_requires_grad(true);
}

at::Tensor Classifier::operator()(const at::Tensor& states, const Pass& pass) const {
  at::Tensor wide = states.scalar_type() == at::kDouble ? states : states.to(at::kFloat);
  const auto tensor = [&](const char* name) {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? at::Tensor() : found->second.to(wide.scalar_type());
  };
  const auto drop = [&](uint64_t stream) {
    if (pass.learn && dropout_ > 0)
      wide = wide * dropout_factors(wide, dropout_, pass.seed, stream);
  };
  if (form_.dense) {
    drop(dense_dropout_stream);
    wide = at::tanh(linear(wide, tensor("dense.weight"), tensor("dense.bias")));
  }
  drop(dropout_stream);
  return linear(wide, tensor("weight"), tensor("bias"));
}

std::vector<ParameterGroup> Classifier::parameters() const {
  if (!prepared())
    return {};
  ParameterGroup group{{}, learning_rate_scale_, 0.0};
  for (const auto& [name, tensor] : tensors_)
    group.tensors.push_back(tensor);
  return {group};
}

Learned Classifier::export_learned() const {
  Learned learned;
  for (const auto& [name, tensor] : tensors_)
    learned.tensors[name] = tensor.detach();
  return learned;
}

void Classifier::import_learned(const Learned& learned) {
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : tensors_)
    tensor.copy_(fitting(learned, name, tensor));
}

at::Tensor known_cross_entropy(const at::Tensor& scores, const at::Tensor& labels) {
  const at::Tensor sum = at::cross_entropy_loss(scores, labels, {}, at::Reduction::Sum, /*ignore_index=*/-1);
  return sum / labels.ge(0).sum().clamp_min(1);
}

std::string label_text(const VerbalizerTarget& target, std::size_t label) {
  const bool worded = label < target.label_words.size() && !target.label_words[label].empty();
  return " " + (worded ? target.label_words[label].front() : target.labels[label]);
}

} // namespace cuecard::head
