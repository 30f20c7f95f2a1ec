#include "training/gradient_loop/micro_batches.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/sum.h>

namespace cuecard {

namespace {

/// A conditioning whose tensors are leaves that accumulate the gradients of several micro-batches; their sum is then propagated
/// through the tuner's graph once.
class Leaves {
public:
  explicit Leaves(const Conditioning& original) : cut_(original) {
    cut(cut_.embeddings);
    cut(cut_.late_embeddings);
    for (Prefix& prefix : cut_.prefixes) {
      cut(prefix.key);
      cut(prefix.value);
    }
    for (LowRankUpdate& update : cut_.low_rank) {
      cut(update.a);
      cut(update.b);
    }
    for (Rescaling& rescaling : cut_.rescalings)
      cut(rescaling.factors);
  }

  const Conditioning& conditioning() const { return cut_; }

  void backward() const {
    at::Tensor sum;
    for (const auto& [original, leaf] : pairs_)
      if (leaf.grad().defined()) {
        const at::Tensor part = at::sum(original * leaf.grad()); // d part / d original is the leaf's gradient
        sum = sum.defined() ? sum + part : part;
      }
    if (sum.defined())
      sum.backward();
  }

private:
  void cut(at::Tensor& tensor) {
    if (!tensor.defined() || !tensor.requires_grad())
      return;
    at::Tensor leaf = tensor.detach();
    leaf.set_requires_grad(true);
    pairs_.emplace_back(tensor, leaf);
    tensor = leaf;
  }

  Conditioning cut_;
  std::vector<std::pair<at::Tensor, at::Tensor>> pairs_;
};

} // namespace

double weight_of(Engine& engine, int64_t task, const std::vector<Batch>& batches) {
  const Verbalizer& verbalizer = engine.problem().tasks[static_cast<std::size_t>(task)].verbalizer;
  double weight = 0;
  for (const Batch& batch : batches)
    weight += verbalizer.weight(batch);
  return weight;
}

at::Tensor add_gradients(Tuner& tuner, Engine& engine, int64_t task, const std::vector<Batch>& batches,
                         double divisor, const Pass& pass) {
  const Verbalizer& verbalizer = engine.problem().tasks[static_cast<std::size_t>(task)].verbalizer;
  at::Tensor total;
  const auto add = [&](const Batch& batch, const Conditioning& conditioning) {
    const at::Tensor loss = engine.loss(task, batch, conditioning, pass) * (verbalizer.weight(batch) / divisor);
    loss.backward();
    total = total.defined() ? total + loss.detach() : loss.detach();
  };
  if (tuner.input_features()) {
    for (const Batch& batch : batches)
      add(batch, tuner.condition({task, pass, engine.input_features(task, batch)}));
    return total;
  }
  const Conditioning whole = tuner.condition({task, pass});
  const Leaves leaves(whole);
  const bool several = batches.size() > 1;
  for (const Batch& batch : batches)
    add(batch, several ? leaves.conditioning() : whole);
  if (several)
    leaves.backward();
  return total;
}

at::Tensor accumulate_gradients(Tuner& tuner, Engine& engine, int64_t step, const Pass& pass) {
  at::Tensor total;
  const auto tasks = static_cast<int64_t>(engine.problem().tasks.size());
  for (int64_t task = 0; task < tasks; ++task) {
    const std::vector<Batch> batches = engine.training_batches(task, step);
    const double divisor = weight_of(engine, task, batches) * static_cast<double>(tasks);
    const at::Tensor loss = add_gradients(tuner, engine, task, batches, divisor, pass);
    total = total.defined() ? total + loss : loss;
  }
  return total;
}

} // namespace cuecard
