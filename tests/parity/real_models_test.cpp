// SmolLM2 and MiniLM against transformers with the same weights. Skipped where `./run setup` has not fetched
// them.
#include <ATen/ATen.h>

#include <iostream>

#include "recorded.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

const std::filesystem::path models = std::filesystem::path(CUECARD_SOURCE_DIR) / ".cache/models";

bool there(const std::filesystem::path& path) {
  if (std::filesystem::exists(path))
    return true;
  std::cout << "SKIPPED: " << path.filename().string() << " is not there; `./run setup` fetches it\n";
  return false;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

} // namespace

TEST_CASE("SmolLM2 at the last token of six texts") {
  if (!there(models / "SmolLM2-135M-Instruct.Q4_1.gguf"))
    return;
  const Model model = Model::load(models / "SmolLM2-135M-Instruct.Q4_1.gguf", plugins(), {});
  const Recording recording(golden / "smollm2.safetensors");
  std::vector<int64_t> last = recording.list("offsets");
  last.erase(last.begin());
  for (int64_t& row : last)
    --row;
  const Batch batch = packed(recording, last, false);
  const at::Tensor hidden = model.backbone().forward({batch, {}});
  CHECK(largest_difference(hidden, recording["hidden"]) < 2e-3); // its values reach 50
  const at::Tensor log_probs = model.backbone().project({hidden, {OutputRequest::Kind::log_probs, {}}});
  CHECK(largest_difference(log_probs.index_select(1, recording["watched_ids"]), recording["log_probs"]) < 1e-4);
  CHECK(at::equal(log_probs.argmax(1), recording["best_ids"]));
}

TEST_CASE("MiniLM, mean and first token of six texts") {
  if (!there(models / "minilm"))
    return;
  const Model model = Model::load(models / "minilm", plugins(), {});
  const Recording recording(golden / "minilm.safetensors");
  std::vector<int64_t> all;
  for (int64_t row = 0; row < recording["ids"].size(0); ++row)
    all.push_back(row);
  const Batch batch = packed(recording, all, false);
  const at::Tensor hidden = model.backbone().forward({batch, {}});
  const std::vector<int64_t>& offsets = batch.input.offsets;
  for (int64_t s = 0; s < batch.input.num_sequences(); ++s) {
    const at::Tensor rows = hidden.slice(0, offsets[s], offsets[s + 1]);
    CHECK(largest_difference(rows.mean(0), recording["mean"][s]) < 1e-4);
    CHECK(largest_difference(rows[0], recording["first"][s]) < 1e-4);
  }
}
