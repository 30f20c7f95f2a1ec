#include <cuecard/parts/training/reparametrisation.hpp>

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>

namespace cuecard {

namespace {

/// Hidden states [n, h] of one direction for the sequence x [n, in].
at::Tensor run_direction(const BidirectionalLstm::Direction& direction, const at::Tensor& x, bool backwards) {
  const int64_t length = x.size(0), hidden = direction.hidden.weight.size(1);
  const at::Tensor from_input = direction.input(x);
  at::Tensor state = at::zeros({1, hidden}, x.options()), cell = state;
  std::vector<at::Tensor> states(static_cast<std::size_t>(length));
  for (int64_t step = 0; step < length; ++step) {
    const int64_t position = backwards ? length - 1 - step : step;
    const at::Tensor gates = from_input.narrow(0, position, 1) + direction.hidden(state);
    const auto gate = [&](int64_t which) { return gates.narrow(1, which * hidden, hidden); };
    cell = at::sigmoid(gate(1)) * cell + at::sigmoid(gate(0)) * at::tanh(gate(2));
    state = at::sigmoid(gate(3)) * at::tanh(cell);
    states[static_cast<std::size_t>(position)] = state;
  }
  return at::cat(states);
}

Linear uniform_linear(int64_t out, int64_t in, double within, Random& random) {
  at::Tensor weight = random.uniform_tensor({out, in}, -within, within);
  return {weight, random.uniform_tensor({out}, -within, within)};
}

} // namespace

Linear initial_linear(int64_t out, int64_t in, Random& random) {
  return uniform_linear(out, in, 1.0 / std::sqrt(static_cast<double>(in)), random);
}

Linear normal_linear(int64_t out, int64_t in, double deviation, Random& random) {
  return {random.normal_tensor({out, in}, deviation), at::zeros({out}, at::kFloat)};
}

at::Tensor Mlp::inside(const at::Tensor& x) const {
  return at::tanh(first(x));
}

std::vector<at::Tensor*> Mlp::tensors() {
  return {&first.weight, &first.bias, &second.weight, &second.bias};
}

BidirectionalLstm BidirectionalLstm::initial(int64_t in, int64_t hidden, int64_t layers, Random& random) {
  const double within = 1.0 / std::sqrt(static_cast<double>(hidden));
  BidirectionalLstm lstm;
  for (int64_t layer = 0; layer < layers; ++layer) {
    std::array<Direction, 2> both;
    for (Direction& direction : both) {
      direction.input = uniform_linear(4 * hidden, layer == 0 ? in : 2 * hidden, within, random);
      direction.hidden = uniform_linear(4 * hidden, hidden, within, random);
    }
    lstm.layers.push_back(both);
  }
  return lstm;
}

at::Tensor BidirectionalLstm::operator()(const at::Tensor& x) const {
  at::Tensor states = x;
  for (const std::array<Direction, 2>& both : layers)
    states = at::cat({run_direction(both[0], states, false), run_direction(both[1], states, true)}, 1);
  return states;
}

std::vector<at::Tensor*> BidirectionalLstm::tensors() {
  std::vector<at::Tensor*> result;
  for (std::array<Direction, 2>& both : layers)
    for (Direction& direction : both)
      for (Linear* linear : {&direction.input, &direction.hidden}) {
        result.push_back(&linear->weight);
        result.push_back(&linear->bias);
      }
  return result;
}

at::Tensor dropout(const at::Tensor& x, double rate, const Pass& pass, uint64_t stream) {
  if (!pass.training || rate <= 0)
    return x;
  const at::Tensor drawn = Random(pass.seed, stream).uniform_tensor(x.sizes(), 0, 1);
  const at::Tensor kept = (drawn >= rate).to(at::kFloat) / (1.0 - rate);
  return x * kept.to(x.device(), x.scalar_type(), /*non_blocking=*/true);
}

void make_trainable(const std::vector<at::Tensor*>& tensors, const at::Device& device) {
  for (at::Tensor* tensor : tensors) {
    *tensor = tensor->detach().to(device).contiguous();
    tensor->set_requires_grad(true);
  }
}

} // namespace cuecard
