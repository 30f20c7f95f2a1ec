#include "engine/predict/batch_runner.hpp"

#include <algorithm>
#include <map>

#include <cuecard/error.hpp>

#include "engine/prefix_cache/card_prefix_cache.hpp"
#include "engine/representation.hpp"
#include "engine/tokenized_example.hpp"

namespace cuecard {

BatchRunner::BatchRunner(const Model& model, const std::vector<const TaskPipeline*>& pipelines,
                         const PredictSettings& settings)
    : model_(model), settings_(settings), mix_(model_),
      prefixes_(std::make_unique<CardPrefixCache>(model_, pipelines_, settings.prefix_bytes)) {
  for (const TaskPipeline* pipeline : pipelines)
    add(*pipeline);
}

BatchRunner::~BatchRunner() = default;

int64_t BatchRunner::add(const TaskPipeline& pipeline) {
  const auto free = std::ranges::find(pipelines_, nullptr);
  const int64_t card = free - pipelines_.begin();
  mix_.add(card, pipeline);
  if (free == pipelines_.end())
    pipelines_.push_back(&pipeline);
  else
    *free = &pipeline;
  by_name_.emplace(pipeline.name, card);
  return card;
}

void BatchRunner::remove(int64_t card) {
  std::erase_if(by_name_, [&](const auto& named) { return named.second == card; });
  mix_.remove(card);
  prefixes_->forget(card);
  pipelines_[static_cast<std::size_t>(card)] = nullptr;
}

std::optional<int64_t> BatchRunner::find(const Example& example) const {
  if (example.card.empty() && by_name_.size() == 1)
    return by_name_.begin()->second;
  const auto found = by_name_.lower_bound(example.card);
  if (found == by_name_.end() || found->first != example.card)
    return std::nullopt;
  return found->second;
}

int64_t BatchRunner::pipeline_of(const Example& example) const {
  if (const std::optional<int64_t> card = find(example))
    return *card;
  if (by_name_.empty())
    throw DataError("no card is loaded; load the one that the example is for.");
  if (example.card.empty())
    throw DataError("the example names no card, but " + std::to_string(by_name_.size()) +
                    " are loaded; give it a \"card\", the name of one of them.");
  std::vector<std::string> names;
  for (const auto& [name, card] : by_name_)
    names.push_back(name);
  throw DataError("the example names the card \"" + example.card + "\", which is not loaded." +
                  did_you_mean(example.card, names));
}

RunSource BatchRunner::examples(const std::vector<const Example*>& examples, ExampleNotes& notes) {
  return {std::ssize(examples),
          [this, &examples, &notes, representations = representations_of(examples)](int64_t index) {
            std::vector<RunItem> items;
            const Example& example = *examples[static_cast<std::size_t>(index)];
            try {
              const int64_t card = pipeline_of(example);
              for (TokenizedPrompt& prompt : tokenized(pipeline(card), model_, example, false,
                                                       representations[static_cast<std::size_t>(index)])) {
                notes.cut[static_cast<std::size_t>(index)].take_most(prompt.cut);
                items.push_back({index, &example, card, std::move(prompt)});
              }
            } catch (const DataError& error) {
              notes.problems[static_cast<std::size_t>(index)] = error.what();
              items.clear();
            }
            return items;
          }};
}

RunSource BatchRunner::prompts(const std::vector<Prompt>& prompts, const OutputPositions& positions) const {
  // For an input-dependent card each prompt is an input of its own; inputs are told apart by their example.
  const bool by_input = static_cast<bool>(pipeline(0).input_features);
  const auto examples = std::make_shared<const std::vector<Example>>(by_input ? prompts.size() : 1);
  return {std::ssize(prompts), [this, &prompts, positions, examples](int64_t index) {
            std::vector<RunItem> items(1);
            items[0].index = index;
            items[0].example = &(*examples)[examples->size() > 1 ? static_cast<std::size_t>(index) : 0];
            items[0].prompt =
                tokenized(pipeline(0), model_, prompts[static_cast<std::size_t>(index)], positions);
            return items;
          }};
}

std::vector<at::Tensor> BatchRunner::representations_of(const std::vector<const Example*>& examples) {
  std::map<int64_t, std::vector<std::size_t>> wanted; // indices of the examples, by card
  for (std::size_t i = 0; i < examples.size(); ++i)
    if (const std::optional<int64_t> card = find(*examples[i]))
      if (pipeline(*card).tuner->wants_representation())
        wanted[*card].push_back(i);
  std::vector<at::Tensor> result(examples.size());
  for (const auto& [card, indices] : wanted) {
    std::vector<const Example*> own;
    for (const std::size_t index : indices)
      own.push_back(examples[index]);
    const std::vector<at::Tensor> found =
        representations(model_, pipeline(card), backbone(card), own, settings_.batch_tokens);
    for (std::size_t i = 0; i < own.size(); ++i)
      result[indices[i]] = found[i];
  }
  return result;
}

ForwardBatch BatchRunner::forward(std::vector<RunItem> run_items) {
  ForwardBatch result;
  std::stable_sort(run_items.begin(), run_items.end(),
                   [](const RunItem& a, const RunItem& b) { return a.card < b.card; });
  result.items = std::move(run_items);
  std::vector<PackItem> items;
  for (const RunItem& item : result.items) {
    items.push_back({&item.prompt, item.example});
    items.back().card = item.card;
  }
  const CountedBackbone frozen = backbone(result.items.front().card);
  const std::shared_ptr<const BatchConditioning> conditioning = mix_.condition(items, frozen);
  for (PackItem& item : items)
    prefixes_->use(item);
  result.batch = pack(items, {model_.backbone().device(), model_.shape().causal});
  if (!result.batch.input.cache_of.empty())
    result.batch.cache = prefixes_->cache();
  const bool caches = prefixes_->wants(items);
  KvCache computed;
  result.hidden = frozen.forward(result.batch, *conditioning, caches ? &computed : nullptr);
  if (caches)
    prefixes_->add(items, result.batch, computed);
  return result;
}

void BatchRunner::run(const RunSource& source, const std::function<void(const ForwardBatch&)>& use) {
  struct Waiting {
    std::vector<RunItem> items;
    int64_t tokens = 0;
  };
  std::map<const void*, Waiting> queues; // by backbone
  const auto flush = [&](Waiting& waiting) {
    if (!waiting.items.empty())
      use(forward(std::move(waiting.items)));
    waiting = {};
  };
  for (int64_t i = 0; i < source.count; ++i) {
    std::vector<RunItem> items = source.items(i);
    if (items.empty())
      continue;
    int64_t tokens = 0;
    for (const RunItem& item : items)
      tokens += static_cast<int64_t>(item.prompt.input.size() + item.prompt.output.size());
    Waiting& waiting = queues[pipeline(items[0].card).own_backbone.get()];
    const bool full = std::ssize(waiting.items) >= settings_.batch_size ||
                      (!waiting.items.empty() && waiting.tokens + tokens > settings_.batch_tokens);
    if (full)
      flush(waiting);
    waiting.tokens += tokens;
    std::move(items.begin(), items.end(), std::back_inserter(waiting.items));
  }
  for (auto& [weights, waiting] : queues)
    flush(waiting);
}

} // namespace cuecard
