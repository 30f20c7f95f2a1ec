#include "search.hpp"

#include <string>

#include <ATen/ops/from_blob.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

at::Tensor as_tensor(std::vector<double> values) {
  return at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kDouble).clone();
}

std::vector<double> as_numbers(const at::Tensor& tensor) {
  const at::Tensor host = tensor.to(at::kCPU, at::kDouble).contiguous();
  return {host.const_data_ptr<double>(), host.const_data_ptr<double>() + host.numel()};
}

const at::Tensor& fitting(const TensorMap& state, const std::string& name, int64_t length) {
  const auto found = state.find(name);
  if (found == state.end() || found->second.dim() != 1 || found->second.size(0) != length)
    throw DataError("the checkpoint has no matching \"" + name + "\": it belongs to another run.");
  return found->second;
}

} // namespace

TensorMap TriggerSearch::state() const {
  const auto number = [](int64_t value) { return static_cast<double>(value); };
  return {{"tokens", tokens},
          {"best", best},
          {"search", as_tensor({number(restart), number(iteration), number(done), number(idle),
                                number(best_step), best_dev, best_loss})},
          {"losses", as_tensor({losses.begin(), losses.end()})}};
}

void TriggerSearch::restore(const TensorMap& state) {
  const int64_t slots = tokens.size(0);
  const at::Device device = tokens.device();
  tokens = fitting(state, "tokens", slots).to(device, at::kLong).clone();
  best = fitting(state, "best", slots).to(device, at::kLong).clone();
  const std::vector<double> numbers = as_numbers(fitting(state, "search", 7));
  restart = static_cast<int64_t>(numbers[0]);
  iteration = static_cast<int64_t>(numbers[1]);
  done = static_cast<int64_t>(numbers[2]);
  idle = static_cast<int64_t>(numbers[3]);
  best_step = static_cast<int64_t>(numbers[4]);
  best_dev = numbers[5];
  best_loss = numbers[6];
  losses.clear();
  for (const double loss : as_numbers(fitting(state, "losses", done)))
    losses.push_back(static_cast<float>(loss));
}

} // namespace cuecard
