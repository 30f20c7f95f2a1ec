#include "p_tuning_v2.hpp"

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/sized_rate.hpp>

namespace cuecard {

namespace {

/// BERT's initializer_range, which the authors' code starts everything with.
constexpr double deviation = 0.02;

} // namespace

PTuningV2::PTuningV2(const Options& options)
    : length_(options.integer("length")), prefix_hidden_(options.integer("prefix-hidden")),
      projection_(options.flag("projection")), count_positions_(options.flag("count-positions")),
      dropout_(options.number("dropout")), weight_decay_(options.number("weight-decay")) {}

void PTuningV2::prepare(const Problem& problem) {
  const BackboneShape& shape = problem.backbone.shape();
  if (shape.sites.empty())
    throw UsageError("p-tuning-v2 puts prompts into every layer, and the " + shape.family +
                     " backbone takes none there; use prompt-tuning.");
  model_width_ = shape.hidden;
  std::vector<LearnedPrefix> sites;
  for (const BackboneShape::Site& site : shape.sites) {
    Random random(problem.seed, 0x64656570 + static_cast<uint64_t>(site.site)); // "deep"
    const int64_t width = LearnedPrefix::width(site);
    if (!projection_) {
      sites.emplace_back(site, random.normal_tensor({length_, width}, deviation));
      continue;
    }
    const at::Tensor rows = random.normal_tensor({length_, shape.hidden}, deviation);
    sites.emplace_back(site, rows,
                       Mlp{normal_linear(prefix_hidden_, shape.hidden, deviation, random),
                           normal_linear(width, prefix_hidden_, deviation, random)});
  }
  prompts_ = LearnedPrefixes(std::move(sites), count_positions_, dropout_, problem.backbone.device());
}

FitSettings PTuningV2::defaults(const FitSettings& asked) const {
  FitSettings settings = asked;    // the authors' script for RTE with BERT-large
  if (settings.learning_rate <= 0) // networks: their script for WiC; large models: PEFT's Llama-3.2-3B (README)
    settings.learning_rate = prompts_.have_networks() ? 1e-4 : sized_rate(model_width_, 1e-2, 5e-3);
  if (settings.schedule.empty())
    settings.schedule = "linear";
  if (settings.batch_size <= 0)
    settings.batch_size = 32;
  if (settings.epochs <= 0 && settings.steps <= 0) {
    settings.epochs = 60;
    settings.least_steps = 100;
  }
  return settings;
}

} // namespace cuecard
