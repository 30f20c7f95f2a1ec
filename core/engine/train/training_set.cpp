#include "engine/train/training_set.hpp"

#include <algorithm>

#include <ATen/ops/stack.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>

#include "engine/input_features.hpp"
#include "engine/representation.hpp"
#include "engine/tokenized_example.hpp"
#include "engine/train/share_out.hpp"

namespace cuecard {

namespace {

constexpr int64_t prefix_cache_bytes = int64_t{2} << 30;

/// Whether the text before the first soft token has the same keys and values throughout training.
bool has_fixed_text(const Model& model, const TaskPipeline& pipeline) {
  if (!model.shape().causal || pipeline.own_backbone || pipeline.input_features)
    return false;
  const Conditioning conditioning = pipeline.tuner->condition({pipeline.task, {}});
  return conditioning.prefixes.empty() && conditioning.low_rank.empty() && conditioning.rescalings.empty();
}

} // namespace

TrainingSet::TrainingSet(const Model& model, const TaskPipeline& pipeline, const CountedBackbone& backbone,
                         const std::vector<Example>& examples, std::vector<SkippedExample>& skipped)
    : model_(model), pipeline_(pipeline), backbone_(backbone), examples_(examples) {
  render(skipped);
}

void TrainingSet::render(std::vector<SkippedExample>& skipped) {
  entries_.clear();
  entry_of_.clear();
  slots_ = {};
  cut_ = {};
  ordered_epoch_ = -1;
  std::vector<const Example*> all_examples;
  for (const Example& example : examples_)
    all_examples.push_back(&example);
  const std::vector<at::Tensor> representation = representations(model_, pipeline_, backbone_, all_examples);
  int64_t prompts = 0;
  for (std::size_t i = 0; i < examples_.size(); ++i) {
    const Example& example = examples_[i];
    try {
      Entry entry{&example, tokenized(pipeline_, model_, example, true, representation[i]), prompts};
      for (const TokenizedPrompt& prompt : entry.prompts) {
        entry.length += static_cast<int64_t>(prompt.input.size() + prompt.output.size());
        slots_.include(prompt);
      }
      cut_.add(cut_of(entry.prompts));
      prompts += std::ssize(entry.prompts);
      entry_of_[&example] = entries_.size();
      entries_.push_back(std::move(entry));
    } catch (const DataError& error) {
      skipped.push_back({example.line, error.what()});
    }
  }
  std::vector<const TokenizedPrompt*> all;
  for (const Entry& entry : entries_)
    for (const TokenizedPrompt& prompt : entry.prompts)
      all.push_back(&prompt);
  prefixes_ = has_fixed_text(model_, pipeline_)
                  ? std::make_unique<TrainingPrefixCache>(backbone_, model_.shape(), model_.backbone().device(),
                                                          std::move(all), prefix_cache_bytes)
                  : nullptr;
}

std::vector<const Example*> TrainingSet::examples() const {
  std::vector<const Example*> examples;
  for (const Entry& entry : entries_)
    examples.push_back(entry.example);
  return examples;
}

int64_t TrainingSet::batch_size(const FitSettings& settings) const {
  return std::min<int64_t>(settings.batch_size, size());
}

int64_t TrainingSet::steps_per_epoch(const FitSettings& settings) const {
  return (size() + batch_size(settings) - 1) / batch_size(settings);
}

const std::vector<int64_t>& TrainingSet::order_of(int64_t epoch, uint64_t seed) {
  if (epoch != ordered_epoch_) {
    order_ = Random(seed, stream_id("epoch") + static_cast<uint64_t>(epoch)).permutation(size());
    ordered_epoch_ = epoch;
  }
  return order_;
}

std::vector<const TrainingSet::Entry*> TrainingSet::entries_of(int64_t step, const FitSettings& settings,
                                                               uint64_t seed) {
  const int64_t per_epoch = steps_per_epoch(settings);
  const std::vector<int64_t>& order = order_of(step / per_epoch, seed);
  const int64_t begin = (step % per_epoch) * batch_size(settings);
  std::vector<const Entry*> entries;
  for (int64_t i = begin; i < begin + examples_in(step, settings); ++i)
    entries.push_back(&entries_[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);
  return entries;
}

int64_t TrainingSet::examples_in(int64_t step, const FitSettings& settings) const {
  const int64_t wanted = batch_size(settings);
  return std::min(wanted, size() - (step % steps_per_epoch(settings)) * wanted);
}

std::vector<Batch> TrainingSet::batches(int64_t step, const FitSettings& settings, uint64_t seed, int64_t rank,
                                        int64_t ranks) {
  const std::vector<const Entry*> whole = entries_of(step, settings, seed);
  std::vector<int64_t> lengths;
  lengths.reserve(whole.size());
  for (const Entry* entry : whole)
    lengths.push_back(entry->length);
  const std::vector<int64_t> rank_of = shared_out(lengths, ranks);
  std::vector<Batch> batches;
  std::vector<const Entry*> entries;
  int64_t length = 0;
  const auto flush = [&]() {
    if (!entries.empty())
      batches.push_back(packed(entries));
    entries.clear();
    length = 0;
  };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (rank_of[i] != rank)
      continue;
    if (length + lengths[i] > settings.batch_tokens)
      flush();
    entries.push_back(whole[i]);
    length += lengths[i];
  }
  flush();
  return batches;
}

Batch TrainingSet::packed(const std::vector<const Entry*>& entries) {
  std::vector<PackItem> items;
  std::vector<int64_t> numbers;
  for (const Entry* entry : entries)
    for (std::size_t i = 0; i < entry->prompts.size(); ++i) {
      items.push_back({&entry->prompts[i], entry->example});
      numbers.push_back(entry->first_prompt + static_cast<int64_t>(i));
    }
  if (const InputFeatures& features = pipeline_.input_features) {
    std::vector<PackItem*> all;
    all.reserve(items.size());
    for (PackItem& item : items)
      all.push_back(&item);
    number_inputs(all);
    for (PackItem& item : items)
      item.soft_offset = item.late_offset = item.input * features.soft_slots;
  }
  return packed(std::move(items), numbers);
}

Batch TrainingSet::packed(std::vector<PackItem> items, const std::vector<int64_t>& numbers) {
  std::shared_ptr<const KvCache> cache = prefixes_ ? prefixes_->use(items, numbers) : nullptr;
  Batch batch = pack(items, {model_.backbone().device(), model_.shape().causal});
  if (!batch.input.cache_of.empty())
    batch.cache = std::move(cache);
  return batch;
}

at::Tensor TrainingSet::input_features(const Batch& batch) {
  if (!pipeline_.input_features)
    return {};
  std::vector<Entry*> entries;
  for (int64_t e = 0; e < batch.size(); ++e)
    if (batch.begins_example(e))
      entries.push_back(&entries_[entry_of_.at(batch.examples[static_cast<std::size_t>(e)])]);
  std::vector<const TokenizedPrompt*> missing;
  for (const Entry* entry : entries)
    if (!entry->features.defined())
      missing.push_back(&entry->prompts.front());
  if (!missing.empty()) {
    const at::Tensor computed = cuecard::input_features(model_, backbone_, pipeline_.input_features, missing);
    int64_t next = 0;
    for (Entry* entry : entries)
      if (!entry->features.defined())
        entry->features = computed[next++];
  }
  std::vector<at::Tensor> features;
  features.reserve(entries.size());
  for (const Entry* entry : entries)
    features.push_back(entry->features);
  return at::stack(features);
}

const std::vector<TokenizedPrompt>& TrainingSet::prompts_of(const Example& example) const {
  return entries_[entry_of_.at(&example)].prompts;
}

int64_t TrainingSet::first_prompt_of(const Example& example) const {
  return entries_[entry_of_.at(&example)].first_prompt;
}

} // namespace cuecard
