#include "candidates.hpp"

#include <algorithm>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

at::Tensor fitting(const TensorMap& state, const std::string& name, int64_t dimensions) {
  const auto found = state.find(name);
  if (found == state.end() || found->second.dim() != dimensions)
    throw DataError("the checkpoint has no matching \"" + name + "\": it belongs to another run.");
  return found->second;
}

} // namespace

TensorMap state_of(const std::vector<Candidate>& candidates, std::size_t scored) {
  std::string texts;
  for (const Candidate& candidate : candidates)
    texts += candidate.source;
  const auto count = static_cast<int64_t>(scored);
  at::Tensor sources = at::empty({std::ssize(texts)}, at::kByte), losses = at::empty({count}, at::kDouble);
  std::copy(texts.begin(), texts.end(), sources.data_ptr<uint8_t>());
  at::Tensor lengths = at::empty({std::ssize(candidates)}, at::kLong);
  for (std::size_t i = 0; i < candidates.size(); ++i)
    lengths.data_ptr<int64_t>()[i] = std::ssize(candidates[i].source);
  std::size_t labels = 0;
  for (std::size_t i = 0; i < scored; ++i) {
    losses.data_ptr<double>()[i] = candidates[i].loss;
    labels = std::max(labels, candidates[i].words.size());
  }
  at::Tensor words = at::empty({count, static_cast<int64_t>(labels)}, at::kLong);
  for (std::size_t i = 0; i < scored; ++i)
    for (std::size_t label = 0; label < labels; ++label)
      words.data_ptr<int64_t>()[i * labels + label] =
          candidates[i].words.empty() ? -1 : candidates[i].words[label].at(0);
  return {{"sources", sources}, {"lengths", lengths}, {"losses", losses}, {"words", words}};
}

std::vector<Candidate> restored(const TensorMap& state, std::size_t& scored) {
  const at::Tensor sources = fitting(state, "sources", 1).to(at::kCPU, at::kByte).contiguous();
  const at::Tensor losses = fitting(state, "losses", 1).to(at::kCPU, at::kDouble).contiguous();
  const at::Tensor words = fitting(state, "words", 2).to(at::kCPU, at::kLong).contiguous();
  const at::Tensor lengths = fitting(state, "lengths", 1).to(at::kCPU, at::kLong).contiguous();
  std::vector<Candidate> candidates;
  const uint8_t *text = sources.const_data_ptr<uint8_t>(), *end = text + sources.numel();
  for (int64_t i = 0; i < lengths.numel(); ++i) {
    const int64_t length = lengths.const_data_ptr<int64_t>()[i];
    if (length < 0 || length > end - text)
      throw DataError("the checkpoint's templates are truncated: it belongs to another run.");
    candidates.push_back({std::string(text, text + length)});
    text += length;
  }
  scored = static_cast<std::size_t>(losses.numel());
  if (scored > candidates.size() || words.size(0) != losses.numel())
    throw DataError("the checkpoint has more scores than templates: it belongs to another run.");
  for (std::size_t i = 0; i < scored; ++i) {
    candidates[i].loss = losses.const_data_ptr<double>()[i];
    for (int64_t label = 0; label < words.size(1); ++label)
      if (const int64_t word = words[static_cast<int64_t>(i)][label].item<int64_t>(); word >= 0)
        candidates[i].words.push_back({word});
  }
  return candidates;
}

} // namespace cuecard
