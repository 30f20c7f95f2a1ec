/// Owns the trainable tensors and conditions the backbone with them.
///
/// Lifecycle: created, `prepare` once, then either `fit` (training) or `load_state` (a saved card), then `edit` and `condition` for
/// every batch, and `state` to save. Threads: `edit` and `condition` are const and may be called concurrently, each with itself and
/// with the other; all other functions need exclusive access. Errors, in every function: UsageError or DataError for errors that the
/// user can fix; any other exception is reported as a failure of the plugin.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/component_state.hpp>
#include <cuecard/conditioning.hpp>
#include <cuecard/export.hpp>
#include <cuecard/fit.hpp>
#include <cuecard/prompt.hpp>
#include <cuecard/scorer.hpp>
#include <cuecard/template.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard {

/// One data set with its template and verbalizer.
struct Task {
  std::string name; ///< as in its task file
  Template& prompt_template;
  Verbalizer& verbalizer;
  std::vector<std::string> labels;             ///< names, by index
  const std::vector<Example>* train = nullptr; ///< null at inference
  const std::vector<Example>* dev = nullptr;
  std::string metric = "accuracy"; ///< what Engine::evaluate_dev measures
  bool multi_label = false;        ///< VerbalizerTarget::multi_label
};

/// What a tuner is prepared for: one task or several. Backbone, vocabulary, templates and verbalizers outlive the tuner, which may
/// keep references to them, but not to the rest.
struct Problem {
  const Backbone& backbone;
  const Vocabulary& vocabulary;
  std::vector<Task> tasks;
  /// Of the run: of `--seed` in training, also in training that continues a card (`--from`), and of the card afterwards. Draw initial values
  /// of what is trained from it. What stays frozen must be the same wherever the card is used: draw that from an option, which the card
  /// records, or store it in `state`.
  uint64_t seed = 0;
  /// Contents of the files named by options of type CUECARD_FILE, by option, and the tuner states of the cards named by options
  /// of type CUECARD_CARD.
  std::map<std::string, std::string> files = {};
  std::map<std::string, ComponentState> cards = {};
};

/// The engine's services for a tuner in training. One object per run, valid until `fit` returns.
///
/// Ranges: `task` is 0 to the number of tasks - 1, an index into Problem::tasks; `step` is 0 or more, and may exceed
/// `settings().steps`. Anything else is an error that names the function. Threads: used only from the thread that called `fit`. Errors:
/// DataError for examples that can't be used, PluginError if a component fails, Cancelled (`progress`); a tuner lets them pass.
class CUECARD_API Engine {
public:
  virtual ~Engine() = default;

  /// What the tuner was prepared for, with the training and development examples. Valid as long as the engine.
  virtual Problem& problem() = 0;
  /// Complete: the user's settings, this tuner's defaults and the SDK's. They don't change; valid as long as the engine.
  virtual const FitSettings& settings() const = 0;

  /// The batches of step `step` of task `task`: `settings().batch_size` examples in the run's seeded order (shuffled each epoch,
  /// whatever their lengths: packed batches have no padding to save), rendered, packed and on the device. Several when they exceed
  /// `batch_tokens`. A function of seed and step alone, so a run can resume at any step.
  virtual std::vector<Batch> training_batches(int64_t task, int64_t step) = 0;
  /// Steps in which each usable training example of task `task` occurs once, n in number, at least 1; the last step of an epoch may have
  /// fewer examples. Epoch e is steps e * n to e * n + n - 1.
  virtual int64_t steps_per_epoch(int64_t task) const = 0;
  /// Renders the training examples of all tasks again, after a change to the template or to the effect of `edit`. DataError if none of a
  /// task's examples can be used any more.
  virtual void rerender() = 0;

  /// The features that `Tuner::input_features` asks for, of the inputs of `batch`: [inputs, width] float32 without gradients, for
  /// ConditionArgs::inputs, on the backbone's device. Undefined where it asks for none.
  virtual at::Tensor input_features(int64_t task, const Batch& batch) = 0;
  /// Forward pass under `conditioning` and the verbalizer's mean loss: a differentiable floating-point scalar on the backbone's
  /// device. `batch` is one of `training_batches` or Ranks::rank_batches for this task. The loss of a step of several batches is their
  /// mean, each weighted by Verbalizer::weight. Without gradients under at::NoGradGuard.
  virtual at::Tensor loss(int64_t task, const Batch& batch, const Conditioning& conditioning,
                          const Pass& pass) = 0;

  /// The task's metric on its development set (higher is better) for the tuner's current state, without gradients; NaN when there
  /// is no development set.
  virtual double evaluate_dev(int64_t task) = 0;
  /// Runs prompts of task `task` with the tuner's current state. Valid until the next call.
  virtual Scorer& scorer(int64_t task) = 0;

  /// The `state` last saved by an interrupted run; empty for a new run. Call it once, before any other function.
  virtual TensorMap resume() = 0;
  /// Reports that `step` steps are done, 1 or more. When a checkpoint is due, the engine calls `state` for everything needed to resume from
  /// here (trained tensors, optimizer moments, the best state so far) and writes it atomically.
  virtual void checkpoint(int64_t step, const std::function<TensorMap()>& state) = 0;

  /// Reports progress to the user: `step` of `steps` steps are done, with the mean loss of the last one and, if it was evaluated after it,
  /// the metric on the development set (else NaN). Throws Cancelled when the run must stop; the tuner then restores its best state and
  /// returns.
  virtual void progress(int64_t step, int64_t steps, double loss, double dev) = 0;

  /// An optional service by name, or null; `find_extension` is the typed accessor. See cuecard/extensions/.
  virtual void* extension(std::string_view id);
};

/// The extension `E` of an engine, or null when this host does not have it.
template <class E>
E* find_extension(Engine& engine) {
  return static_cast<E*>(engine.extension(E::id));
}

/// The features of each input that `condition` needs: a pooled vector from the frozen model. The soft prompts of such a tuner may
/// depend on the input (Wu et al. 2022, "IDPG"; Liu et al. 2022, "Late Prompt Tuning"; Choi et al. 2023, "SMoP"), so its tokens are
/// cached per input only.
///
/// The tokens of the example's fields are all tokens of the prompt's input with at least one byte of a field of the template, its leading
/// space included: a space that is a token of its own counts, and so does a token that a field shares with the text beside it. Soft tokens
/// and demonstrations do not count. Where there is no such token the vector is 0.
struct InputFeatures {
  enum class Kind {
    none,
    mean_embedding, ///< mean word embedding of the tokens of the example's fields: [embedding width]
    max_embedding,  ///< their elementwise maximum: [embedding width]
    hidden_state, ///< mean hidden state at these tokens, after `layers` layers of the prompt without soft tokens: [hidden]
  };
  Kind kind = Kind::none;
  /// For `hidden_state`: 0 to the number of layers, without the final norm; -1: all, with it.
  int64_t layers = -1;
  int64_t soft_slots = 0; ///< soft slots, late ones included, that `condition` returns for each input

  explicit operator bool() const { return kind != Kind::none; }
};

/// Arguments of `Tuner::condition`.
struct ConditionArgs {
  int64_t task = 0; ///< index into Problem::tasks
  Pass pass = {};
  /// [inputs, width] float32 on the backbone's device: the features that `input_features` asks for, one input per example of the
  /// batch. Undefined where it asks for none.
  at::Tensor inputs = {};
};

/// Arguments of `Tuner::edit`.
struct EditArgs {
  const Example& example;
  int64_t task = 0;      ///< index into Problem::tasks
  bool training = false; ///< the prompts are for training
  /// If `wants_representation`: [hidden] float32 on the CPU, the mean last hidden state at the tokens of the example's fields, in
  /// its own prompt without edits. Undefined where the fields have no token, and for content-free prompts.
  at::Tensor representation = {};
};

/// The interface of tuners.
class CUECARD_API Tuner {
public:
  virtual ~Tuner() = default;

  /// Creates and initialises the trainable tensors on the backbone's device. UsageError for options that don't fit the model or the
  /// tasks.
  virtual void prepare(const Problem& problem) = 0;

  /// Changes the rendered prompts of an example before tokenization: soft slots, demonstrations, variants. Soft slots of the task's
  /// template keep their numbers 0 to n - 1; the tuner's own start at n. An answer piece with a text is a given answer that is
  /// trained on, so demonstrations use text pieces.
  virtual void edit(std::vector<Prompt>&, const EditArgs&) const {}
  /// Whether `edit` chooses by similarity (EditArgs::representation; Liu et al. 2022, "What Makes Good In-Context Examples for
  /// GPT-3?", section 3).
  virtual bool wants_representation() const { return false; }

  /// The features of each input that `condition` needs.
  virtual InputFeatures input_features() const { return {}; }
  /// The conditioning of the backbone for the examples of one task. Called once per step and task, or once per batch if
  /// `input_features` asks for any. Must not wait for the device.
  virtual Conditioning condition(const ConditionArgs& args) const = 0;

  /// Weights that replace the backbone's, by the names of Backbone::weights: float32 leaves on its device, each of the shape of the
  /// weight that it replaces; any other name or shape is an error. Called once, after `prepare`; the engine creates a backbone that
  /// uses these tensors themselves, so training and `load_state` must change them in place. The card of such a tuner can't share
  /// batches with other cards: prefer Conditioning::low_rank.
  virtual TensorMap replaced_weights() const { return {}; }

  /// The tensors that training changes, whether by gradients or in a `fit` of its own that searches without them: float32 leaves with
  /// requires_grad on the backbone's device, each listed once. Called after `prepare`, `load_state` or `adopt`, possibly several times: the
  /// list and its tensors must stay the same objects, until one of these functions is called again. Empty (the default): none, which is
  /// an error in training if the component declares CUECARD_TRAINS_TENSORS and the verbalizers train no tensors.
  virtual std::vector<ParameterGroup> parameters() { return {}; }

  /// `request` with its empty fields set to this method's defaults.
  virtual FitRequest defaults(const FitRequest& request) const { return request; }

  /// Trains. The default is the SDK's gradient loop over `parameters()` of the tuner and the verbalizers; searches override it. One
  /// that needs no gradients calls Engine::loss under at::NoGradGuard, changes its tensors in place, and may wait for the losses that it
  /// compares.
  /// On return the tuner holds the best state found. If it throws, the host keeps what `state` returned at the best evaluation that was
  /// reported: one by Engine::evaluate_dev, after which Engine::progress was called with its value, before `fit` threw. Nothing else is
  /// kept, and nothing in a run with a checkpoint, which can be resumed, or of several ranks.
  virtual FitReport fit(Engine& engine);

  /// What inference needs for task `task`, an index into Problem::tasks, stored in that task's card. May share memory with the
  /// trained tensors. Not empty if `parameters` has tensors. Also called before training, when another object loads the result, so that
  /// a state that can't be loaded is found while nothing is lost.
  virtual ComponentState state(int64_t task) const {
    (void)task;
    return {};
  }
  /// Loads what `state` returned, after `prepare` for the same backbone and that task alone. The state comes from a file: DataError
  /// if it is incomplete, or a tensor has another shape or holds integers. The default ignores it.
  virtual void load_state(const ComponentState&) {}

  /// Loads a conditioning that another tool trained, in the form that `condition` returns, after `prepare`. Returns whether it
  /// could; if not, `why` is the reason: a clause without a full stop. The default always returns false. The manifest lists the
  /// kinds (`adopts`) and the options that size the tuner for it (`role`).
  virtual bool adopt(const Conditioning& trained, std::string& why);
};

} // namespace cuecard
