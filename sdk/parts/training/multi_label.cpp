#include <cuecard/parts/training/multi_label.hpp>

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/words/label_words.hpp>

namespace cuecard {

namespace {

const Example& example_of(const Scores& scores, const Batch& batch, int64_t decision) {
  const int64_t entry = scores.entries.empty() ? decision : scores.entries[static_cast<std::size_t>(decision)];
  return *batch.examples[static_cast<std::size_t>(entry)];
}

int64_t decisions_in(const Scores& scores) {
  return std::ssize(scores.offsets) - 1;
}

double sigmoid(double logit) {
  return 1 / (1 + std::exp(-logit));
}

} // namespace

double best_f1_threshold(std::vector<std::pair<double, bool>> scored) {
  std::ranges::sort(scored, std::ranges::greater(), &std::pair<double, bool>::first);
  const auto right = std::ranges::count(scored, true, &std::pair<double, bool>::second);
  double best = -1, threshold = 0.5;
  int64_t found = 0;
  for (std::size_t i = 0; i < scored.size(); ++i) {
    found += scored[i].second;
    const bool last = i + 1 == scored.size();
    const double next = last ? 0 : scored[i + 1].first;
    if (!last && next == scored[i].first)
      continue; // equal probabilities are on the same side
    const double f1 = 2 * static_cast<double>(found) / static_cast<double>(right + static_cast<int64_t>(i) + 1);
    const double halfway = (scored[i].first + next) / 2;
    const bool nearer = std::abs(halfway - 0.5) < std::abs(threshold - 0.5);
    if (right > 0 && (f1 > best || (f1 == best && nearer))) {
      best = f1;
      threshold = halfway;
    }
  }
  return threshold;
}

at::Tensor MultiLabel::loss(const LossArgs& args) const {
  const Scores& scores = args.scores;
  const int64_t decisions = decisions_in(scores);
  const int64_t labels = decisions > 0 ? scores.offsets[1] : 0;
  at::Tensor gold = at::zeros({decisions, labels}, at::kFloat);
  std::vector<int64_t> known;
  for (int64_t d = 0; d < decisions; ++d) {
    const Example& example = example_of(scores, args.batch, d);
    if (!example.label_set)
      continue;
    known.push_back(d);
    for (const int64_t label : *example.label_set)
      gold.data_ptr<float>()[d * labels + label] = 1;
  }
  if (known.empty())
    throw DataError("no example of the batch has labels to train on");
  const at::Device device = scores.values.device();
  const at::Tensor rows = index_tensor(known, device);
  return at::binary_cross_entropy_with_logits(
      scores.values.view({decisions, labels}).index_select(0, rows),
      gold.to(device, scores.values.scalar_type(), /*non_blocking=*/true).index_select(0, rows), {}, {},
      at::Reduction::Mean);
}

std::vector<Decision> MultiLabel::decide(const DecideArgs& args) const {
  const Scores& scores = args.scores;
  const at::Tensor values = scores.values.to(at::kDouble).contiguous();
  const double* value = values.const_data_ptr<double>();
  std::vector<Decision> decisions;
  for (int64_t d = 0; d < decisions_in(scores); ++d) {
    Decision& decision = decisions.emplace_back();
    const int64_t begin = scores.offsets[static_cast<std::size_t>(d)],
                  end = scores.offsets[static_cast<std::size_t>(d) + 1];
    for (int64_t i = begin; i < end; ++i) {
      decision.probabilities.push_back(sigmoid(value[i]));
      if (decision.probabilities.back() >= threshold_)
        decision.labels.push_back(i - begin);
    }
  }
  return decisions;
}

void MultiLabel::fit(const VerbalizerFitArgs& args, const Verbalizer& verbalizer) {
  if (args.moment != VerbalizerFitArgs::Moment::after_training || args.dev.empty())
    return;
  std::vector<std::pair<double, bool>> scored;
  args.scorer.score({args.dev, nullptr, verbalizer.output_request(), {}},
                    [&](const at::Tensor& outputs, const Batch& batch) {
                      Scores scores = verbalizer.score({outputs, batch});
                      scores.values = scores.values.to(at::kCPU);
                      const std::vector<Decision> decisions = decide({scores, batch});
                      for (int64_t d = 0; d < std::ssize(decisions); ++d) {
                        const Example& example = example_of(scores, batch, d);
                        if (!example.label_set)
                          continue;
                        const auto& probabilities = decisions[static_cast<std::size_t>(d)].probabilities;
                        for (int64_t label = 0; label < std::ssize(probabilities); ++label)
                          scored.emplace_back(probabilities[static_cast<std::size_t>(label)],
                                              std::ranges::binary_search(*example.label_set, label));
                      }
                    });
  threshold_ = best_f1_threshold(std::move(scored));
}

void MultiLabel::save(ComponentState& state) const {
  state.tensors["threshold"] = at::full({1}, threshold_, at::kDouble);
}

void MultiLabel::load(const ComponentState& state, const std::string& verbalizer) {
  const double threshold = require_tensor(state, "threshold", {1}, verbalizer).item<double>();
  if (!(threshold >= 0 && threshold <= 1))
    throw DataError("the card's threshold of the verbalizer \"" + verbalizer + "\" is " + shortest(threshold) +
                    ", and must be between 0 and 1; use the card as it was written");
  threshold_ = threshold;
}

} // namespace cuecard
