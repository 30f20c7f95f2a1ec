/// Owns what is learned and conditions the backbone with it.
///
/// Threads: one thread at a time, except that `condition` may run concurrently with itself after
/// `import_tensors`.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/conditioning.hpp>
#include <cuecard/export.hpp>
#include <cuecard/learned.hpp>
#include <cuecard/prompt.hpp>
#include <cuecard/scorer.hpp>
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
  std::string metric = "accuracy"; ///< what Engine::evaluate_dev measures
};

/// What a tuner is made for: one task or many. Backbone, vocabulary, templates and verbalizers outlive the
/// tuner and may be kept; the rest may not.
struct Problem {
  const Backbone& backbone;
  const Vocabulary& vocabulary;
  std::vector<Task> tasks;
  uint64_t seed = 0;
  /// Texts of the files that options of type CUECARD_FILE name, by option; and what the tuners of cards learned
  /// that options of type CUECARD_CARD name.
  std::map<std::string, std::string> files = {};
  std::map<std::string, Learned> cards = {};
};

/// How long and how fast to learn. Zero, or -1 where zero means something: left to the tuner
/// (`Tuner::defaults`).
struct FitSettings {
  int64_t steps = 0;
  double epochs = 0;
  int64_t least_steps = 0; ///< with a length in epochs: as many steps at least, however few the rows are
  double learning_rate = 0;
  int64_t batch_size = 0;     ///< examples per step
  int64_t batch_tokens = 0;   ///< most rows forwarded at once; a larger step is split and accumulated
  double warmup = -1;         ///< share of the steps
  double clip = -1;           ///< largest norm of all gradients together; 0: none
  int64_t evaluate_every = 0; ///< steps between looks at the dev set
  int64_t patience = -1;      ///< looks without improvement before stopping; 0: never stop early
  std::string optimizer;      ///< adamw | adafactor | adam
  std::string schedule;       ///< linear | constant | cosine | exponential
  double decay = 0;           ///< exponential: factor of the learning rate per epoch
};

struct FitReport {
  int64_t steps = 0;
  int64_t best_step = 0;
  double best_dev = std::nan(""); ///< the task's metric on dev rows, mean over tasks; NaN: unknown
  bool stopped_early = false;
  bool cancelled = false;
  std::vector<float> losses; ///< mean training loss of each step
  /// What was found is all in the template (its triggers, its text) and the label words: the card is a plain
  /// prompt, and needs no tuner.
  bool plain_prompt = false;
  /// Label words that a search found, [label][words], in place of the task's. Empty: as they were.
  std::vector<std::vector<std::string>> label_words;
};

/// A candidate token at one trigger slot: summed over a batch, on the device, [candidates].
struct TriggerScores {
  at::Tensor loss;
  at::Tensor correct; ///< examples that are decided rightly
};

/// What the engine does for a tuner that learns. One object per run, used from one thread.
class CUECARD_API Engine {
public:
  virtual ~Engine() = default;

  /// Running prompts of task `task` under what the tuner has learned so far.
  virtual Scorer& scorer(int64_t task) = 0;

  /// Batches of one step of `settings.batch_size` examples of task `task`, drawn in the run's seeded order
  /// (shuffled each epoch, whatever their lengths: packed rows have no padding to save), rendered, packed and
  /// on the device. Several when the rows exceed `batch_tokens`. `step` counts from 0; any step can be asked
  /// for at any time (that is how a run resumes, and how a search takes fresh batches).
  virtual std::vector<Batch> training_batches(int64_t task, int64_t step) = 0;
  virtual int64_t steps_per_epoch(int64_t task) const = 0;
  /// Training rows are rendered again: after a tuner changed the template, or what `edit` does.
  virtual void render_again() = 0;

  /// Forward pass under `conditioning` and the verbalizer's mean loss: a scalar with a gradient, on the device.
  virtual at::Tensor loss(int64_t task, const Batch& batch, const Conditioning& conditioning,
                          const Pass& pass) = 0;

  /// The task's metric on its dev rows (higher is better) under what the tuner has learned so far, without
  /// gradients; NaN when there are no dev rows.
  virtual double evaluate_dev(int64_t task) = 0;

  /// d loss / d embedding at each trigger slot, summed over the rows of `batch`: [trigger slots, embedding
  /// width].
  virtual at::Tensor trigger_gradient(int64_t task, const Batch& batch, const Conditioning& conditioning) = 0;
  /// What each of the tokens `candidates` [n] int64 would come to at trigger slot `slot`, as one batched
  /// workload.
  virtual TriggerScores trigger_scores(int64_t task, const Batch& batch, int64_t slot,
                                       const at::Tensor& candidates, const Conditioning& conditioning) = 0;

  /// What the interrupted run saved last as `state`, or empty when this run starts afresh. Asked once, at the
  /// beginning of `fit`.
  virtual TensorMap resume() = 0;
  /// `step` steps are done. When a checkpoint is due the engine takes `state`, all that going on from here
  /// needs (learned tensors, moments, what was best so far), and writes it beside and renames.
  virtual void checkpoint(int64_t step, const std::function<TensorMap()>& state) = 0;

  /// Progress, for people. May throw Cancelled when the run shall stop; the caller keeps its best and returns.
  virtual void progress(int64_t step, int64_t steps, double loss, double dev) = 0;

  virtual const FitSettings& settings() const = 0;
  virtual Problem& problem() = 0;
};

/// What `Tuner::edit` may look at.
struct EditArgs {
  const Example& example;
  int64_t task = 0;
  bool learn = false; ///< the prompts are for training
  /// When Tuner::wants_likeness(): [hidden] float32 on the CPU, the mean last hidden state at the tokens of the
  /// example's fields, in its own prompt without edits. (Rows that all prompts share would only blur it.)
  /// Undefined where the fields have no token, and for prompts without content.
  at::Tensor likeness = {};
};

class CUECARD_API Tuner {
public:
  virtual ~Tuner() = default;

  /// Sizes and initialises what is learned. Called once, before anything below.
  virtual void prepare(const Problem& problem) = 0;

  /// Changes the rendered prompts of an example before they become tokens: soft slots in front, demonstrations,
  /// variants. Soft slots of the task's template keep their numbers 0 to n - 1; a tuner's own start at n. An
  /// answer piece with a text is one that is read and learned: demonstrations use text pieces.
  virtual void edit(std::vector<Prompt>&, const EditArgs&) const {}
  /// Whether `edit` chooses by likeness; the engine then represents inputs beforehand, batch by batch.
  virtual bool wants_likeness() const { return false; }

  /// What the learned tensors do to the backbone, for rows of task `task`. Called once a step and task.
  virtual Conditioning condition(int64_t task, const Pass& pass) const = 0;

  /// Weights of its own in place of the backbone's, by the backbone's names: float32 leaves. Asked once, after
  /// `prepare`; the engine makes the backbone anew with them, so all that it computes sees them. Such a card
  /// runs in batches of its own.
  virtual TensorMap replaced_weights() const { return {}; }

  virtual std::vector<ParameterGroup> parameters() { return {}; }

  /// `asked` with what the user left at zero filled in by what this method does well with. What is still zero
  /// afterwards gets the gradient loop's own defaults.
  virtual FitSettings defaults(const FitSettings& asked) const { return asked; }

  /// Learns. The default is the SDK's gradient loop over `parameters()` of the tuner and the verbalizers;
  /// searches override it. On return the tuner holds the best that was found.
  virtual FitReport fit(Engine& engine);

  /// What inference needs of it for task `task`, saved in that task's card; and its way back into an object
  /// that was prepared for the same backbone and that task alone.
  virtual Learned export_learned(int64_t) const { return {}; }
  virtual void import_learned(const Learned&) {}

  /// Takes what another tool learned, in the form that `condition` gives; false with a reason in `why` when it
  /// can't be carried. Called after `prepare`. The manifest names the kinds (`adopts`).
  virtual bool adopt(const Conditioning& learned, std::string& why);
};

} // namespace cuecard
