#include "p_tuning_v2.hpp"

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>
#include <cuecard/parts/training/sized_rate.hpp>

namespace cuecard {

namespace {

/// BERT's initializer_range, which the authors' code uses for all parameters.
constexpr double deviation = 0.02;

} // namespace

PTuningV2::PTuningV2(const Options& options)
    : length_(options.integer("length")), prefix_hidden_(options.integer("prefix-hidden")),
      projection_(options.flag("projection")), count_positions_(options.flag("count-positions")),
      dropout_(options.number("dropout")), weight_decay_(options.number("weight-decay")) {}

void PTuningV2::prepare(const Problem& problem) {
  const BackboneShape& shape = problem.backbone.shape();
  if (shape.sites.empty())
    throw UsageError("p-tuning-v2 needs prefixes in every layer, which the " + shape.family +
                     " backbone does not support; use prompt-tuning.");
  model_width_ = shape.hidden;
  std::vector<TrainablePrefix> sites;
  for (const BackboneShape::Site& site : shape.sites) {
    Random random(problem.seed, stream_id("deep") + static_cast<uint64_t>(site.site));
    const int64_t width = TrainablePrefix::width(site);
    if (!projection_) {
      sites.emplace_back(site, random.normal_tensor({length_, width}, deviation));
      continue;
    }
    const at::Tensor inputs = random.normal_tensor({length_, shape.hidden}, deviation);
    sites.emplace_back(site, inputs,
                       Mlp{normal_linear(prefix_hidden_, shape.hidden, deviation, random),
                           normal_linear(width, prefix_hidden_, deviation, random)});
  }
  prefixes_ = TrainablePrefixes(std::move(sites), count_positions_, dropout_, problem.backbone.device());
}

FitRequest PTuningV2::defaults(const FitRequest& request) const {
  // The authors' scripts for RTE and, with projection, WiC on BERT-large; large models: PEFT's Llama-3.2-3B
  // (README).
  FitRequest usual;
  usual.learning_rate = prefixes_.have_networks() ? 1e-4 : sized_rate(model_width_, 1e-2, 5e-3);
  usual.schedule = "linear";
  usual.batch_size = 32;
  usual.epochs = 60;
  usual.min_steps = 100;
  return filled_in(request, usual);
}

} // namespace cuecard
