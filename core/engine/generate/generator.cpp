#include "engine/generate/generator.hpp"

#include <algorithm>
#include <list>
#include <optional>
#include <utility>

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
    side.cards.push_back(generation->item.card);
    side.inputs.push_back(generation->item.input);
    side.cache_of.push_back(text.cache);
    side.offsets.push_back(row + 1);
    batch.answer_tokens_host.push_back(row);
    batch.answer_offsets.push_back(row + 1);
    batch.sequence_of.push_back(row);
    batch.cards.push_back(generation->item.card);
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

/// One call of `run`.
class Generator::Run {
public:
  Run(Generator& generator, PromptSource& source, const Condition& condition)
      : generator_(generator), condition_(condition), cache_(*generator.cache_),
        shape_(generator.model_.shape()), device_(generator.model_.backbone().device()), source_(source),
        continuation_(cache_, generator.model_, generator.bounds_, source) {}

  void all() {
    while (true) {
      if (take_waiting())
        enter();
      else if (!generations_.empty())
        step();
      else
        return;
      generations_.remove_if([&](PromptGeneration& generation) {
        const bool done = generation.running.empty();
        if (done && !generation.dropped)
          source_.finished(generation.number, best_of(generation), most_own_tokens(generation));
        return done;
      });
      source_.stepped();
    }
  }

private:
  using Generations = std::list<PromptGeneration>;

  /// Moves prompts from the source to `entering_`: as many as there is room for, once a quarter of all places is free. Whether there
  /// are any.
  bool take_waiting() {
    int64_t free = generator_.limits_.texts, tokens = 0;
    for (const PromptGeneration& generation : generations_)
      free -= std::ssize(generation.running);
    if (!generations_.empty() && free * 4 < generator_.limits_.texts)
      return false;
    while (true) {
      if (!held_)
        held_ = source_.next();
      if (!held_)
        break;
      const int64_t texts = std::max(held_->settings->beams, held_->settings->returns);
      const bool first =
          entering_.empty() && generations_.empty(); // has room even if it needs more than there is
      tokens += std::ssize(held_->prompt.input) + std::ssize(held_->prompt.output);
      if (!first && (texts > free || (!entering_.empty() && tokens > generator_.limits_.rows)))
        break;
      free -= texts;
      entering_.push_back(generation_of(*std::exchange(held_, std::nullopt)));
    }
    entering_.sort(
        [](const PromptGeneration& a, const PromptGeneration& b) { return a.item.card < b.item.card; });
    return !entering_.empty();
  }

  static PromptGeneration generation_of(PendingPrompt open) {
    PromptGeneration generation{.number = open.number,
                                .stream = open.stream,
                                .prompt = std::make_shared<const TokenizedPrompt>(std::move(open.prompt)),
                                .settings = open.settings,
                                .item = {},
                                .beams = Beams(*open.settings)};
    generation.item.prompt = generation.prompt.get();
    generation.item.example = open.example;
    generation.item.card = open.card;
    generation.most = open.settings->max_length;
    return generation;
  }

  /// The pass over prompts, and the first token of each text.
  void enter() {
    condition_all();
    std::vector<PackItem> items;
    for (PromptGeneration& generation : entering_) {
      if (shape_.causal)
        generator_.prefixes_.use(generation.item, cache_);
      items.push_back(generation.item);
    }
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
    int64_t entry = 0;
    for (PromptGeneration& generation : entering_) {
      begin(generation,
            cached_as[static_cast<std::size_t>(batch.sequence_of[static_cast<std::size_t>(entry)])]);
      for (std::size_t text = 0; text < generation.running.size(); ++text) {
        rows.push_back({&generation, text});
        row_of.push_back(entry);
      }
      ++entry;
    }
    // Sequences that continue from a parent hold its tokens, so the parent itself can go.
    for (int64_t s = 0; s < side.num_sequences(); ++s)
      if (std::find(batch.sequence_of.begin(), batch.sequence_of.end(), s) == batch.sequence_of.end())
        cache_.release(cached_as[static_cast<std::size_t>(s)]);
    generations_.splice(generations_.end(), entering_);
    at::Tensor scores = project(hidden, batch);
    if (std::ssize(row_of) != scores.size(0))
      scores = scores.index_select(0, index_tensor(row_of, device_));
    continuation_.advance(scores, rows);
  }

  /// The conditioning for those that run and those that enter.
  void condition_all() {
    std::vector<PackItem> items;
    for (const Generations* list : {&generations_, &entering_})
      for (const PromptGeneration& generation : *list)
        items.push_back(generation.item);
    conditioning_ = condition_ ? condition_(items) : std::make_shared<const BatchConditioning>();
    auto item = items.begin();
    for (Generations* list : {&generations_, &entering_})
      for (PromptGeneration& generation : *list)
        generation.item = *item++;
  }

  void begin(PromptGeneration& generation, int64_t sequence) {
    const GenerateSettings& settings = *generation.settings;
    Text text;
    text.ids = tokens_of(*generation.prompt);
    text.cache = sequence;
    generation.prompt_length = std::ssize(text.ids);
    if (shape_.max_positions > 0) { // the last generated token is never forwarded, so it needs no position
      const int64_t position = cache_.next_position(sequence);
      generation.most = std::min(generation.most, shape_.max_positions - position + 1);
    }
    if (shape_.causal)
      generator_.prefixes_.add(generation.item, sequence, cache_);
    const int64_t texts = settings.beams > 1 ? 1 : settings.returns;
    for (int64_t i = 0; i < texts; ++i) {
      generation.running.push_back(text);
      if (i > 0)
        generation.running.back().cache = cache_.fork(sequence);
      if (settings.temperature > 0)
        generation.running.back().draws.emplace(
            settings.seed, static_cast<uint64_t>(generation.stream * settings.returns + i));
    }
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
    return generator_.backbone_.forward(batch, *conditioning_, generator_.cache_.get());
  }
  at::Tensor project(const at::Tensor& hidden, const Batch& batch) const {
    return generator_.backbone_.project(hidden, {}, batch).to(at::kFloat);
  }

  /// A token that the model forces at the end is none of a text.
  int64_t most_own_tokens(const PromptGeneration& generation) const {
    const std::optional<int64_t>& last = generator_.bounds_.last;
    return generation.most - (last && generator_.bounds_.end(*last) ? 1 : 0);
  }

  static std::vector<Generated> best_of(PromptGeneration& generation) {
    std::vector<Generated> finished = std::move(generation.finished);
    if (generation.settings->beams == 1) // beams are sorted already
      std::stable_sort(finished.begin(), finished.end(),
                       [](const Generated& a, const Generated& b) { return a.log_prob > b.log_prob; });
    finished.resize(std::min(finished.size(), static_cast<std::size_t>(generation.settings->returns)));
    return finished;
  }

  Generator& generator_;
  const Condition& condition_;
  std::shared_ptr<const BatchConditioning> conditioning_;
  KvCache& cache_;
  const BackboneShape& shape_;
  const at::Device device_;
  PromptSource& source_;
  Continuation continuation_;
  Generations generations_, entering_;
  std::optional<PendingPrompt> held_; ///< came from the source when there was no room for it
};

Generator::Generator(const Model& model, const CountedBackbone& backbone, const GenerateLimits& limits)
    : model_(model), backbone_(backbone), limits_(limits),
      bounds_(
          text_bounds(model.files().configuration, model.vocabulary().special(), model.shape().vocabulary)) {}

void Generator::run(PromptSource& source, const Condition& condition) {
  const at::InferenceMode inference; // cached keys and values are written in place
  try {
    Run(*this, source, condition).all();
  } catch (...) {
    prefixes_ = {};
    cache_ = std::make_shared<KvCache>();
    throw;
  }
  cache_ = prefixes_.compacted(*cache_);
}

} // namespace cuecard
