/// Declares which model outputs it needs and at which tokens, maps them to label scores, and maps scores to decisions.
///
/// Lifecycle: created, `prepare` (again when label words change), `load_state` for a saved card, then the rest. Threads: const
/// functions may be called concurrently; all others need exclusive access. Errors, in every function: UsageError or DataError for
/// errors that the user can fix; any other exception is reported as a failure of the plugin.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/batch.hpp>
#include <cuecard/component_state.hpp>
#include <cuecard/export.hpp>
#include <cuecard/scorer.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard {

/// Trainable tensors (Tuner::parameters), with a learning rate relative to the run's.
struct ParameterGroup {
  std::vector<at::Tensor> tensors;
  double learning_rate_scale = 1.0; ///< times the run's learning rate
  double weight_decay = 0.0;        ///< the optimizer's coefficient; 0: none
};

/// What a verbalizer is prepared for. References are valid as long as the verbalizer.
struct VerbalizerTarget {
  const Vocabulary& vocabulary;
  const Backbone& backbone;
  std::vector<std::string> labels; ///< names, by index
  /// Words of each label as the task file gives them, [label][words]; empty when it gives none.
  std::vector<std::vector<std::string>> label_words;
  /// [label][slot][words] where a label has words of its own for each answer slot; empty when not.
  std::vector<std::vector<std::vector<std::string>>> slot_words = {};
  /// Contents of the files named by options of type CUECARD_FILE, by option, and the tuner states of the cards named by options
  /// of type CUECARD_CARD.
  std::map<std::string, std::string> files = {};
  std::map<std::string, ComponentState> cards = {};
  uint64_t seed = 0;
  /// An example may have several of the labels, or none (Example::label_set).
  bool multi_label = false;
};

/// Scores of decisions, ragged: decision d (an example, a word, a choice, a window) has offsets[d] to offsets[d + 1].
struct Scores {
  at::Tensor values; ///< [offsets.back()] logits (unnormalised log-probabilities), float32
  std::vector<int64_t> offsets{0};
  /// [decisions] the batch entry that each belongs to (the first, where entries are merged), ascending. Empty: decision d belongs
  /// to entry d.
  std::vector<int64_t> entries = {};
};

/// The prediction for one example.
struct Decision {
  /// The example's label, or one for each of its words (-1 for a word that was truncated). With VerbalizerTarget::multi_label all
  /// labels that it has, ascending.
  std::vector<int64_t> labels;
  /// One per label of the task. They sum to 1; with VerbalizerTarget::multi_label they are independent.
  std::vector<double> probabilities;
  std::string text;            ///< a span of the input, "" for no answer, or the generated text
  double value = std::nan(""); ///< log-likelihood of `text`
};

/// Arguments of `Verbalizer::score`.
struct ScoreArgs {
  const at::Tensor&
      outputs; ///< [A, ...] what `output_request` asks for, at batch.answer_tokens, on the backbone's device
  const Batch& batch;
  Pass pass = {};
};

/// Arguments of `Verbalizer::loss`: `scores` as returned by `score` for `batch`.
struct LossArgs {
  const Scores& scores;
  const Batch& batch;
};

/// Arguments of `Verbalizer::decide`.
struct DecideArgs {
  const Scores& scores; ///< on the CPU
  const Batch& batch;
};

/// Arguments of `Verbalizer::given_answers`.
struct GivenAnswersArgs {
  const Example& example;
  bool training = false; ///< the loss will be computed
};

/// Arguments of `Verbalizer::fit`.
struct VerbalizerFitArgs {
  /// Relative to Tuner::fit.
  enum class Moment { before_training, after_training };
  Scorer& scorer;
  const std::vector<const Example*>& examples; ///< labelled
  Moment moment = Moment::before_training;
  /// The labelled examples of the development set, for thresholds: with `after_training` only, and empty where there is no such set.
  std::vector<const Example*> dev = {};
};

/// The interface of verbalizers.
class CUECARD_API Verbalizer {
public:
  virtual ~Verbalizer() = default;

  /// Binds it to the model and the labels, and initialises its trainable tensors on the backbone's device. UsageError for options,
  /// labels or label words that it can't use. A second call discards everything from the first.
  virtual void prepare(const VerbalizerTarget& target) = 0;

  /// The tokens whose hidden states it uses. Called before `prepare`, too.
  virtual OutputPositions output_positions() const { return {}; }
  /// How many answer slots each prompt must have, 1 or more (several: Han et al. 2021, "PTR", section 3); 0: any number. Called
  /// before `prepare`, too. Read only where `output_positions` are answer slots.
  virtual int64_t num_answer_slots() const { return 1; }
  /// Whether it can give an example several labels (VerbalizerTarget::multi_label). Called before `prepare`, too.
  virtual bool supports_multi_label() const { return false; }
  /// The model output that it needs at those tokens.
  virtual OutputRequest output_request() const = 0;

  /// Answers that fill the slots when an example is rendered, to score each of them as a continuation (Brown et al. 2020, section 2.4):
  /// one prompt per element, all sharing the text before the slots; an element has one text, which is not empty, per slot. DataError if the
  /// example lacks them. Empty (the default): slots stay open.
  virtual std::vector<std::vector<std::string>> given_answers(const GivenAnswersArgs& args) const;

  /// [labels]: the representative of each label. Labels with the same representative are the same answer (objects of a relation that are
  /// one token): only the representative is predicted, and it is correct for each of them. Empty (the default): all labels are distinct.
  virtual std::vector<int64_t> label_representatives() const { return {}; }

  /// Adjusts to the model's output for content-free input (Zhao et al. 2021, section 5; Holtzman et al. 2021, equation 3). Called once,
  /// before training or where nothing is trained; a card stores the result in its state.
  virtual void calibrate(Scorer&) {}
  /// Fits to labelled examples without gradients: label-word search (Schick et al. 2020, "PETAL"), prototypes (Cui et al.
  /// 2022, "ProtoVerb"), thresholds. Called once before the tuner is trained and once after (VerbalizerFitArgs::moment).
  virtual void fit(const VerbalizerFitArgs&) {}

  /// Scores from the model's outputs, float32 on the backbone's device, one per label and decision unless it gives answers, labels tokens
  /// or generates. Differentiable. Must not wait for the device.
  virtual Scores score(const ScoreArgs& args) const = 0;
  /// Mean loss over the batch, a floating-point scalar on the backbone's device; must not wait for the device.
  virtual at::Tensor loss(const LossArgs& args) const = 0;
  /// The number of terms in that mean, so that the batches of one step are weighted correctly: finite, 0 or more (0: no term, the
  /// loss is 0), and more than 0 for some batch of each step. Default: examples.
  virtual double weight(const Batch& batch) const;

  /// One per example of the batch, in order. Default: softmax over each decision's scores and its argmax; several decisions of an
  /// example are its words, and then there are no probabilities. Error for a decision without scores.
  virtual std::vector<Decision> decide(const DecideArgs& args) const;

  /// The texts in the answer slots when the answer is label `label`, 0 to the number of labels - 1 (demonstrations, initialisation), one
  /// per slot and none empty. DataError for another label; UsageError from a verbalizer without labels.
  virtual std::vector<std::string> answer_text(int64_t label) const = 0;
  /// Set when predictions are texts that the model generates in the open slot; `decide` is not called then.
  virtual std::optional<GenerateSettings> generation() const { return std::nullopt; }

  /// The tensors trained by gradients, as in Tuner::parameters: float32 leaves with requires_grad on the backbone's device. Called
  /// after `prepare` or `load_state`; the list and its tensors stay the same objects while a run trains.
  virtual std::vector<ParameterGroup> parameters() { return {}; }
  /// What the card stores. Not empty if `parameters` has tensors. Also called before training, as Tuner::state.
  virtual ComponentState state() const { return {}; }
  /// Loads what `state` returned, after `prepare` for the same backbone and labels. The state comes from a file: DataError if it is
  /// incomplete or a tensor has another shape. The default ignores it.
  virtual void load_state(const ComponentState&) {}
};

} // namespace cuecard
