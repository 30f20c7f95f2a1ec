#include "engine/train.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <unordered_map>

#include <ATen/core/grad_mode.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>

#include "engine/text_cache.hpp"
#include "engine/tokenized_example.hpp"

namespace cuecard {

namespace {

constexpr int64_t text_cache_bytes = int64_t{2} << 30;

class TrainingEngine final : public Engine {
public:
  TrainingEngine(const Model& model, Method& method, const std::vector<Example>& dev, FitSettings settings,
                 Problem& problem, const Progress& progress, const LeftOut& left_out, TrainResult& result)
      : model_(model), method_(method), settings_(std::move(settings)), problem_(problem), progress_(progress),
        result_(result), backbone_(model.backbone(), result.counters),
        texts_(backbone_, model.backbone().device(), text_cache_bytes) {
    UnusableRows unusable;
    tokenize_training_rows(unusable.train);
    choose_dev_rows(dev, unusable.dev);
    if (left_out)
      left_out(unusable);
    if (rows_.empty())
      throw DataError("none of the training rows can be used" +
                      (unusable.train.empty() ? std::string(": there are none.")
                                              : "; line " + std::to_string(unusable.train.front().line) + ": " +
                                                    unusable.train.front().reason));
  }

  /// Calibrates and fits the verbalizer on the rows that can be used.
  void fit_verbalizer() {
    std::vector<const Example*> examples;
    for (const TrainingRow& row : rows_)
      if (examples.empty() || examples.back() != row.example) // several prompts of one example are neighbours
        examples.push_back(row.example);
    result_.counters += cuecard::fit_verbalizer(model_, method_, examples, predicting());
  }

  std::vector<Batch> training_batches(int64_t, int64_t step) override {
    const int64_t count = static_cast<int64_t>(rows_.size()), size = batch_size();
    const int64_t per_epoch = steps_per_epoch(0), epoch = step / per_epoch;
    const std::vector<int64_t>& order = order_of(epoch);
    const int64_t begin = (step % per_epoch) * size, end = std::min(begin + size, count);
    std::vector<Batch> batches;
    std::vector<PackItem> items;
    std::vector<int64_t> keys;
    int64_t rows = 0;
    const auto flush = [&]() {
      if (items.empty())
        return;
      std::shared_ptr<const Past> past = learns_in_front_ ? nullptr : texts_.use(items, keys);
      batches.push_back(pack(items, {model_.backbone().device(), model_.backbone().shape().causal}));
      batches.back().past = std::move(past);
      items.clear();
      keys.clear();
      rows = 0;
    };
    for (int64_t i = begin; i < end; ++i) {
      const TrainingRow& row = rows_[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
      const int64_t length = static_cast<int64_t>(row.prompt.input.size() + row.prompt.output.size());
      if (!items.empty() && rows + length > settings_.batch_tokens)
        flush();
      items.push_back({&row.prompt, row.example});
      keys.push_back(order[static_cast<std::size_t>(i)]);
      rows += length;
    }
    flush();
    result_.examples_seen += end - begin;
    return batches;
  }

  int64_t steps_per_epoch(int64_t) const override {
    return (static_cast<int64_t>(rows_.size()) + batch_size() - 1) / batch_size();
  }

  at::Tensor loss(int64_t, const Batch& batch, const Conditioning& conditioning) override {
    const at::Tensor hidden = backbone_.forward(batch, CardMix({conditioning}).for_batch(batch));
    const at::Tensor values = backbone_.read(hidden, method_.verbalizer->readout());
    return method_.verbalizer->loss(method_.verbalizer->score(values, batch), batch);
  }

  double evaluate_dev(int64_t) override {
    if (dev_.empty())
      return NAN;
    Predictor predictor(model_, {&method_}, predicting());
    const std::vector<Prediction> predictions = predictor.predict(dev_);
    int64_t right = 0;
    for (std::size_t i = 0; i < dev_.size(); ++i)
      right += predictions[i].label == dev_[i]->label;
    result_.counters += predictor.counters();
    return static_cast<double>(right) / static_cast<double>(dev_.size());
  }

  at::Tensor trigger_gradient(int64_t, const Batch&) override {
    throw Error("searching for trigger tokens is not part of this version of the engine.");
  }
  at::Tensor trigger_losses(int64_t, const Batch&, int64_t, const std::vector<int64_t>&) override {
    throw Error("searching for trigger tokens is not part of this version of the engine.");
  }

  void progress(int64_t step, int64_t steps, double loss, double dev) override {
    if (progress_ && !progress_(step, steps, loss, dev))
      throw Cancelled();
  }

  at::Tensor score(const std::vector<const Example*>& examples, const Readout& readout,
                   std::vector<int64_t>* offsets) override {
    return counted([&](Scorer& scorer) { return scorer.score(examples, readout, offsets); });
  }
  at::Tensor score_blank(const Readout& readout) override {
    return counted([&](Scorer& scorer) { return scorer.score_blank(readout); });
  }

  const FitSettings& settings() const override { return settings_; }
  Problem& problem() override { return problem_; }

private:
  struct TrainingRow {
    const Example* example;
    TokenizedPrompt prompt;
  };

  void tokenize_training_rows(std::vector<UnusableRow>& unusable) {
    for (const Example& example : *problem_.tasks[0].train) {
      try {
        for (TokenizedPrompt& prompt : tokenized(method_, model_, example))
          rows_.push_back({&example, std::move(prompt)});
      } catch (const DataError& error) {
        unusable.push_back({example.line, error.what()});
      }
    }
    learns_in_front_ = !model_.backbone().shape().causal || !method_.tuner->condition(0).prefixes.empty();
  }

  /// Dev rows that a look can measure: those with a label that become prompts.
  void choose_dev_rows(const std::vector<Example>& dev, std::vector<UnusableRow>& unusable) {
    for (const Example& example : dev) {
      try {
        if (example.label < 0)
          throw DataError("it has no label to compare with");
        tokenized(method_, model_, example);
        dev_.push_back(&example);
      } catch (const DataError& error) {
        unusable.push_back({example.line, error.what()});
      }
    }
    result_.dev_rows = std::ssize(dev_);
  }

  /// Passes without gradients hold to the run's memory, too.
  PredictSettings predicting() const { return {.batch_tokens = settings_.batch_tokens}; }

  template <class Ask>
  at::Tensor counted(Ask ask) {
    Predictor predictor(model_, {&method_}, predicting());
    const at::Tensor values = ask(predictor.scorer());
    result_.counters += predictor.counters();
    return values;
  }

  int64_t batch_size() const {
    return std::min<int64_t>(settings_.batch_size, static_cast<int64_t>(rows_.size()));
  }

  /// The order of epoch `epoch`: a function of the seed and the epoch alone, so that any step can be made
  /// again.
  const std::vector<int64_t>& order_of(int64_t epoch) {
    if (epoch != ordered_epoch_) {
      order_ = Random(problem_.seed, 0x65706f6368 + static_cast<uint64_t>(epoch))
                   .permutation(static_cast<int64_t>(rows_.size()));
      ordered_epoch_ = epoch;
    }
    return order_;
  }

  const Model& model_;
  Method& method_;
  FitSettings settings_;
  Problem& problem_;
  const Progress& progress_;
  TrainResult& result_;
  CountedBackbone backbone_;
  TextCache texts_;
  std::vector<const Example*> dev_;
  std::vector<TrainingRow> rows_;
  std::vector<int64_t> order_;
  int64_t ordered_epoch_ = -1;
  bool learns_in_front_ = false;
};

FitSettings completed(const Tuner& tuner, const FitSettings& asked) {
  FitSettings settings = tuner.defaults(asked);
  if (settings.batch_size <= 0)
    settings.batch_size = 16;
  if (settings.batch_tokens <= 0)
    settings.batch_tokens = 8192;
  return settings;
}

} // namespace

Counters fit_verbalizer(const Model& model, Method& method, const std::vector<const Example*>& train,
                        const PredictSettings& settings) {
  Predictor predictor(model, {&method}, settings);
  method.verbalizer->calibrate(predictor.scorer());
  method.verbalizer->fit(predictor.scorer(), train);
  return predictor.counters();
}

TrainResult train(const Model& model, Method& method, const std::vector<Example>& train_rows,
                  const std::vector<Example>& dev, const FitSettings& settings, uint64_t seed,
                  const Progress& progress, const LeftOut& left_out) {
  const auto start = std::chrono::steady_clock::now();
  TrainResult result;
  Problem problem{model.backbone(), model.vocabulary(), {}, seed};
  problem.tasks.push_back(
      {method.name, *method.prompt_template, *method.verbalizer, method.labels, &train_rows, &dev});
  TrainingEngine engine(model, method, dev, completed(*method.tuner, settings), problem, progress, left_out,
                        result);
  engine.fit_verbalizer();
  result.report = method.tuner->fit(engine);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

} // namespace cuecard
