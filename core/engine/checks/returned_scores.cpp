#include "engine/checks/returned_scores.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>

#include "engine/checks/refusal.hpp"

namespace cuecard {

namespace {

/// The largest difference from 1 of a sum of probabilities that were computed in float32.
constexpr double rounding = 1e-3;

/// The first decision that has scores, all of which are minus infinity; -1: none.
int64_t without_answer(const Scores& scores) {
  const at::Tensor impossible = scores.values.detach() == -std::numeric_limits<double>::infinity();
  if (!impossible.any().item<bool>())
    return -1;
  for (std::size_t d = 0; d + 1 < scores.offsets.size(); ++d)
    if (const int64_t begin = scores.offsets[d], end = scores.offsets[d + 1];
        begin < end && impossible.slice(0, begin, end).all().item<bool>())
      return static_cast<int64_t>(d);
  return -1;
}

/// False for NaN, too.
bool below_infinity(const at::Tensor& values) {
  return (values.detach() < std::numeric_limits<double>::infinity()).all().item<bool>();
}

void check_places(const Scores& scores, const Batch& batch) {
  if (scores.offsets.empty() || scores.offsets.front() != 0 || !std::ranges::is_sorted(scores.offsets))
    throw Error("it returned offsets of scores that do not ascend from 0");
  const int64_t decisions = std::ssize(scores.offsets) - 1;
  if (!scores.entries.empty() && std::ssize(scores.entries) != decisions)
    refuse("entries of", counted(std::ssize(scores.entries), "decision"), std::to_string(decisions));
  for (const int64_t entry : scores.entries)
    if (entry < 0 || entry >= batch.size())
      throw Error("it returned a decision for entry " + std::to_string(entry) + " of a batch of " +
                  std::to_string(batch.size()));
  if (scores.entries.empty() && decisions != batch.size())
    refuse("scores of", counted(decisions, "decision"), std::to_string(batch.size()) + ", one for each entry");
}

void check_widths(const Scores& scores, const Batch& batch, ScoredLabels labels) {
  const bool compared = std::ranges::any_of(batch.choices, [](int64_t choice) { return choice > 0; });
  for (std::size_t d = 0; d + 1 < scores.offsets.size(); ++d)
    if (const int64_t width = scores.offsets[d + 1] - scores.offsets[d];
        width != labels.count && !compared && !(labels.or_fewer && width < labels.count))
      throw Error("it returned " + counted(width, "score") + " for a decision between " +
                  counted(labels.count, "label") + "; expected one for each label");
}

void check_probabilities(const std::vector<double>& probabilities, int64_t labels, DecisionKind kind) {
  if (std::ssize(probabilities) != labels)
    throw Error("it returned " + std::to_string(probabilities.size()) +
                (probabilities.size() == 1 ? " probability" : " probabilities") + " for an example with " +
                counted(labels, "label") + "; expected one for each label");
  for (const double probability : probabilities)
    if (!(probability >= -rounding && probability <= 1 + rounding))
      throw Error("it returned the probability " + shortest(probability) + "; expected a number from 0 to 1");
  const double sum = std::accumulate(probabilities.begin(), probabilities.end(), 0.0);
  if (kind == DecisionKind::label && std::abs(sum - 1) > rounding)
    throw Error("it returned probabilities that sum to " + shortest(sum) +
                " for an example of a single-label task; expected 1");
}

} // namespace

void check_representatives(const std::vector<int64_t>& representatives, int64_t labels) {
  if (representatives.empty())
    return;
  if (std::ssize(representatives) != labels)
    refuse("representatives of", counted(std::ssize(representatives), "label"),
           std::to_string(labels) + ", or none if all labels are distinct");
  for (std::size_t label = 0; label < representatives.size(); ++label) {
    const int64_t by = representatives[label];
    const std::string what = "the representative " + std::to_string(by);
    const std::string of = "of label " + std::to_string(label);
    if (by < 0 || by >= labels)
      refuse(what, of, "0 to " + std::to_string(labels - 1));
    if (const int64_t own = representatives[static_cast<std::size_t>(by)]; own != by)
      refuse(what, of + ", although label " + std::to_string(by) + " is represented by " + std::to_string(own),
             "a label that represents itself");
  }
}

void check_answer(const std::vector<std::string>& texts, int64_t slots) {
  if (texts.empty() || (slots > 0 && std::ssize(texts) != slots))
    refuse(counted(std::ssize(texts), "text"), "for the answer slots",
           slots > 0 ? std::to_string(slots) + ", one for each" : "one for each");
  for (std::size_t slot = 0; slot < texts.size(); ++slot)
    if (texts[slot].empty())
      refuse("an empty text", "for answer slot " + std::to_string(slot), "at least one character");
}

namespace {

/// `verb`: "returned" or, of the arguments of a call, "called Scorer::score with".
void check_request(const OutputRequest& request, const Backbone& backbone, const std::string& verb) {
  const auto refuse = [&](const std::string& what, const std::string& found, const std::string& expected) {
    throw Error("it " + verb + " " + what + " " + found + "; expected " + expected);
  };
  using Kind = OutputRequest::Kind;
  const auto known = {Kind::logits,        Kind::log_probs,          Kind::target_log_probs,
                      Kind::hidden_states, Kind::transformed_states, Kind::pooled};
  if (std::ranges::find(known, request.kind) == known.end())
    throw Error("it " + (verb == "returned" ? "requests" : verb) + " outputs of the unknown kind " +
                std::to_string(static_cast<int>(request.kind)) + "; expected one of OutputRequest::Kind");
  const at::Tensor& ids = request.token_ids;
  if (!ids.defined())
    return;
  if (ids.layout() != at::kStrided)
    refuse("token ids", "of layout " + shown(ids.layout()), "a dense (strided) tensor");
  if (ids.dim() != 1)
    refuse("token ids", "of shape " + shown(ids.sizes()), "one dimension");
  if (ids.scalar_type() != at::kLong)
    refuse("token ids", std::string("of type ") + at::toString(ids.scalar_type()), "int64");
  if (ids.device().type() != backbone.device().type())
    refuse("token ids", "on " + ids.device().str(), backbone.device().str() + ", where the model is");
  const int64_t rows = backbone.shape().vocabulary;
  if (!ids.is_cpu() || ids.numel() == 0 || rows == 0)
    return;
  const int64_t least = ids.min().item<int64_t>(), most = ids.max().item<int64_t>();
  if (least < 0 || most >= rows)
    refuse("the token id", std::to_string(least < 0 ? least : most), "0 to " + std::to_string(rows - 1));
}

void check_positions(const OutputPositions& positions, const std::string& verb) {
  using Kind = OutputPositions::Kind;
  const auto known = {Kind::answer_slots, Kind::sequence, Kind::first_token, Kind::words, Kind::tokens};
  if (std::ranges::find(known, positions.kind) == known.end())
    throw Error("it " + verb + " positions of the unknown kind " +
                std::to_string(static_cast<int>(positions.kind)) + "; expected one of OutputPositions::Kind");
}

constexpr const char* returned = "returned";

} // namespace

void check_output_request(const OutputRequest& request, const Backbone& backbone) {
  check_request(request, backbone, returned);
}

void check_output_positions(const OutputPositions& positions) {
  check_positions(positions, returned);
}

void check_score_request(const ScoreRequest& request, const Backbone& backbone) {
  const std::string verb = "called Scorer::score with";
  check_request(request.output, backbone, verb);
  if (request.prompts)
    check_positions(request.positions, verb);
  if (const auto null = std::ranges::find(request.examples, nullptr);
      !request.prompts && null != request.examples.end())
    throw Error("it " + verb + " a null pointer as example " + std::to_string(null - request.examples.begin()) +
                "; expected examples");
}

void check_scores(const Scores& scores, const ScoreArgs& args, ScoredLabels labels) {
  check_places(scores, args.batch);
  const at::Tensor& values = scores.values;
  if (!values.defined() || values.dim() != 1 || values.size(0) != scores.offsets.back())
    refuse("scores", values.defined() ? "of shape " + shown(values.sizes()) : "as undefined",
           "[" + std::to_string(scores.offsets.back()) + "], as their offsets say");
  if (values.layout() != at::kStrided)
    refuse("scores", "of layout " + shown(values.layout()), "a dense (strided) tensor");
  const at::Tensor& outputs = args.outputs;
  if (values.scalar_type() != at::kFloat &&
      !(at::isFloatingType(values.scalar_type()) && values.scalar_type() == outputs.scalar_type()))
    refuse("scores", std::string("of type ") + at::toString(values.scalar_type()), "Float (float32)");
  if (values.device().type() != outputs.device().type())
    refuse("scores", "on " + values.device().str(), outputs.device().str() + ", where the model is");
  if (labels.count > 0)
    check_widths(scores, args.batch, labels);
  if (values.is_cpu() && !below_infinity(values) && below_infinity(outputs))
    refuse("scores", "that are not finite, although the model's outputs are", "numbers");
  if (values.is_cpu() && labels.count > 0)
    if (const int64_t decision = without_answer(scores);
        decision >= 0 && at::isfinite(outputs.detach()).all().item<bool>())
      refuse("scores",
             "that are all minus infinity for decision " + std::to_string(decision) +
                 ", although the model's outputs are finite",
             "a number for at least one label");
}

void check_loss(const at::Tensor& loss, const Scores& scores) {
  if (!loss.defined())
    refuse("a loss", "that is undefined", "a floating-point scalar");
  if (loss.numel() != 1)
    refuse("a loss", "of shape " + shown(loss.sizes()), "a scalar");
  if (!at::isFloatingType(loss.scalar_type()))
    refuse("a loss", std::string("of type ") + at::toString(loss.scalar_type()), "a floating-point type");
  if (loss.is_cpu() && !at::isfinite(loss.detach()).all().item<bool>() && scores.values.is_cpu() &&
      at::isfinite(scores.values.detach()).all().item<bool>())
    refuse("a loss", "that is NaN or infinite, although all scores are finite", "a finite one");
}

void check_weight(double weight, int64_t labelled) {
  if (!(std::isfinite(weight) && weight >= 0))
    refuse("the weight", shortest(weight), "a finite number of terms, 0 or more");
  if (weight == 0 && labelled > 0)
    refuse("the weight 0", "for a batch with " + counted(labelled, "labelled example"),
           "the number of terms in the mean that `loss` returns");
}

void check_decisions(const std::vector<Decision>& decisions, int64_t examples, int64_t labels,
                     DecisionKind kind) {
  if (std::ssize(decisions) != examples)
    throw Error("it returned " + counted(std::ssize(decisions), "decision") + " for " +
                counted(examples, "example"));
  for (const Decision& decision : decisions) {
    if (kind == DecisionKind::label && decision.labels.size() != 1)
      throw Error("it returned " + counted(std::ssize(decision.labels), "label") +
                  " for an example of a single-label task; expected 1");
    for (const int64_t label : decision.labels)
      if (label < (kind == DecisionKind::words ? -1 : 0) || label >= labels)
        throw Error("it chose label " + std::to_string(label) + " of " + std::to_string(labels) +
                    "; expected 0 to " + std::to_string(labels - 1) +
                    (kind == DecisionKind::words ? ", or -1 for a word without a label" : ""));
    if (kind == DecisionKind::label_set &&
        std::ranges::adjacent_find(decision.labels, std::ranges::greater_equal()) != decision.labels.end())
      throw Error("it returned the labels of an example in another order than ascending, or one of them twice");
    if (kind == DecisionKind::label || kind == DecisionKind::label_set || !decision.probabilities.empty())
      check_probabilities(decision.probabilities, labels, kind);
  }
}

} // namespace cuecard
