#include <cuecard/conditioning.hpp>

namespace cuecard {

BatchConditioning::BatchConditioning(Conditioning all)
    : embeddings(std::move(all.embeddings)), late_embeddings(std::move(all.late_embeddings)),
      prefixes(std::move(all.prefixes)), low_rank(std::move(all.low_rank)),
      rescalings(std::move(all.rescalings)), triggers(std::move(all.triggers)),
      prefix_cards(prefixes.size(), -1), low_rank_cards(low_rank.size(), -1),
      rescaling_cards(rescalings.size(), -1) {
  for (at::Tensor* rows : {&embeddings, &late_embeddings})
    if (rows->defined() && rows->dim() == 3)
      *rows = rows->flatten(0, 1);
}

} // namespace cuecard
