#include "engine/generate/continuation.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

#include <ATen/ops/from_blob.h>
#include <ATen/ops/log_softmax.h>

#include <cuecard/parts/index_tensor.hpp>

#include "engine/checks/finite_check.hpp"

namespace cuecard {

namespace {

/// Whether two prompts' tokens are chosen by the same rule.
bool same_rule(const GenerateSettings& a, const GenerateSettings& b) {
  const auto fields = [](const GenerateSettings& s) {
    return std::tie(s.max_length, s.min_length, s.beams, s.returns, s.temperature, s.top_k, s.top_p, s.min_p,
                    s.repetition_penalty, s.length_penalty, s.no_repeat_ngram, s.early_stop, s.banned);
  };
  return &a == &b || fields(a) == fields(b);
}

} // namespace

void Continuation::advance(const at::Tensor& scores, const std::vector<ScoredRow>& rows) {
  std::vector<bool> taken(rows.size(), false);
  for (std::size_t first = 0; first < rows.size(); ++first) {
    if (taken[first])
      continue;
    const GenerateSettings& settings = *rows[first].generation->settings;
    std::vector<ScoredRow> own;
    std::vector<int64_t> indices;
    for (std::size_t row = first; row < rows.size(); ++row)
      if (!taken[row] && same_rule(settings, *rows[row].generation->settings)) {
        taken[row] = true;
        own.push_back(rows[row]);
        indices.push_back(static_cast<int64_t>(row));
      }
    advance(own.size() == rows.size() ? scores : scores.index_select(0, index_tensor(indices, scores.device())),
            own, settings);
  }
}

void Continuation::advance(const at::Tensor& scores, const std::vector<ScoredRow>& rows,
                           const GenerateSettings& settings) {
  std::vector<TextSoFar> texts;
  for (const auto& [generation, text] : rows) {
    const Text& so_far = generation->running[text];
    texts.push_back({&so_far.ids, std::ssize(generation->generated_ids(so_far)), generation->most});
  }
  const at::Tensor log_probs = at::log_softmax(scores, 1);
  if (settings.beams > 1) {
    // Enough candidates that `beams` of them continue even if all end-of-sequence tokens are among the best.
    const int64_t count = settings.beams * std::max<int64_t>(2, 1 + std::ssize(bounds_.ends));
    search(checked(best_tokens(constrained(log_probs, texts, settings, bounds_), log_probs, count)), rows);
    return;
  }
  const at::Tensor compared = constrained(scores, texts, settings, bounds_);
  if (settings.temperature == 0) {
    extend(checked(best_tokens(compared, log_probs, 1)), rows);
    return;
  }
  std::vector<double> uniforms;
  uniforms.reserve(rows.size());
  for (const auto& [generation, text] : rows)
    uniforms.push_back(generation->running[text].draws->uniform());
  extend(checked(drawn_tokens(compared, log_probs, settings, uniforms)), rows);
}

ChosenTokens Continuation::checked(ChosenTokens chosen) const {
  check_numbers(at::from_blob(chosen.log_probs.data(), {std::ssize(chosen.log_probs)}, at::kDouble), model_);
  return chosen;
}

/// Appends one token to each text.
void Continuation::extend(const ChosenTokens& chosen, const std::vector<ScoredRow>& rows) {
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto& [generation, number] = rows[row];
    Text& text = generation->running[number];
    text.log_prob += chosen.log_probs[row];
    text.ids.push_back(chosen.ids[row]);
    if (number == 0)
      tell(*generation, end_of(*generation).without_end(generation->generated_ids(text)));
  }
  for (std::size_t row = 0; row < rows.size(); ++row)
    if (row + 1 == rows.size() || rows[row + 1].generation != rows[row].generation)
      take_finished(*rows[row].generation);
}

void Continuation::take_finished(PromptGeneration& generation) {
  const TextEnd end = end_of(generation);
  std::erase_if(generation.running, [&](const Text& text) {
    const std::span<const int64_t> ids = generation.generated_ids(text);
    if (!generation.dropped && !end.ended(ids, generation.most))
      return false;
    cache_.release(text.cache);
    generation.finished.push_back(end.generated(ids, text.log_prob));
    return true;
  });
}

/// One step of beam search for each prompt.
void Continuation::search(const ChosenTokens& chosen, const std::vector<ScoredRow>& rows) {
  for (std::size_t row = 0; row < rows.size();) {
    PromptGeneration& generation = *rows[row].generation;
    const std::size_t running = generation.running.size();
    const int64_t written = std::ssize(generation.generated_ids(generation.running[0])) + 1;
    go_on(generation, generation.beams.step(candidates_of(generation, chosen, row), written));
    tell(generation, {});
    if (generation.dropped)
      go_on(generation, {});
    if (generation.running.empty())
      for (const Beams::Finished& beam : generation.beams.finished())
        generation.finished.push_back(end_of(generation).generated(beam.ids, beam.log_prob));
    row += running;
  }
}

/// The best candidates over all beams of a prompt, whose rows begin at `first_row`.
std::vector<BeamCandidate> Continuation::candidates_of(const PromptGeneration& generation,
                                                       const ChosenTokens& chosen,
                                                       std::size_t first_row) const {
  const auto per_row = static_cast<std::size_t>(chosen.per_row);
  std::vector<BeamCandidate> candidates;
  for (std::size_t beam = 0; beam < generation.running.size(); ++beam)
    for (std::size_t i = (first_row + beam) * per_row; i < (first_row + beam + 1) * per_row; ++i)
      candidates.push_back({beam,
                            chosen.ids[i],
                            generation.running[beam].score + chosen.scores[i],
                            generation.running[beam].log_prob + chosen.log_probs[i],
                            false,
                            {}});
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const BeamCandidate& a, const BeamCandidate& b) { return a.score > b.score; });
  candidates.resize(std::min(candidates.size(), per_row));
  // Forbidden tokens are no candidates: with a forced token, one is left per beam. (If all are forbidden, one
  // stays.)
  while (candidates.size() > 1 && candidates.back().score == -std::numeric_limits<float>::infinity())
    candidates.pop_back();
  const TextEnd end = end_of(generation);
  for (BeamCandidate& candidate : candidates) {
    const std::span<const int64_t> before = generation.generated_ids(generation.running[candidate.beam]);
    std::vector<int64_t> ids(before.begin(), before.end());
    ids.push_back(candidate.token);
    candidate.ends = end.ended(ids, generation.most);
    if (candidate.ends)
      candidate.ids = std::move(ids);
  }
  return candidates;
}

/// Replaces the beams by their children: the first child of a beam keeps its cached sequence, further children
/// get forks of it.
void Continuation::go_on(PromptGeneration& generation, const std::vector<BeamCandidate>& children) {
  std::vector<Text> next;
  std::vector<bool> taken(generation.running.size(), false);
  for (const BeamCandidate& child : children) {
    const Text& from = generation.running[child.beam];
    Text& text = next.emplace_back(from);
    text.ids.push_back(child.token);
    text.score = child.score;
    text.log_prob = child.log_prob;
    if (taken[child.beam])
      text.cache = cache_.fork(from.cache);
    taken[child.beam] = true;
  }
  for (std::size_t beam = 0; beam < taken.size(); ++beam)
    if (!taken[beam])
      cache_.release(generation.running[beam].cache);
  generation.running = std::move(next);
}

void Continuation::tell(PromptGeneration& generation, std::span<const int64_t> ids) {
  if (!source_.token(generation.number, ids))
    generation.dropped = true;
}

} // namespace cuecard
