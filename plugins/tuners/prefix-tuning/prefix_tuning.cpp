#include "prefix_tuning.hpp"

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/sized_rate.hpp>

namespace cuecard {

PrefixTuning::PrefixTuning(const Options& options)
    : asked_length_(options.integer("length")), mid_dim_(options.integer("mid-dim")),
      projection_(options.flag("projection")), init_(options.text("init")),
      init_text_(options.text("init-text")), dropout_(options.number("dropout")),
      weight_decay_(options.number("weight-decay")), self_(options.flag("self")),
      encoder_(options.flag("encoder")), cross_(options.flag("cross")),
      count_positions_(options.flag("count-positions")) {}

bool PrefixTuning::wants(PrefixSite site) const {
  switch (site) {
  case PrefixSite::encoder:
    return encoder_;
  case PrefixSite::cross:
    return cross_;
  default:
    return self_;
  }
}

void PrefixTuning::prepare(const Problem& problem) {
  model_width_ = problem.backbone.shape().hidden;
  length_ = asked_length_ > 0 ? asked_length_ : model_width_ >= 3072 ? 50 : 10;
  std::vector<LearnedPrefix> sites;
  for (const BackboneShape::Site& site : problem.backbone.shape().sites)
    if (wants(site.site))
      sites.push_back(initial(site, problem));
  if (sites.empty())
    throw UsageError("prefix-tuning has nothing to learn: the " + problem.backbone.shape().family +
                     " backbone has no attention of those that self, encoder and cross leave.");
  prefixes_ = LearnedPrefixes(std::move(sites), count_positions_, dropout_, problem.backbone.device());
}

bool PrefixTuning::starts_from_words(const Problem& problem) const {
  const bool learns = !problem.tasks.empty() && problem.tasks[0].train; // a card's rows are there in a moment
  return init_ == "text" || (init_ == "auto" && !projection_ && learns);
}

LearnedPrefix PrefixTuning::initial(const BackboneShape::Site& site, const Problem& problem) const {
  Random random(problem.seed, 0x707265666978 + static_cast<uint64_t>(site.site)); // "prefix"
  const int64_t width = LearnedPrefix::width(site), hidden = problem.backbone.shape().hidden;
  // As the authors' code: PyTorch's first values throughout, which for an embedding are standard normal.
  LearnedPrefix prefix(site, random.normal_tensor({length_, projection_ ? hidden : width}, 1.0));
  if (projection_) {
    const at::Tensor rows = *prefix.tensors()[0];
    Mlp network{initial_linear(mid_dim_, hidden, random), initial_linear(width, mid_dim_, random)};
    prefix = LearnedPrefix(site, rows, std::move(network));
  }
  if (starts_from_words(problem))
    prefix.start_from(spelled(site.site, problem));
  return prefix;
}

at::Tensor PrefixTuning::spelled(PrefixSite site, const Problem& problem) const {
  const std::vector<Token> tokens = problem.vocabulary.encode(init_text_);
  if (tokens.empty())
    throw UsageError("a prefix that starts from words needs some in init-text, found \"" + init_text_ +
                     "\"; or set init=random.");
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < length_; ++i)
    ids.push_back(tokens[static_cast<std::size_t>(i) % tokens.size()].id);
  const Prefix words = keys_and_values(problem.backbone, index_tensor(ids), site);
  return as_values(words).to(at::kCPU);
}

FitSettings PrefixTuning::defaults(const FitSettings& asked) const {
  FitSettings settings = asked; // the authors' launcher, but for twice its rate: what was measured (README)
  if (settings.learning_rate <= 0)
    settings.learning_rate = prefixes_.have_networks() ? 1e-4 : sized_rate(model_width_, 1e-2, 5e-3);
  if (settings.schedule.empty())
    settings.schedule = "linear";
  if (settings.batch_size <= 0)
    settings.batch_size = 16;
  if (settings.epochs <= 0 && settings.steps <= 0) {
    settings.epochs = 5;
    settings.least_steps = 100;
  }
  return settings;
}

} // namespace cuecard
