#include <cuecard/parts/training/conditioning_tensors.hpp>

namespace cuecard {

std::vector<at::Tensor> tensors_in(const Conditioning& conditioning) {
  std::vector<at::Tensor> tensors{conditioning.embeddings, conditioning.late_embeddings};
  for (const Prefix& prefix : conditioning.prefixes)
    tensors.insert(tensors.end(), {prefix.key, prefix.value});
  for (const LowRankUpdate& update : conditioning.low_rank)
    tensors.insert(tensors.end(), {update.a, update.b});
  for (const Rescaling& rescaling : conditioning.rescalings)
    tensors.push_back(rescaling.factors);
  return tensors;
}

} // namespace cuecard
