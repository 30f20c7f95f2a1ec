#include "classifier.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>

#include <cuecard/parts/label_words.hpp>
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

void Classifier::import_learned(const Learned& learned, const std::string& verbalizer) {
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : tensors_)
    tensor.copy_(fitting_tensor(learned, name, tensor.sizes(), verbalizer));
}

std::vector<std::string> label_texts(const VerbalizerTarget& target) {
  std::vector<std::string> texts;
  for (std::size_t label = 0; label < target.labels.size(); ++label)
    texts.push_back(" " + first_word(target, label));
  return texts;
}

} // namespace cuecard::head
