/// Says what it needs of the model at the rows that are read, turns that into scores, and scores into what a
/// person asked for.
///
/// Threads: const methods may run concurrently between calls of the others.
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
#include <cuecard/export.hpp>
#include <cuecard/learned.hpp>
#include <cuecard/scorer.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard {

/// Tensors to learn and how fast, relative to the run's learning rate.
struct ParameterGroup {
  std::vector<at::Tensor> tensors;
  double learning_rate_scale = 1.0;
  double weight_decay = 0.0;
};

/// What a verbalizer is made for. It may be prepared again, with other label words.
struct VerbalizerTarget {
  const Vocabulary& vocabulary;
  const Backbone& backbone;
  std::vector<std::string> labels;
  /// Words of each label as the task file gives them, [label][words]; empty when it gives none.
  std::vector<std::vector<std::string>> label_words;
  /// [label][slot][words] where a label has words of its own for each answer slot; empty when not.
  std::vector<std::vector<std::vector<std::string>>> slot_words = {};
  /// Texts of the files that options of type CUECARD_FILE name, by option.
  std::map<std::string, std::string> files = {};
  uint64_t seed = 0;
};

/// Scores, ragged: decision d (an example, a word, a choice, a window) has offsets[d] to offsets[d + 1].
struct Scores {
  at::Tensor values; ///< [offsets.back()] unnormalised log-probabilities, float32
  std::vector<int64_t> offsets{0};
  /// [decisions] the batch entry that each is about (the first, where entries are merged), ascending. Empty:
  /// decision d is about entry d.
  std::vector<int64_t> entries = {};
};

/// What one example came to.
struct Decision {
  /// The example's label, or one for each of its words (-1 for a word that was cut off).
  std::vector<int64_t> labels;
  std::vector<double> probabilities; ///< of a single label: one per label of the task
  std::string text;                  ///< a span of the input, or the text that was written
  double value = std::nan("");       ///< log-likelihood of a given text
};

class CUECARD_API Verbalizer {
public:
  virtual ~Verbalizer() = default;

  virtual void prepare(const VerbalizerTarget& target) = 0;

  /// Which rows it reads; known before `prepare`.
  virtual Reading reading() const { return {}; }
  /// How many answer slots each prompt must have; 0: any number.
  virtual int64_t answers() const { return 1; }
  virtual Readout readout() const = 0;

  /// The answers that shall stand in the slots when `example` is rendered: one prompt is laid per entry, all
  /// sharing what stands in front; an entry has one text per slot. `learn`: the loss will be taken. Empty:
  /// slots stay open.
  virtual std::vector<std::vector<std::string>> given_answers(const Example& example, bool learn) const;

  /// Adjusts to what the model says without content, before training and before use.
  virtual void calibrate(Scorer&) {}
  /// Learns from labelled rows by other means than gradients (label-word search, prototypes): once before the
  /// tuner has learned and once after.
  enum class Moment { before_training, after_training };
  virtual void fit(Scorer&, const std::vector<const Example*>&, Moment) {}

  /// `values` [A, ...] is the readout at batch.answer_rows.
  virtual Scores score(const at::Tensor& values, const Batch& batch, const Pass& pass) const = 0;
  /// Mean loss over the batch, a scalar on the device; never reads it back.
  virtual at::Tensor loss(const Scores& scores, const Batch& batch) const = 0;
  /// Over how many things that is a mean, so that batches of one step are weighted rightly. Default: examples.
  virtual double weight(const Batch& batch) const;

  /// One per example of the batch, in order; `scores` lie on the CPU. Default: of each example's decisions
  /// softmax and the largest; several decisions are its words.
  virtual std::vector<Decision> decide(const Scores& scores, const Batch& batch) const;

  /// The text that stands in the answer slots when label `label` is given (demonstrations, initialisation).
  virtual std::vector<std::string> answer_text(int64_t label) const = 0;
  /// Set when predicting means that the model writes a text in the open slot; `decide` is then not asked.
  virtual std::optional<GenerateSettings> generation() const { return std::nullopt; }

  virtual std::vector<ParameterGroup> parameters() { return {}; }
  /// What the card keeps of it, and its way back into one that was prepared.
  virtual Learned export_learned() const { return {}; }
  virtual void import_learned(const Learned&) {}
};

} // namespace cuecard
