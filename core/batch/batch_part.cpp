#include "batch/batch_part.hpp"

#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

BatchPart part_of(const Batch& batch, const std::vector<int64_t>& entries) {
  BatchPart result;
  Batch& part = result.batch;
  std::vector<int64_t> answers;
  for (const int64_t entry : entries) {
    const auto e = static_cast<std::size_t>(entry);
    for (int64_t answer = batch.answer_offsets[e]; answer < batch.answer_offsets[e + 1]; ++answer) {
      answers.push_back(answer);
      part.answer_tokens_host.push_back(batch.answer_tokens_host[static_cast<std::size_t>(answer)]);
      part.answer_origin.push_back(batch.answer_origin[static_cast<std::size_t>(answer)]);
    }
    part.answer_offsets.push_back(std::ssize(answers));
    part.examples.push_back(batch.examples[e]);
    part.choices.push_back(batch.choices[e]);
    part.variants.push_back(batch.variants[e]);
    part.candidates.push_back(batch.candidates[e]);
    part.cards.push_back(batch.cards[e]);
    part.sequence_of.push_back(batch.sequence_of[e]);
  }
  result.answers = index_tensor(answers, batch.labels.device());
  part.answer_tokens = batch.answer_tokens.index_select(0, result.answers);
  part.answer_targets = batch.answer_targets.index_select(0, result.answers);
  part.answer_labels = batch.answer_labels.index_select(0, result.answers);
  part.labels = batch.labels.index_select(0, index_tensor(entries, batch.labels.device()));
  return result;
}

} // namespace cuecard
