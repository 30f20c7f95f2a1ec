/// The golden files (tests/golden/README.md), and models to compare with them.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include "engine/model.hpp"
#include "model/safetensors/safetensors.hpp"
#include "registry/registry.hpp"

namespace cuecard::test {

inline const std::filesystem::path golden = std::filesystem::path(CUECARD_SOURCE_DIR) / "tests/golden";

/// Plugins of this build.
inline const registry::Registry& plugins() {
  static const registry::Registry registry =
      registry::Registry::scan(registry::SearchPath::standard({CUECARD_BUILT_PLUGINS}));
  return registry;
}

inline Model tiny_model(const std::string& name, at::ScalarType dtype = at::kFloat) {
  return Model::load(golden / "models" / name, plugins(), {at::kCPU, dtype});
}

/// One recording: tensors by name.
class Recording {
public:
  explicit Recording(const std::filesystem::path& path) : file_(path) {}
  at::Tensor operator[](const std::string& name) const { return file_.tensor(name).clone(); }
  bool has(const std::string& name) const { return file_.entries().contains(name); }
  std::vector<int64_t> list(const std::string& name) const {
    const at::Tensor tensor = file_.tensor(name).contiguous();
    return {tensor.const_data_ptr<int64_t>(), tensor.const_data_ptr<int64_t>() + tensor.numel()};
  }

private:
  SafetensorsFile file_;
};

/// Recorded sequences of one side, concatenated.
inline Side recorded_side(const Recording& recording, const std::string& side) {
  Side result;
  result.ids = recording[side + "ids"];
  result.offsets = recording.list(side + "offsets");
  std::vector<int64_t> positions;
  for (int64_t s = 0; s < result.num_sequences(); ++s) {
    for (int64_t i = result.offsets[s]; i < result.offsets[s + 1]; ++i)
      positions.push_back(i - result.offsets[s]);
    result.parent.push_back(-1);
    result.cards.push_back(0);
  }
  result.positions = at::tensor(positions, at::kLong);
  return result;
}

/// All sequences of a recording as one packed batch that selects `answer_tokens`, which are tokens of the
/// outputs where outputs were recorded.
inline Batch packed(const Recording& recording, std::vector<int64_t> answer_tokens, bool segments) {
  Batch batch;
  batch.input = recorded_side(recording, "");
  if (segments)
    batch.input.segments = recording["segments"];
  if (recording.has("output_ids")) {
    batch.output = recorded_side(recording, "output_");
    for (int64_t s = 0; s < batch.output->num_sequences(); ++s)
      batch.source_of.push_back(s);
  }
  batch.answer_tokens = at::tensor(answer_tokens, at::kLong);
  batch.answer_tokens_host = std::move(answer_tokens);
  return batch;
}

/// Makes every token a soft slot that holds its own word embedding, which gives the gradient with respect to
/// all of them.
inline at::Tensor all_tokens_soft(Batch& batch, const Model& model, at::ScalarType dtype) {
  const at::Tensor embeddings =
      model.backbone().token_vectors(TokenTable::input, batch.input.ids).to(dtype).set_requires_grad(true);
  batch.input.soft_tokens = batch.input.soft_slots = at::arange(batch.input.num_tokens());
  return embeddings;
}

} // namespace cuecard::test
