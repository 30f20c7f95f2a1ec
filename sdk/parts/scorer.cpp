#include <cuecard/scorer.hpp>

#include <ATen/ops/cat.h>

#include <cuecard/error.hpp>

namespace cuecard {

at::Tensor Scorer::score_all(const ScoreRequest& request) {
  std::vector<at::Tensor> parts;
  score(request, [&](const at::Tensor& values, const Batch&) { parts.push_back(values); });
  if (parts.empty())
    throw DataError(request.examples.size() == 1 ? "the example could not be scored."
                                                 : "none of the " + std::to_string(request.examples.size()) +
                                                       " examples could be scored.");
  return at::cat(parts);
}

} // namespace cuecard
