/// Owns what is learned and conditions the backbone with it.
///
/// Threads: one thread at a time, except that `condition` may run concurrently with itself after
/// `import_tensors`.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/conditioning.hpp>
#include <cuecard/export.hpp>
#include <cuecard/prompt.hpp>
#include <cuecard/template.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard {

/// One data set with its way in and its way out.
struct Task {
  std::string name;
  Template& prompt_template;
  Verbalizer& verbalizer;
  std::vector<std::string> labels;
  const std::vector<Example>* train = nullptr; ///< null when a card is only used
  const std::vector<Example>* dev = nullptr;
};

/// What a tuner is made for: one task or many.
struct Problem {
  const Backbone& backbone;
  const Vocabulary& vocabulary;
  std::vector<Task> tasks;
  uint64_t seed = 0;
};

/// How long and how fast to learn. Zero, or -1 where zero means something: left to the tuner
/// (`Tuner::defaults`).
struct FitSettings {
  int64_t steps = 0;
  double epochs = 0;
  double learning_rate = 0;
  int64_t batch_size = 0;     ///< examples per step
  int64_t batch_tokens = 0;   ///< most rows forwarded at once; a larger step is split and accumulated
  double warmup = -1;         ///< share of the steps
  double clip = -1;           ///< largest norm of all gradients together; 0: none
  int64_t evaluate_every = 0; ///< steps between looks at the dev set
  int64_t patience = -1;      ///< looks without improvement before stopping; 0: never stop early
  std::string optimizer;      ///< adamw | adafactor
  std::string schedule;       ///< linear | constant | cosine
};

struct FitReport {
  int64_t steps = 0;
  int64_t best_step = 0;
  /// The task's metric on dev rows; NaN when it is not known: without dev rows, or stopped before the first
  /// look at them.
  double best_dev = std::numeric_limits<double>::quiet_NaN();
  bool stopped_early = false;
  bool cancelled = false;
  std::vector<float> losses; ///< mean training loss of each step
};

/// What the engine does for a tuner that learns. One object per run, used from one thread.
class Engine : public Scorer {
public:
  /// Batches of one step of `settings.batch_size` examples of task `task`, drawn in the run's seeded order
  /// (shuffled each epoch, whatever their lengths: packed rows have no padding to save), rendered, packed and
  /// on the device. Several when the rows exceed `batch_tokens`. `step` counts from 0; any step can be asked
  /// for at any time (that is how a run resumes).
  virtual std::vector<Batch> training_batches(int64_t task, int64_t step) = 0;
  virtual int64_t steps_per_epoch(int64_t task) const = 0;

  /// Forward pass under `conditioning` and the verbalizer's mean loss: a scalar with a gradient, on the device.
  virtual at::Tensor loss(int64_t task, const Batch& batch, const Conditioning& conditioning) = 0;

  /// The task's metric on its dev rows (higher is better) under what the tuner has learned so far, without
  /// gradients; NaN when there are no dev rows.
  virtual double evaluate_dev(int64_t task) = 0;

  /// d loss / d embedding at each trigger slot, summed over the rows of `batch`: [trigger slots, embedding
  /// width].
  virtual at::Tensor trigger_gradient(int64_t task, const Batch& batch) = 0;
  /// Summed loss over `batch` for each candidate token at trigger slot `slot`: [candidates], one batched
  /// workload.
  virtual at::Tensor trigger_losses(int64_t task, const Batch& batch, int64_t slot,
                                    const std::vector<int64_t>& candidates) = 0;

  /// Progress, for people. May throw Cancelled when the run shall stop; the caller keeps its best and returns.
  virtual void progress(int64_t step, int64_t steps, double loss, double dev) = 0;

  virtual const FitSettings& settings() const = 0;
  virtual Problem& problem() = 0;
};

class CUECARD_API Tuner {
public:
  virtual ~Tuner() = default;

  /// Sizes and initialises what is learned. Called once, before anything below.
  virtual void prepare(const Problem& problem) = 0;

  /// Changes a rendered prompt before it becomes tokens: soft slots in front, demonstrations. Soft slots of the
  /// template keep their numbers 0 to n - 1; a tuner's own start at n.
  virtual void edit(Prompt&, const Example&) const {}

  /// What the learned tensors do to the backbone, for rows of task `task`. Called once a step.
  virtual Conditioning condition(int64_t task) const = 0;

  virtual std::vector<ParameterGroup> parameters() { return {}; }

  /// `asked` with what the user left at zero filled in by what this method does well with. What is still zero
  /// afterwards gets the gradient loop's own defaults.
  virtual FitSettings defaults(const FitSettings& asked) const { return asked; }

  /// Learns. The default is the SDK's gradient loop over `parameters()` of the tuner and the verbalizers;
  /// searches override it. On return the tuner holds the best that was found.
  virtual FitReport fit(Engine& engine);

  /// What inference needs, saved in the card; and its way back into an object that was prepared for the same
  /// backbone.
  virtual TensorMap export_tensors() const { return {}; }
  virtual void import_tensors(const TensorMap&) {}

  /// What training resumes from. At least what `parameters()` holds.
  virtual TensorMap checkpoint_tensors() { return export_tensors(); }
  virtual void restore_checkpoint(const TensorMap& tensors) { import_tensors(tensors); }
};

} // namespace cuecard
