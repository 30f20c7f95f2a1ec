// On a GPU: hidden states, attention and training against the CPU, and steps that don't wait for the device.
#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <cuecard/parts/attention/attention.hpp>
#include <cuecard/parts/random.hpp>

#include "training_run.hpp"
#include "waiting_calls.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// Why the tests are skipped, or "".
std::string no_device() {
  if (!::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_LOCAL)) {
    const char* reason = ::dlerror();
    return reason ? reason : "libtorch_cuda.so could not be loaded";
  }
  if (!at::globalContext().hasCUDA() || at::detail::getCUDAHooks().deviceCount() < 1)
    return "LibTorch finds no GPU, or no driver for one";
  return "";
}

at::Device gpu() {
  return {at::kCUDA, 0};
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return (a.to(at::kCPU, at::kDouble) - b.to(at::kCPU, at::kDouble)).abs().max().item<double>();
}

template <class T>
double largest_difference(const std::vector<T>& a, const std::vector<T>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, static_cast<double>(std::abs(a[i] - b[i])));
  return largest;
}

Batch on_gpu(Batch batch) {
  for (at::Tensor* tensor :
       {&batch.input.ids, &batch.input.positions, &batch.input.segments, &batch.answer_tokens})
    if (tensor->defined())
      *tensor = tensor->to(gpu());
  return batch;
}

void compare_attention(int64_t window) {
  Side side;
  side.offsets = {0, 3, 5, 9, 10};
  side.parent = {-1, 0, 0, -1};
  const AttentionLayout layout = with_window(
      self_attention_layout(side, true, {{{2, 3, 5}}, {}, {}, {{2, 0, 3}, {1, 2, 4}, {1, 5, 6}}}), window);
  Random random(7);
  std::vector<at::Tensor> leaves; // query, then key and value of three sources
  leaves.push_back(random.normal_tensor({10, 4, 16}, 1.0));
  for (const int64_t rows : {10, 6, 5})
    for (int part = 0; part < 2; ++part)
      leaves.push_back(random.normal_tensor({rows, 2, 16}, 1.0));
  const at::Tensor probe = random.normal_tensor({10, 4, 16}, 1.0);
  const auto results = [&](const at::Device& device, at::ScalarType dtype, AttentionStrategy strategy) {
    std::vector<at::Tensor> own;
    for (const at::Tensor& leaf : leaves)
      own.push_back(leaf.to(device, dtype).set_requires_grad(true));
    const at::Tensor out = attention(own[0], {{own[1], own[2]}, {own[3], own[4]}, {own[5], own[6]}}, layout,
                                     {0.25, nullptr, strategy});
    (out * probe.to(device, dtype)).sum().backward();
    std::vector<at::Tensor> result{out.detach()};
    for (const at::Tensor& leaf : own)
      result.push_back(leaf.grad());
    return result;
  };
  const std::vector<at::Tensor> want = results(at::kCPU, at::kDouble, AttentionStrategy::packed);
  for (const auto& [dtype, tolerance] : {std::pair{at::kFloat, 1e-4}, {at::kHalf, 3e-2}, {at::kBFloat16, 2e-1}})
    for (const AttentionStrategy strategy : {AttentionStrategy::padded, AttentionStrategy::variable_length}) {
      CAPTURE(at::toString(dtype));
      CAPTURE(static_cast<int>(strategy));
      // The layout caches its plan: each strategy and device needs one of its own.
      layout.plan = nullptr;
      const std::vector<at::Tensor> found = results(gpu(), dtype, strategy);
      for (std::size_t i = 0; i < want.size(); ++i)
        CHECK(largest_difference(found[i], want[i]) < tolerance);
    }
}

} // namespace

TEST_CASE("hidden states equal those of transformers, in float32") {
  for (const std::string name :
       {"llama-tied", "llama-untied", "llama3", "qwen3", "mistral-window", "llama-dynamic", "gemma2",
        "phi3-longrope", "gpt-neox", "gpt2-tied", "bert-mlm", "bert-plain", "roberta-mlm", "electra-generator",
        "mpnet", "deberta-v3", "deberta-v2", "modernbert"}) {
    CAPTURE(name);
    const Model model = model_on(name, gpu());
    const Recording recording(golden / "models" / name / "outputs.safetensors");
    std::vector<int64_t> all;
    for (int64_t row = 0; row < recording["ids"].size(0); ++row)
      all.push_back(row);
    const Batch batch = on_gpu(packed(recording, all, recording.has("segments")));
    CHECK(largest_difference(model.backbone().forward({batch, {}}), recording["hidden"]) < 1e-4);
  }
}

TEST_CASE("both attention strategies on the GPU equal packed attention on the CPU, gradients included") {
  for (const int64_t window : {0, 3, 5}) { // which hides no source altogether
    CAPTURE(window);
    compare_attention(window);
  }
}

// A soft prompt is compared in float64 only, because Adam divides by the size of a gradient: where that is near
// zero, float32's last digit decides the sign of a whole step.
TEST_CASE("training steps do not wait for the device, and training and prediction equal the CPU's") {
  for (const char* name : {"llama-tied", "llama-untied", "bert-mlm"})
    for (const RunSetting& setting : {soft_prompt_before, soft_tokens_inside})
      for (const at::ScalarType dtype : {at::kDouble, at::kFloat}) {
        CAPTURE(name);
        CAPTURE(at::toString(dtype));
        WaitingCalls calls;
        const Outcome here = run(model_on(name, at::kCPU, dtype), setting);
        const Outcome there = run(model_on(name, gpu(), dtype), setting, [&](bool on) { calls.set(on); });
        CHECK(calls.take() == std::vector<std::string>{});
        const double tolerance = dtype == at::kDouble ? 1e-6 : 1e-3;
        CHECK(largest_difference(here.losses, there.losses) < tolerance);
        CHECK(std::abs(here.losses.front() - there.losses.front()) < 1e-4);
        if (dtype == at::kDouble)
          CHECK(largest_difference(here.trained, there.trained) < tolerance);
        CHECK(largest_difference(here.probabilities, there.probabilities) < tolerance);
      }
}

TEST_CASE("a tuner that waits for the device is detected") {
  WaitingCalls calls;
  run(
      model_on("llama-tied", gpu()), soft_prompt_before, [&](bool on) { calls.set(on); }, true);
  CHECK(!calls.take().empty());
}

int main(int argc, char** argv) {
  // Must come first: LibTorch's CUDA library only registers itself before anything has used CUDA.
  const std::string reason = no_device();
  if (!reason.empty()) {
    std::cout << "SKIPPED: no CUDA device: " << reason << "\n";
    return 0;
  }
  return doctest::Context(argc, argv).run();
}
