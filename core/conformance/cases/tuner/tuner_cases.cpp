// Cases of tuners: what is trained, and what must be the same afterwards.
#include <cmath>
#include <numeric>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>

#include <cuecard/error.hpp>

#include "conformance/case.hpp"
#include "conformance/cases/tuner/observed_tuner.hpp"
#include "conformance/cases/tuner/tuner_cases.hpp"
#include "conformance/mirror.hpp"
#include "conformance/planted_task.hpp"

namespace cuecard::conformance {

namespace {

constexpr int64_t rows_of_task = 8;

TensorMap copies(const Backbone& backbone) {
  TensorMap weights;
  for (const auto& [name, weight] : backbone.weights())
    weights[name] = weight.detach().clone();
  return weights;
}

std::string backbone_unchanged(const Subject& subject) {
  return for_each_model(subject, [&](const Model& model, const Family&) {
    const TensorMap before = copies(model.backbone());
    const std::vector<Example> rows = planted_rows(rows_of_task, subject.seed);
    {
      TaskPipeline pipeline = planted_pipeline(subject, model, planted_with(subject), rows);
      trained(model, pipeline, rows, short_training(3, 4), subject.seed);
      predictions(model, pipeline, rows);
    }
    for (const auto& [name, weight] : model.backbone().weights()) {
      require(!weight.requires_grad() && !weight.grad().defined(),
              "the weight \"" + name + "\" of the backbone has a gradient after training.");
      require(at::equal(weight, before.at(name)),
              "the weight \"" + name + "\" of the backbone is another one after training.");
    }
  });
}

/// The leaves that the graph of `loss` gives gradients to.
std::vector<at::Tensor> leaves_of(const at::Tensor& loss) {
  std::vector<at::Tensor> leaves;
  std::set<const torch::autograd::Node*> seen;
  std::vector<torch::autograd::Node*> open; // the loss keeps them
  if (loss.grad_fn())
    open.push_back(loss.grad_fn().get());
  while (!open.empty()) {
    torch::autograd::Node* const node = open.back();
    open.pop_back();
    if (!node || !seen.insert(node).second)
      continue;
    if (const auto* leaf = dynamic_cast<const torch::autograd::AccumulateGrad*>(node))
      leaves.push_back(leaf->variable);
    for (const torch::autograd::Edge& edge : node->next_edges())
      open.push_back(edge.function.get());
  }
  return leaves;
}

bool contains(const std::vector<ParameterGroup>& groups, const at::Tensor& tensor) {
  for (const ParameterGroup& group : groups)
    for (const at::Tensor& each : group.tensors)
      if (each.unsafeGetTensorImpl() == tensor.unsafeGetTensorImpl())
        return true;
  return false;
}

std::string gradients(const Subject& subject) {
  if (!trains_by_gradient(subject))
    throw NotApplicable("it declares to train no tensors.");
  return for_each_model(subject, [&](const Model& model, const Family&) {
    const std::vector<Example> rows = planted_rows(rows_of_task, subject.seed);
    TaskPipeline pipeline = planted_pipeline(subject, model, planted_with(subject), rows);
    Tuner& tuner = *pipeline.tuner;
    Verbalizer& verbalizer = *pipeline.verbalizer;
    std::vector<at::Tensor> reached;
    bool any_gradients = false;
    const auto look = [&](const at::Tensor& loss) {
      if (!at::GradMode::is_enabled())
        return;
      any_gradients = true;
      require(loss.requires_grad(), "the loss depends on nothing that is trained.");
      for (const at::Tensor& leaf : leaves_of(loss)) {
        require(contains(tuner.parameters(), leaf) || contains(verbalizer.parameters(), leaf),
                "a tensor of shape " + c10::str(leaf.sizes()) +
                    " gets gradients, and `parameters` does not declare it.");
        reached.push_back(leaf);
      }
    };
    const std::shared_ptr<Tuner> own = pipeline.tuner;
    pipeline.tuner = observed_tuner(own, Observer{look, {}, {}});
    trained(model, pipeline, rows, short_training(2, rows_of_task), subject.seed);
    if (!any_gradients)
      throw NotApplicable("its `fit` computes no loss with gradients.");
    const bool weights = subject.info().trains == CUECARD_TRAINS_WEIGHTS; // of which some may not be used
    require(!own->parameters().empty(), "`parameters` is empty, and it declares to train tensors.");
    for (const ParameterGroup& group : own->parameters())
      for (const at::Tensor& parameter : group.tensors) {
        const std::string which = "a declared parameter of shape " + c10::str(parameter.sizes());
        require(parameter.is_leaf() && parameter.requires_grad(),
                which + " is not a leaf that requires gradients.");
        require(parameter.scalar_type() == at::kFloat, which + " is not float32.");
        bool found = false;
        for (const at::Tensor& each : reached)
          found = found || each.unsafeGetTensorImpl() == parameter.unsafeGetTensorImpl();
        require(found || weights, which + " gets no gradient.");
      }
  });
}

std::string trains(const Subject& subject) {
  if (!trains_by_gradient(subject))
    throw NotApplicable("it declares to train no tensors.");
  constexpr int64_t steps = 40, part = 10;
  return for_each_model(subject, [&](const Model& model, const Family&) {
    const std::vector<Example> rows = planted_rows(rows_of_task, subject.seed);
    TaskPipeline pipeline = planted_pipeline(subject, model, planted_with(subject), rows);
    // All examples in each step, so that every step has the same loss function.
    const std::vector<float> losses =
        trained(model, pipeline, rows, short_training(steps, rows_of_task), subject.seed).report.losses;
    require(std::ssize(losses) == steps, "its report has " + std::to_string(losses.size()) +
                                             (losses.size() == 1 ? " loss for " : " losses for ") +
                                             std::to_string(steps) + " steps.");
    for (const float loss : losses)
      require(std::isfinite(loss), "the loss is not finite.");
    const double first = std::accumulate(losses.begin(), losses.begin() + part, 0.0) / part,
                 last = std::accumulate(losses.end() - part, losses.end(), 0.0) / part;
    require(last < 0.99 * first, "the loss of the planted task does not fall: " + shown(first) +
                                     " in the first ten steps, " + shown(last) + " in the last ten of " +
                                     std::to_string(steps) + ", at the tuner's own learning rate.");
  });
}

/// The planted task after a few steps, and the tuner's state.
ComponentState state_after(const Subject& subject, const Model& model, const std::vector<Example>& rows,
                           const Checkpointing& checkpointing = {}, const Progress& progress = {}) {
  TaskPipeline pipeline = planted_pipeline(subject, model, planted_with(subject), rows);
  trained(model, pipeline, rows, short_training(6, 3), subject.seed, checkpointing, progress);
  return pipeline.tuner->state(0);
}

std::string seed(const Subject& subject) {
  return for_each_model(subject, [&](const Model& model, const Family&) {
    const std::vector<Example> rows = planted_rows(rows_of_task, subject.seed);
    const std::string different =
        different_state(state_after(subject, model, rows), state_after(subject, model, rows));
    require(different.empty(), "two runs with one seed end with different bits in \"" + different + "\".");
  });
}

/// Ends a run like a kill: a std::exception would end it with its best state.
struct Killed {};

std::string resume(const Subject& subject) {
  return for_each_model(subject, [&](const Model& model, const Family& family) {
    const std::vector<Example> rows = planted_rows(rows_of_task, subject.seed);
    const ComponentState whole = state_after(subject, model, rows);
    const Checkpointing checkpointing{subject.folder / (std::string(family.name) + "-checkpoint"), 2};
    bool killed = false;
    try {
      state_after(subject, model, rows, checkpointing, [&](int64_t step, int64_t, double, double) {
        if (step == 4) {
          killed = true;
          throw Killed();
        }
        return true;
      });
    } catch (const std::exception&) {
      if (!killed)
        throw;
    }
    const std::string different = different_state(whole, state_after(subject, model, rows, checkpointing));
    require(different.empty(), "a run that was interrupted and resumed ends with other bits in \"" + different +
                                   "\" than one that was not.");
  });
}

/// Trained, and loaded from its card: a tuner's result may be a plain prompt.
TaskPipeline trained_pipeline(const Subject& subject, const Model& model, const std::vector<Example>& rows) {
  TaskPipeline pipeline = planted_pipeline(subject, model, planted_with(subject), rows);
  const TrainResult result = trained(model, pipeline, rows, short_training(4, 4), subject.seed);
  if (result.report.plain_prompt)
    keep_plain_prompt(pipeline, model, subject.plugins, result.report.label_words);
  return pipeline;
}

std::string card(const Subject& subject) {
  return for_each_model(subject, [&](const Model& model, const Family& family) {
    const std::vector<Example> rows = planted_rows(rows_of_task, subject.seed);
    const TaskPipeline pipeline = trained_pipeline(subject, model, rows);
    const double difference = difference_after_saving(subject, model, pipeline, rows, family.name);
    require(difference == 0, "the scores after saving and reading the card differ by " + shown(difference) +
                                 "; expected the same bits.");
  });
}

struct FewSteps {
  std::vector<float> losses;
  bool gradients = false; ///< some loss was computed with gradients
};

/// What is watched from the first batch on until the last step.
enum class Watched {
  nothing,
  steps, ///< everything
  calls, ///< the engine's functions and `condition`: a search reads the losses that it compares
};

FewSteps few_steps(const Subject& subject, const Model& model, const std::vector<Example>& rows,
                   Watched watched = Watched::nothing, const std::function<void(bool)>& watch = {}) {
  constexpr int64_t steps = 4;
  FewSteps found;
  Observer observer;
  observer.loss = [&](const at::Tensor&) { found.gradients = found.gradients || at::GradMode::is_enabled(); };
  bool watching = false;
  if (watched != Watched::nothing)
    observer.step = [&](int64_t step) {
      if (step == 0 || step == steps - 1)
        watching = step == 0;
      watch(watching && watched == Watched::steps);
    };
  if (watched == Watched::calls)
    observer.work = [&](bool begins) { watch(watching && begins); };
  TaskPipeline pipeline = planted_pipeline(subject, model, planted_with(subject), rows);
  const std::shared_ptr<Tuner> own = pipeline.tuner;
  pipeline.tuner = observed_tuner(own, observer);
  found.losses = trained(model, pipeline, rows, short_training(steps, 4), subject.seed).report.losses;
  if (watched != Watched::nothing)
    watch(false);
  pipeline.tuner = own;
  predictions(model, pipeline, rows);
  return found;
}

std::string device(const Subject& subject) {
  if (!trains_by_gradient(subject))
    throw NotApplicable("it declares to train no tensors.");
  const MirrorDevice mirror;
  return for_each_model(subject, [&](const Model& model, const Family& family) {
    const std::vector<Example> rows = planted_rows(rows_of_task, subject.seed);
    const auto [here, gradients] = few_steps(subject, model, rows);
    const Model other =
        Model::load(subject.folder / family.name, subject.plugins, {mirror.device(), at::kFloat});
    const std::vector<float> there =
        few_steps(subject, other, rows, gradients ? Watched::steps : Watched::calls, [&](bool on) {
          mirror.watch(on);
        }).losses;
    require(here.size() == there.size(), "another number of steps on the mirror device.");
    for (std::size_t i = 0; i < here.size(); ++i)
      require(std::abs(here[i] - there[i]) < 1e-3f,
              "the losses on the mirror device are others than on the CPU: " + shown(there[i]) +
                  " instead of " + shown(here[i]) + ".");
  });
}

std::string mixed_batch(const Subject& subject) {
  return for_each_model(subject, [&](const Model& model, const Family&) {
    std::vector<Example> rows = planted_rows(rows_of_task, subject.seed);
    TaskPipeline own = trained_pipeline(subject, model, rows);
    PlantedChoice plain;
    plain.name = "other";
    TaskPipeline other = planted_pipeline(subject, model, plain, rows);
    own.name = "own";
    const std::vector<Prediction> own_alone = predictions(model, own, rows),
                                  other_alone = predictions(model, other, rows);
    std::vector<Example> mixed;
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (const char* card : {"own", "other"}) {
        Example& row = mixed.emplace_back(rows[rows.size() - 1 - i]);
        row.card = card;
      }
    const std::vector<Prediction> together = Predictor(model, {&own, &other}).predict(pointers(mixed));
    std::vector<Prediction> own_mixed, other_mixed;
    for (std::size_t i = mixed.size(); i-- > 0;)
      (mixed[i].card == "own" ? own_mixed : other_mixed).push_back(together[i]);
    constexpr double most = 1e-4;
    const auto compare = [&](const char* what, const std::vector<Prediction>& a,
                             const std::vector<Prediction>& b) {
      const double difference = largest_difference(a, b, what);
      require(difference < most, std::string(what) + " have other scores in a batch of both than alone, by " +
                                     shown(difference) + ".");
    };
    compare("its examples", own_alone, own_mixed);
    compare("the examples of another card", other_alone, other_mixed);

    std::vector<Prediction> single;
    single.reserve(rows.size());
    for (const Example& row : rows)
      single.push_back(predictions(model, own, {row}).at(0));
    compare("examples by themselves", own_alone, single);
  });
}

} // namespace

std::vector<Case> tuner_cases() {
  return {
      {"tuner-backbone", CUECARD_TUNER, "training leaves the backbone's weights bit-identical",
       &backbone_unchanged},
      {"tuner-gradients", CUECARD_TUNER, "the declared parameters get gradients, and nothing else does",
       &gradients},
      {"tuner-trains", CUECARD_TUNER, "the loss of the planted task falls", &trains},
      {"tuner-seed", CUECARD_TUNER, "one seed trains the same bits twice", &seed},
      {"tuner-resume", CUECARD_TUNER,
       "a run that was killed and resumed ends with the bits of one that was not", &resume},
      {"tuner-card", CUECARD_TUNER, "a card gives the same scores, bit for bit, after saving and reading it",
       &card},
      {"tuner-device", CUECARD_TUNER,
       "it trains on another device: nothing mixes devices, no step with gradients waits for the device, nor does `condition`, and the losses are the same",
       &device},
      {"tuner-dtype", CUECARD_TUNER, "beside a model in bfloat16 it trains in float32", &tuner_dtype},
      {"tuner-memory", CUECARD_TUNER, "training and predicting again and again keeps no tensor and no gradient",
       &tuner_memory},
      {"tuner-mixed", CUECARD_TUNER,
       "its examples have the same scores alone, together, and in a batch with another card's", &mixed_batch},
  };
}

} // namespace cuecard::conformance
