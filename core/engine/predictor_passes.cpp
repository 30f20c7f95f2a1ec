// Examples become rows, and rows go through the model batch by batch.
#include <algorithm>
#include <map>

#include <cuecard/error.hpp>

#include "engine/fronts.hpp"
#include "engine/likeness.hpp"
#include "engine/predictor_rows.hpp"
#include "engine/tokenized_example.hpp"

namespace cuecard {

Predictor::Source Predictor::source_of(const std::vector<const Example*>& examples,
                                       std::vector<std::string>& problems) {
  return {
      std::ssize(examples), [this, &examples, &problems, likeness = likenesses_of(examples)](int64_t index) {
        std::vector<Row> rows;
        const Example& example = *examples[static_cast<std::size_t>(index)];
        try {
          const int64_t card = method_of(example);
          for (TokenizedPrompt& prompt : tokenized(*methods_[static_cast<std::size_t>(card)], model_, example,
                                                   false, likeness[static_cast<std::size_t>(index)]))
            rows.push_back({index, &example, card, std::move(prompt)});
        } catch (const DataError& error) {
          problems[static_cast<std::size_t>(index)] = error.what();
          rows.clear();
        }
        return rows;
      }};
}

std::vector<at::Tensor> Predictor::likenesses_of(const std::vector<const Example*>& examples) {
  std::vector<at::Tensor> result(examples.size());
  for (std::size_t m = 0; m < methods_.size(); ++m) {
    if (!methods_[m]->tuner->wants_likeness())
      continue;
    std::vector<const Example*> own;
    std::vector<std::size_t> index;
    for (std::size_t i = 0; i < examples.size(); ++i)
      if (methods_.size() == 1 || examples[i]->card == methods_[m]->name) {
        own.push_back(examples[i]);
        index.push_back(i);
      }
    const std::vector<at::Tensor> found =
        likenesses(model_, *methods_[m], methods_[m]->backbone(model_, counters_), own, settings_.batch_tokens);
    for (std::size_t i = 0; i < own.size(); ++i)
      result[index[i]] = found[i];
  }
  return result;
}

Predictor::Chunk Predictor::forward(std::vector<Row> rows) {
  Chunk chunk;
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.card < b.card; });
  chunk.rows = std::move(rows);
  std::vector<PackItem> items;
  for (const Row& row : chunk.rows) {
    PackItem item{&row.prompt, row.example, row.card, mix_->soft_offset(row.card)};
    fronts_->use(item);
    items.push_back(item);
  }
  const Method& first = *methods_[static_cast<std::size_t>(chunk.rows.front().card)];
  const CountedBackbone backbone = first.backbone(model_, counters_);
  chunk.batch = pack(items, {model_.backbone().device(), model_.backbone().shape().causal});
  if (!chunk.batch.input.past_of.empty())
    chunk.batch.past = fronts_->past();
  const bool learns = fronts_->wants(items);
  Past kept;
  chunk.hidden = backbone.forward(chunk.batch, mix_->conditioning(), learns ? &kept : nullptr);
  if (learns)
    fronts_->learn(items, chunk.batch, kept);
  return chunk;
}

void Predictor::run(const Source& source, const std::function<void(const Chunk&)>& use) {
  struct Waiting {
    std::vector<Row> rows;
    int64_t length = 0;
  };
  std::map<const void*, Waiting> lanes; // by the weights that the rows need
  const auto flush = [&](Waiting& waiting) {
    if (!waiting.rows.empty())
      use(forward(std::move(waiting.rows)));
    waiting = {};
  };
  for (int64_t i = 0; i < source.count; ++i) {
    std::vector<Row> rows = source.rows(i);
    if (rows.empty())
      continue;
    int64_t length = 0;
    for (const Row& row : rows)
      length += static_cast<int64_t>(row.prompt.input.size() + row.prompt.output.size());
    Waiting& waiting = lanes[methods_[static_cast<std::size_t>(rows[0].card)]->own_backbone.get()];
    const bool full = std::ssize(waiting.rows) >= settings_.batch_size ||
                      (!waiting.rows.empty() && waiting.length + length > settings_.batch_tokens);
    if (full)
      flush(waiting);
    waiting.length += length;
    std::move(rows.begin(), rows.end(), std::back_inserter(waiting.rows));
  }
  for (auto& [weights, waiting] : lanes)
    flush(waiting);
}

} // namespace cuecard
