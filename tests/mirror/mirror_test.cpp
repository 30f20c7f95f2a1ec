// Models and training on a device that is not the CPU: the same numbers, nothing that mixes devices, and no
// optimizer step that waits for the device.
#include <algorithm>
#include <cmath>
#include <optional>

#include <ATen/ATen.h>

#include "mirror_device.hpp"
#include "training_run.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return (a.to(at::kCPU) - b.to(at::kCPU)).abs().max().item<double>();
}

Outcome watched_run(const Model& model, const RunSetting& setting, bool reads = false) {
  std::optional<mirror::Watch> watch;
  int64_t begun = 0;
  const auto set_watch = [&](bool on) {
    begun += on;
    on ? (void)watch.emplace() : watch.reset();
  };
  const Outcome outcome = run(model, setting, set_watch, reads);
  CHECK(begun == 1);
  return outcome;
}

template <class T>
double largest_difference(const std::vector<T>& a, const std::vector<T>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, static_cast<double>(std::abs(a[i] - b[i])));
  return largest;
}

/// In float64, because Adam divides by the size of a gradient: where that is near zero, float32's last digit
/// decides the sign of a whole step. In float32 losses and probabilities are compared.
void check_same(const std::string& name, const RunSetting& setting) {
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat}) {
    CAPTURE(name);
    CAPTURE(at::toString(dtype));
    const double tolerance = dtype == at::kDouble ? 1e-6 : 1e-3;
    const Outcome here = run(model_on(name, at::kCPU, dtype), setting);
    const Outcome there = watched_run(model_on(name, mirror::device, dtype), setting);
    REQUIRE(here.losses.size() == static_cast<std::size_t>(steps));
    CHECK(largest_difference(here.losses, there.losses) < tolerance);
    CHECK(std::abs(here.losses.front() - here.losses.back()) > 0.01);
    if (dtype == at::kDouble)
      CHECK(largest_difference(here.prompt, there.prompt) < tolerance);
    REQUIRE(here.probabilities.size() == 2 * training_rows().size());
    CHECK(largest_difference(here.probabilities, there.probabilities) < tolerance);
  }
}

Side moved(Side side, const at::Device& device) {
  for (at::Tensor* tensor : {&side.ids, &side.positions, &side.segments, &side.soft_rows, &side.soft_slots})
    if (tensor->defined())
      *tensor = tensor->to(device);
  return side;
}

} // namespace

TEST_CASE("training steps wait for nothing, and training and prediction are the CPU's") {
  for (const char* name : {"llama-tied", "llama-untied", "bert-mlm"})
    check_same(name, rows_in_front);
}

TEST_CASE("the same with learned rows inside the text, behind rows that are kept from step to step") {
  for (const char* name : {"llama-tied", "bert-mlm"})
    check_same(name, rows_inside);
}

TEST_CASE("a tuner that waits for the device is caught") {
  CHECK_THROWS_WITH(watched_run(model_on("llama-tied", mirror::device), rows_in_front, true),
                    doctest::Contains("makes the host wait"));
}

TEST_CASE("a batch that stayed on the CPU is refused, and the operator named") {
  const Model model = model_on("bert-mlm", mirror::device);
  const Batch batch = packed(Recording(golden / "models/bert-mlm/outputs.safetensors"), {0}, false);
  CHECK_THROWS_WITH(model.backbone().forward({batch, {}}),
                    doctest::Contains("aten::index_select mixes tensors"));
}

TEST_CASE("hidden states, what is read of them, and gradients are transformers'") {
  for (const char* name : {"llama-tied", "llama-untied", "bert-mlm", "bert-plain"}) {
    CAPTURE(name);
    const Model model = model_on(name, mirror::device);
    const BackboneShape& shape = model.backbone().shape();
    const Recording recording(golden / "models" / name / "outputs.safetensors");
    const auto there = [&](const char* tensor) { return recording[tensor].to(mirror::device); };
    std::vector<int64_t> all;
    for (int64_t row = 0; row < recording["ids"].size(0); ++row)
      all.push_back(row);
    Batch batch = packed(recording, all, shape.family == "bert");
    batch.input.soft_rows = batch.input.soft_slots = at::arange(batch.input.rows());
    batch.input = moved(batch.input, mirror::device);
    batch.answer_rows = batch.answer_rows.to(mirror::device);
    Conditioning conditioning;
    conditioning.embeddings = model.backbone().embedding_rows(batch.input.ids).set_requires_grad(true);

    at::Tensor hidden, values, objective;
    if (shape.pools) {
      const at::Tensor hidden_probe = there("hidden_probe"), pooled_probe = there("pooled_probe");
      const at::Tensor firsts = at::tensor(batch.input.offsets, at::kLong).slice(0, 0, -1).to(mirror::device);
      const mirror::Watch watch;
      hidden = model.backbone().forward({batch, conditioning});
      values = model.backbone().read(hidden.index_select(0, firsts), {Readout::Kind::pooled, {}});
      objective = (hidden * hidden_probe).sum() + (values * pooled_probe).sum();
      objective.backward();
    } else {
      const at::Tensor rows = there("target_rows"), ids = there("target_ids");
      const mirror::Watch watch;
      hidden = model.backbone().forward({batch, conditioning});
      values = model.backbone().read(hidden, {Readout::Kind::log_probs, {}});
      objective = values.index({rows, ids}).mean();
      objective.backward();
    }
    CHECK(largest_difference(hidden.detach(), recording["hidden"]) < 1e-4);
    CHECK(largest_difference(values.detach(), recording[shape.pools ? "pooled" : "log_probs"]) < 1e-4);
    CHECK(std::abs(objective.item<double>() - recording["objective"].item<double>()) < 1e-4);
    CHECK(largest_difference(conditioning.embeddings.grad(), recording["embedding_gradient"]) < 1e-4);
  }
}
