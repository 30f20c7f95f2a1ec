#include "engine/generate/generator.hpp"

#include <algorithm>
#include <list>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

#include <cuecard/parts/index_tensor.hpp>

#include "engine/generate/continuation.hpp"
#include "engine/generate/prompt_generation.hpp"

namespace cuecard {

namespace {

/// The side that generated tokens are appended to.
const std::vector<PromptToken>& generated_side(const TokenizedPrompt& prompt) {
  return prompt.output.empty() ? prompt.input : prompt.output;
}

std::vector<int64_t> tokens_of(const TokenizedPrompt& prompt) {
  std::vector<int64_t> ids;
  for (const PromptToken& token : generated_side(prompt))
    ids.push_back(token.soft_slot >= 0 ? -1 : token.id);
  return ids;
}

/// The last token of each text, as a sequence that continues from the text's cached tokens.
Batch step_batch(const std::vector<ScoredRow>& rows, const BackboneShape& shape, at::Device device) {
  const int64_t count = std::ssize(rows);
  std::vector<int64_t> ids;
  Batch batch;
  Side side;
  for (int64_t row = 0; row < count; ++row) {
    const auto& [generation, number] = rows[static_cast<std::size_t>(row)];
    const Text& text = generation->running[number];
    ids.push_back(text.ids.back());
    side.cards.push_back(generation->card);
    side.inputs.push_back(generation->input);
    side.cache_of.push_back(text.cache);
    side.offsets.push_back(row + 1);
    batch.answer_tokens_host.push_back(row);
    batch.answer_offsets.push_back(row + 1);
    batch.sequence_of.push_back(row);
    batch.cards.push_back(generation->card);
  }
  side.ids = index_tensor(ids, device);
  side.positions = at::zeros({count}, side.ids.options()); // relative to the end of the cached tokens
  side.parent.assign(rows.size(), -1);
  side.soft_tokens = side.soft_slots = side.trigger_tokens = side.trigger_slots = index_tensor({}, device);
  batch.answer_tokens = at::arange(count, side.ids.options());
  (shape.encoder_decoder ? batch.output.emplace() : batch.input) = std::move(side);
  return batch;
}

} // namespace

/// One call of `write`.
class Generator::Run {
public:
  Run(Generator& generator, const std::vector<PackItem>& prompts, const BatchConditioning& conditioning,
      const GenerateSettings& settings, const GenerateCallbacks& callbacks)
      : generator_(generator), conditioning_(conditioning), cache_(*generator.cache_),
        shape_(generator.model_.shape()), device_(generator.model_.backbone().device()), prompts_(prompts),
        settings_(settings), callbacks_(callbacks),
        continuation_(cache_, generator.model_, generator.bounds_, settings, callbacks.token),
        texts_per_prompt_(std::max(settings.beams, settings.returns)), results_(prompts.size()) {}

  std::vector<std::vector<Generated>> all() {
    while (next_ < prompts_.size() || !generations_.empty()) {
      if (const std::vector<Entering> entering = waiting(); !entering.empty())
        enter(entering);
      else
        step();
      generations_.remove_if([&](PromptGeneration& generation) {
        if (generation.running.empty())
          results_[static_cast<std::size_t>(generation.prompt)] = best_of(generation.finished);
        return generation.running.empty();
      });
      if (callbacks_.between_steps)
        callbacks_.between_steps();
    }
    return std::move(results_);
  }

private:
  struct Entering {
    PackItem item;
    int64_t prompt = 0;
  };

  /// The prompts that enter now, sorted by card: as many as there is room for, once a quarter of all places is
  /// free.
  std::vector<Entering> waiting() {
    std::vector<Entering> entering;
    const int64_t places = std::max(generator_.limits_.texts, texts_per_prompt_);
    int64_t free = places, tokens = 0;
    for (const PromptGeneration& generation : generations_)
      free -= std::ssize(generation.running);
    if (!generations_.empty() && free * 4 < places)
      return entering;
    for (; next_ < prompts_.size() && free >= texts_per_prompt_; ++next_, free -= texts_per_prompt_) {
      const PackItem& item = prompts_[next_];
      tokens += std::ssize(item.prompt->input) + std::ssize(item.prompt->output);
      if (!entering.empty() && tokens > generator_.limits_.rows)
        break;
      entering.push_back({item, static_cast<int64_t>(next_)});
      if (shape_.causal)
        generator_.prefixes_.use(entering.back().item, cache_);
    }
    std::stable_sort(entering.begin(), entering.end(),
                     [](const Entering& a, const Entering& b) { return a.item.card < b.item.card; });
    return entering;
  }

  /// The pass over prompts, and the first token of each text.
  void enter(const std::vector<Entering>& entering) {
    std::vector<PackItem> items;
    items.reserve(entering.size());
    for (const Entering& each : entering)
      items.push_back(each.item);
    Batch batch = pack(items, {device_, shape_.causal});
    if (!batch.answer_side().cache_of.empty())
      batch.cache = generator_.cache_;
    int64_t next_sequence = cache_.num_sequences();
    const at::Tensor hidden = forward(batch);

    const Side& side = batch.answer_side();
    std::vector<int64_t> cached_as; // cached sequence, by sequence of the batch
    for (int64_t s = 0; s < side.num_sequences(); ++s) {
      const int64_t cache = side.cache_of.empty() ? -1 : side.cache_of[static_cast<std::size_t>(s)];
      cached_as.push_back(cache >= 0 ? cache : next_sequence++);
    }
    std::vector<ScoredRow> rows;
    std::vector<int64_t> row_of; // of `hidden`
    for (std::size_t i = 0; i < entering.size(); ++i) {
      PromptGeneration& generation =
          begin(entering[i], cached_as[static_cast<std::size_t>(batch.sequence_of[i])]);
      for (std::size_t text = 0; text < generation.running.size(); ++text) {
        rows.push_back({&generation, text});
        row_of.push_back(static_cast<int64_t>(i));
      }
    }
    // Sequences that continue from a parent hold its tokens, so the parent itself can go.
    for (int64_t s = 0; s < side.num_sequences(); ++s)
      if (std::find(batch.sequence_of.begin(), batch.sequence_of.end(), s) == batch.sequence_of.end())
        cache_.release(cached_as[static_cast<std::size_t>(s)]);
    at::Tensor scores = project(hidden, batch);
    if (std::ssize(row_of) != scores.size(0))
      scores = scores.index_select(0, index_tensor(row_of, device_));
    continuation_.advance(scores, rows);
  }

  PromptGeneration& begin(const Entering& entering, int64_t sequence) {
    const TokenizedPrompt& prompt = *entering.item.prompt;
    PromptGeneration& generation = generations_.emplace_back(PromptGeneration{entering.prompt,
                                                                              entering.item.card,
                                                                              entering.item.input,
                                                                              0,
                                                                              settings_.max_length,
                                                                              {},
                                                                              {},
                                                                              Beams(settings_)});
    Text text;
    text.ids = tokens_of(prompt);
    text.cache = sequence;
    generation.prompt_length = std::ssize(text.ids);
    if (shape_.max_positions > 0) { // the last generated token is never forwarded, so it needs no position
      const int64_t position = cache_.next_position(sequence);
      generation.most = std::min(generation.most, shape_.max_positions - position + 1);
    }
    if (shape_.causal)
      generator_.prefixes_.add(entering.item, sequence, cache_);
    const int64_t texts = settings_.beams > 1 ? 1 : settings_.returns;
    for (int64_t i = 0; i < texts; ++i) {
      generation.running.push_back(text);
      if (i > 0)
        generation.running.back().cache = cache_.fork(sequence);
      if (settings_.temperature > 0)
        generation.running.back().draws.emplace(settings_.seed,
                                                static_cast<uint64_t>(entering.prompt * settings_.returns + i));
    }
    return generation;
  }

  /// One decoding step for all running texts.
  void step() {
    std::vector<ScoredRow> rows;
    for (PromptGeneration& generation : generations_)
      for (std::size_t text = 0; text < generation.running.size(); ++text)
        rows.push_back({&generation, text});
    Batch batch = step_batch(rows, shape_, device_);
    batch.cache = generator_.cache_;
    continuation_.advance(project(forward(batch), batch), rows);
  }

  at::Tensor forward(const Batch& batch) const {
    return generator_.backbone_.forward(batch, conditioning_, generator_.cache_.get());
  }
  at::Tensor project(const at::Tensor& hidden, const Batch& batch) const {
    return generator_.backbone_.project(hidden, {}, batch).to(at::kFloat);
  }

  std::vector<Generated> best_of(std::vector<Generated> finished) const {
    if (settings_.beams == 1) // beams are sorted already
      std::stable_sort(finished.begin(), finished.end(),
                       [](const Generated& a, const Generated& b) { return a.log_prob > b.log_prob; });
    finished.resize(std::min(finished.size(), static_cast<std::size_t>(settings_.returns)));
    return finished;
  }

  Generator& generator_;
  const BatchConditioning& conditioning_;
  KvCache& cache_;
  const BackboneShape& shape_;
  const at::Device device_;
  const std::vector<PackItem>& prompts_;
  const GenerateSettings& settings_;
  const GenerateCallbacks& callbacks_;
  Continuation continuation_;
  const int64_t texts_per_prompt_;
  std::size_t next_ = 0; ///< the first waiting prompt
  std::list<PromptGeneration> generations_;
  std::vector<std::vector<Generated>> results_;
};

Generator::Generator(const Model& model, const CountedBackbone& backbone, const GenerateLimits& limits)
    : model_(model), backbone_(backbone), limits_(limits),
      bounds_(
          text_bounds(model.files().configuration, model.vocabulary().special(), model.shape().vocabulary)) {}

std::vector<std::vector<Generated>> Generator::write(const std::vector<PackItem>& prompts,
                                                     const BatchConditioning& conditioning,
                                                     const GenerateSettings& settings,
                                                     const GenerateCallbacks& callbacks) {
  check(settings, model_.shape());
  const at::InferenceMode inference; // cached keys and values are written in place
  std::vector<std::vector<Generated>> texts;
  try {
    texts = Run(*this, prompts, conditioning, settings, callbacks).all();
  } catch (...) {
    prefixes_ = {};
    cache_ = std::make_shared<KvCache>();
    throw;
  }
  cache_ = prefixes_.compacted(*cache_);
  return texts;
}

} // namespace cuecard
