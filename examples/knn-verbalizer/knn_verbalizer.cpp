#include "knn_verbalizer.hpp"

#include <algorithm>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/training/label_loss.hpp>
#include <cuecard/parts/words/calibration.hpp>
#include <cuecard/register.hpp>

namespace knn {

using cuecard::DataError;
using cuecard::OutputRequest;

namespace {

constexpr const char* name = "knn-verbalizer";
/// Added to each label's share of the votes, so that the score of a label without a vote is finite.
constexpr double smoothing = 1e-3;

} // namespace

KnnVerbalizer::KnnVerbalizer(const cuecard::Options& options)
    : k_(options.integer("k")), rows_(options.integer("rows")),
      by_distribution_(options.text("distance") == "kl"), temperature_(options.number("temperature")) {}

void KnnVerbalizer::prepare(const cuecard::VerbalizerTarget& target) {
  const cuecard::LabelWords words = cuecard::read_label_words(target, name, " ");
  cuecard::require_distinct(words, target.labels, cuecard::MultiToken::first);
  backbone_ = &target.backbone;
  labels_ = target.labels;
  first_words_ = cuecard::first_texts(words);
  words_ = cuecard::WordScores(words, cuecard::MultiToken::first, backbone_->device());
  states_ = state_labels_ = probabilities_ = entropies_ = at::Tensor();
}

OutputRequest KnnVerbalizer::output_request() const {
  if (!states_.defined())
    return {OutputRequest::Kind::logits, words_.token_ids()};
  return {OutputRequest::Kind::hidden_states, {}};
}

void KnnVerbalizer::fit(const cuecard::VerbalizerFitArgs& args) {
  states_ = at::Tensor(); // the hidden states change while the tuner is trained
  if (args.moment == cuecard::VerbalizerFitArgs::Moment::before_training)
    return;
  std::vector<at::Tensor> parts;
  std::vector<int64_t> labels;
  args.scorer.score(
      {cuecard::evenly_spaced(args.examples, rows_), nullptr, {OutputRequest::Kind::hidden_states, {}}, {}},
      [&](const at::Tensor& outputs, const cuecard::Batch& batch) {
        parts.push_back(outputs);
        for (const cuecard::Example* example : batch.examples)
          labels.push_back(example->label);
      });
  if (parts.empty())
    throw DataError("the verbalizer \"knn-verbalizer\" keeps training examples, and none can be used.");
  keep(at::cat(parts), labels);
}

void KnnVerbalizer::keep(const at::Tensor& states, const std::vector<int64_t>& labels) {
  if (by_distribution_) {
    const OutputRequest request{OutputRequest::Kind::log_probs, {}};
    const at::Tensor log_probs = backbone_->project({states, request}).detach();
    probabilities_ = log_probs.exp();
    entropies_ = (probabilities_ * log_probs).sum(1);
  }
  states_ = states.detach().to(at::kFloat);
  state_labels_ = at::tensor(labels, at::kLong).to(states.device());
}

at::Tensor KnnVerbalizer::distances(const at::Tensor& outputs) const {
  if (by_distribution_) { // KL(kept || input) = sum p log p - sum p log q
    const OutputRequest request{OutputRequest::Kind::log_probs, {}};
    return entropies_ - backbone_->project({outputs, request}).matmul(probabilities_.t());
  }
  const at::Tensor wide = outputs.to(at::kFloat); // mean squared difference: (x x - 2 x y + y y) / H
  const at::Tensor own = (wide * wide).sum(1, true), kept = (states_ * states_).sum(1);
  return (own - 2 * wide.matmul(states_.t()) + kept) / static_cast<double>(states_.size(1));
}

cuecard::Scores KnnVerbalizer::score(const cuecard::ScoreArgs& args) const {
  if (!states_.defined())
    return cuecard::label_scores(words_.label_means(words_(args.outputs)));
  const auto count = static_cast<int64_t>(labels_.size());
  const auto [nearest, neighbours] =
      distances(args.outputs).topk(std::min(k_, states_.size(0)), 1, /*largest=*/false);
  const at::Tensor votes = (-nearest / temperature_).softmax(1); // [A, k]
  const at::Tensor labels = state_labels_.index_select(0, neighbours.flatten()).view(neighbours.sizes());
  const at::Tensor shares = at::zeros({votes.size(0), count}, votes.options()).scatter_add(1, labels, votes);
  return cuecard::label_scores(((shares + smoothing) / (1 + static_cast<double>(count) * smoothing)).log());
}

at::Tensor KnnVerbalizer::loss(const cuecard::LossArgs& args) const {
  return cuecard::label_loss(args.scores, args.batch);
}

std::vector<std::string> KnnVerbalizer::answer_text(int64_t label) const {
  return {cuecard::text_of_label(first_words_, label)};
}

cuecard::ComponentState KnnVerbalizer::state() const {
  if (!states_.defined())
    return {};
  return {{{"states", states_}, {"labels", state_labels_.to(at::kFloat)}}};
}

void KnnVerbalizer::load_state(const cuecard::ComponentState& saved) {
  const auto labels = saved.tensors.find("labels");
  const int64_t count = labels == saved.tensors.end() ? 0 : labels->second.numel();
  const at::Tensor numbers = cuecard::require_tensor(saved, "labels", {count}, name).to(at::kCPU, at::kLong);
  const at::Tensor states = cuecard::require_tensor(saved, "states", {count, backbone_->shape().hidden}, name)
                                .to(backbone_->device());
  const std::vector<int64_t> kept(numbers.const_data_ptr<int64_t>(), numbers.const_data_ptr<int64_t>() + count);
  const auto known = [&](int64_t label) { return label >= 0 && label < static_cast<int64_t>(labels_.size()); };
  if (count == 0 || !std::ranges::all_of(kept, known))
    throw DataError(
        "the card's tensor \"labels\" of the verbalizer \"knn-verbalizer\" is empty or names a label that the "
        "task does not have; train it again.");
  keep(states, kept);
}

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("k", "3", 1, 10000, "Number of neighbours that vote.",
                            "Xu et al. 2023, run_knnprompting.sh of the authors"),
    cuecard::text_option(
        "distance", "kl", "kl|euclidean",
        "Distance of neighbours: between distributions over the vocabulary, or between hidden states.",
        "Xu et al. 2023, section 3"),
    cuecard::number_option("temperature", "1", 1e-6, 1e6,
                           "A vote has the weight exp(-distance / temperature); large: a plain majority.",
                           "near the paper's majority for distances below 1"),
    cuecard::integer_option("rows", "512", 1, 1000000, "Maximum number of training examples that are kept.",
                            "arbitrary, for memory: kl holds a number per example and token"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::verbalizer<KnnVerbalizer>("knn-verbalizer", "Vote of the nearest training examples.",
                                       CUECARD_TRAINS_NOTHING, options),
};

} // namespace

} // namespace knn

CUECARD_PLUGIN("knn-verbalizer", "1.0.0", "Apache-2.0", "", knn::components)
