#include "engine/training_rows.hpp"

#include <algorithm>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>

#include "engine/likeness.hpp"
#include "engine/tokenized_example.hpp"

namespace cuecard {

namespace {

constexpr int64_t text_cache_bytes = int64_t{2} << 30;

} // namespace

TrainingRows::TrainingRows(const Model& model, const Method& method, const CountedBackbone& backbone,
                           const std::vector<Example>& examples, std::vector<UnusableRow>& unusable)
    : model_(model), method_(method), backbone_(backbone), examples_(examples) {
  render(unusable);
}

void TrainingRows::render(std::vector<UnusableRow>& unusable) {
  rows_.clear();
  row_of_.clear();
  ordered_epoch_ = -1;
  std::vector<const Example*> all_examples;
  for (const Example& example : examples_)
    all_examples.push_back(&example);
  const std::vector<at::Tensor> likeness = likenesses(model_, method_, backbone_, all_examples);
  int64_t prompts = 0;
  for (std::size_t i = 0; i < examples_.size(); ++i) {
    const Example& example = examples_[i];
    try {
      Row row{&example, tokenized(method_, model_, example, true, likeness[i]), prompts};
      for (const TokenizedPrompt& prompt : row.prompts)
        row.length += static_cast<int64_t>(prompt.input.size() + prompt.output.size());
      prompts += std::ssize(row.prompts);
      row_of_[&example] = rows_.size();
      rows_.push_back(std::move(row));
    } catch (const DataError& error) {
      unusable.push_back({example.line, error.what()});
    }
  }
  const bool fixed_front = model_.backbone().shape().causal && !method_.own_backbone &&
                           method_.tuner->condition(method_.task, {}).prefixes.empty();
  std::vector<const TokenizedPrompt*> all;
  for (const Row& row : rows_)
    for (const TokenizedPrompt& prompt : row.prompts)
      all.push_back(&prompt);
  texts_ = fixed_front
               ? std::make_unique<TextCache>(backbone_, model_.backbone().shape(), model_.backbone().device(),
                                             std::move(all), text_cache_bytes)
               : nullptr;
}

std::vector<const Example*> TrainingRows::examples() const {
  std::vector<const Example*> examples;
  for (const Row& row : rows_)
    examples.push_back(row.example);
  return examples;
}

int64_t TrainingRows::batch_size(const FitSettings& settings) const {
  return std::min<int64_t>(settings.batch_size, size());
}

int64_t TrainingRows::steps_per_epoch(const FitSettings& settings) const {
  return (size() + batch_size(settings) - 1) / batch_size(settings);
}

const std::vector<int64_t>& TrainingRows::order_of(int64_t epoch, uint64_t seed) {
  if (epoch != ordered_epoch_) {
    order_ = Random(seed, 0x65706f6368 + static_cast<uint64_t>(epoch)).permutation(size()); // "epoch"
    ordered_epoch_ = epoch;
  }
  return order_;
}

std::vector<Batch> TrainingRows::batches(int64_t step, const FitSettings& settings, uint64_t seed) {
  const int64_t per_epoch = steps_per_epoch(settings), wanted = batch_size(settings);
  const std::vector<int64_t>& order = order_of(step / per_epoch, seed);
  const int64_t begin = (step % per_epoch) * wanted, end = std::min(begin + wanted, size());
  std::vector<Batch> batches;
  std::vector<const Row*> rows;
  int64_t length = 0;
  const auto flush = [&]() {
    if (!rows.empty())
      batches.push_back(packed(rows));
    rows.clear();
    length = 0;
  };
  for (int64_t i = begin; i < end; ++i) {
    const Row& row = rows_[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
    if (length + row.length > settings.batch_tokens)
      flush();
    rows.push_back(&row);
    length += row.length;
  }
  flush();
  return batches;
}

Batch TrainingRows::packed(const std::vector<const Row*>& rows) {
  std::vector<PackItem> items;
  std::vector<int64_t> numbers;
  for (const Row* row : rows)
    for (std::size_t i = 0; i < row->prompts.size(); ++i) {
      items.push_back({&row->prompts[i], row->example});
      numbers.push_back(row->first_prompt + static_cast<int64_t>(i));
    }
  return packed(std::move(items), numbers);
}

Batch TrainingRows::packed(std::vector<PackItem> items, const std::vector<int64_t>& numbers) {
  std::shared_ptr<const Past> past = texts_ ? texts_->use(items, numbers) : nullptr;
  Batch batch = pack(items, {model_.backbone().device(), model_.backbone().shape().causal});
  if (!batch.input.past_of.empty())
    batch.past = std::move(past);
  return batch;
}

const std::vector<TokenizedPrompt>& TrainingRows::prompts_of(const Example& example) const {
  return rows_[row_of_.at(&example)].prompts;
}

int64_t TrainingRows::first_prompt_of(const Example& example) const {
  return rows_[row_of_.at(&example)].first_prompt;
}

} // namespace cuecard
