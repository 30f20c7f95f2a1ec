#include "classifier.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/reparametrisation.hpp>
#include <cuecard/parts/words/label_words.hpp>

namespace cuecard::head {

namespace {

constexpr double deviation = 0.02;
// Random streams.
constexpr uint64_t weight_stream = stream_id("head"), dense_stream = stream_id("dens"),
                   dropout_stream = stream_id("drop"), dense_dropout_stream = stream_id("droq");

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
  if (form_.dense)
    wide = activate(form_.activation, linear(dropout(wide, dropout_, pass, dense_dropout_stream),
                                             tensor("dense.weight"), tensor("dense.bias")));
  return linear(dropout(wide, dropout_, pass, dropout_stream), tensor("weight"), tensor("bias"));
}

std::vector<ParameterGroup> Classifier::parameters() const {
  if (!prepared())
    return {};
  ParameterGroup group{{}, learning_rate_scale_, 0.0};
  for (const auto& [name, tensor] : tensors_)
    group.tensors.push_back(tensor);
  return {group};
}

ComponentState Classifier::state() const {
  ComponentState state;
  for (const auto& [name, tensor] : tensors_)
    state.tensors[name] = tensor.detach();
  return state;
}

void Classifier::load_state(const ComponentState& saved, const std::string& verbalizer) {
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : tensors_)
    tensor.copy_(require_tensor(saved, name, tensor.sizes(), verbalizer));
}

std::vector<std::string> label_texts(const VerbalizerTarget& target) {
  std::vector<std::string> texts;
  for (std::size_t label = 0; label < target.labels.size(); ++label)
    texts.push_back(" " + first_word(target, label));
  return texts;
}

} // namespace cuecard::head
