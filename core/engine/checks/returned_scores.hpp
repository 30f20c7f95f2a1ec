/// Checks of what verbalizers return. Each function throws an Error that says what was found and what was expected;
/// the guard adds the plugin's name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard {

/// Checks that the kind exists.
void check_output_positions(const OutputPositions& positions);

/// Checks that each of `labels` labels has a representative that exists and represents itself; none at all: labels are distinct.
void check_representatives(const std::vector<int64_t>& representatives, int64_t labels);

/// Checks that there is a text, which is not empty, for each of `slots` answer slots; 0: for any number of slots, at least one.
void check_answer(const std::vector<std::string>& texts, int64_t slots);

/// Checks the kind and the token ids: [W] int64 within the vocabulary. Values are compared on the CPU only: elsewhere
/// reading them back would synchronise.
void check_output_request(const OutputRequest& request, const Backbone& backbone);

/// Checks the arguments of Scorer::score in the same way: outputs, positions, and that no example is null.
void check_score_request(const ScoreRequest& request, const Backbone& backbone);

/// How many scores a decision has.
struct ScoredLabels {
  int64_t count = 0;     ///< of the task's labels; 0: any number of scores
  bool or_fewer = false; ///< answers are given, not all of them in training
};

/// Checks that offsets, entries and values agree with each other and with the batch, and the type and device of the values: float32,
/// or the type of the outputs. Where prompts are compared, their number decides how many scores there are. On the CPU, scores of finite
/// outputs must not be NaN or plus infinity (minus infinity: an impossible label; not all labels of a decision).
void check_scores(const Scores& scores, const ScoreArgs& args, ScoredLabels labels);

/// Checks that the loss is a floating-point scalar and, on the CPU, finite where all scores are.
void check_loss(const at::Tensor& loss, const Scores& scores);

/// Checks that the weight is finite and not negative; above 0 where `labelled`, the number of examples with a label that the
/// loss uses, is.
void check_weight(double weight, int64_t labelled);

/// What a verbalizer decides.
enum class DecisionKind { label, label_set, words, text };

/// Checks that there is a decision for each of `examples`, with labels that exist, as many as `kind` says, and with
/// probabilities.
void check_decisions(const std::vector<Decision>& decisions, int64_t examples, int64_t labels,
                     DecisionKind kind);

} // namespace cuecard
