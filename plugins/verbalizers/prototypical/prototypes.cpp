#include "prototypes.hpp"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/optimizer.hpp>

namespace cuecard::prototypical {

namespace {

// Random streams.
constexpr uint64_t projection_stream = stream_id("proj"), prototype_stream = stream_id("prot");

at::Tensor unit(const at::Tensor& vectors) {
  return vectors / vectors.norm(2, {1}, true).clamp_min(1e-8);
}

at::Tensor projected(const at::Tensor& projection, const at::Tensor& states) {
  const at::Tensor wide = states.scalar_type() == at::kDouble ? states : states.to(at::kFloat);
  return unit(wide.matmul(projection.to(wide.scalar_type()).t()));
}

} // namespace

at::Tensor Prototypes::cosines(const at::Tensor& states) const {
  const at::Tensor v = projected(projection, states);
  return v.matmul(unit(vectors.to(v.scalar_type())).t());
}

at::Tensor contrastive_loss(const Prototypes& prototypes, const at::Tensor& states, const at::Tensor& labels) {
  const at::Tensor v = projected(prototypes.projection, states);
  const at::Tensor q = unit(prototypes.vectors.to(v.scalar_type()));
  const double n = static_cast<double>(v.size(0)), c = static_cast<double>(q.size(0));

  const at::Tensor to_prototypes = v.matmul(q.t());
  const at::Tensor instance_prototype =
      -to_prototypes.log_softmax(1).gather(1, labels.unsqueeze(1)).sum() / (n * c);

  const at::Tensor among = v.matmul(v.t()),
                   same = labels.unsqueeze(1).eq(labels.unsqueeze(0)).to(v.scalar_type());
  const at::Tensor exponentials = among.exp();
  const at::Tensor others = (exponentials * (1 - same)).sum(0, true); // for each b
  const at::Tensor instance_instance = (((exponentials + others).log() - among) * same).sum() / (n * n);
  return instance_prototype + instance_instance;
}

Prototypes train_prototypes(const at::Tensor& states, const std::vector<int64_t>& labels, int64_t count,
                            const PrototypeSettings& settings, uint64_t seed) {
  const at::Tensor fixed = states.detach().to(at::kFloat);
  const int64_t width = fixed.size(1), dimension = settings.dimension;
  const double bound = 1 / std::sqrt(static_cast<double>(width));
  const double glorot = std::sqrt(6.0 / static_cast<double>(count + dimension));
  Prototypes trained{
      Random(seed, projection_stream).uniform_tensor({dimension, width}, -bound, bound).to(fixed.device()),
      Random(seed, prototype_stream).uniform_tensor({count, dimension}, -glorot, glorot).to(fixed.device())};
  const std::vector<ParameterGroup> groups{{{trained.projection, trained.vectors}, 1.0, 0.0}};
  for (const at::Tensor& tensor : groups[0].tensors)
    tensor.set_requires_grad(true);
  const at::Tensor gold = index_tensor(labels, fixed.device());
  const std::unique_ptr<Optimizer> adam = make_optimizer("adam", groups);
  const at::AutoGradMode gradients(true);
  for (int64_t epoch = 0; epoch < settings.epochs; ++epoch) {
    clear_gradients(groups);
    contrastive_loss(trained, fixed, gold).backward();
    adam->step(settings.learning_rate);
  }
  return {trained.projection.detach(), trained.vectors.detach()};
}

} // namespace cuecard::prototypical
