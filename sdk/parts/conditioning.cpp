#include <cuecard/conditioning.hpp>

#include <utility>

namespace cuecard {

std::string parts_of(const Conditioning& conditioning) {
  const std::pair<const char*, bool> parts[] = {{"soft embeddings", conditioning.embeddings.defined()},
                                                {"late embeddings", conditioning.late_embeddings.defined()},
                                                {"prefixes", !conditioning.prefixes.empty()},
                                                {"low-rank updates", !conditioning.low_rank.empty()},
                                                {"rescalings", !conditioning.rescalings.empty()},
                                                {"trigger tokens", conditioning.triggers.defined()}};
  std::string names;
  for (const auto& [name, present] : parts)
    if (present)
      names += (names.empty() ? "" : " and ") + std::string(name);
  return names.empty() ? "nothing" : names;
}

BatchConditioning::BatchConditioning(Conditioning all)
    : embeddings(std::move(all.embeddings)), late_embeddings(std::move(all.late_embeddings)),
      prefixes(std::move(all.prefixes)), low_rank(std::move(all.low_rank)),
      rescalings(std::move(all.rescalings)), triggers(std::move(all.triggers)),
      prefix_cards(prefixes.size(), -1), low_rank_cards(low_rank.size(), -1),
      rescaling_cards(rescalings.size(), -1) {
  for (at::Tensor* slots : {&embeddings, &late_embeddings})
    if (slots->defined() && slots->dim() == 3)
      *slots = slots->flatten(0, 1);
}

} // namespace cuecard
