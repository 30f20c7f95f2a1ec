#include "prefix_tuning.hpp"

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>
#include <cuecard/parts/training/sized_rate.hpp>

namespace cuecard {

PrefixTuning::PrefixTuning(const Options& options)
    : requested_length_(options.integer("length")), mid_dim_(options.integer("mid-dim")),
      projection_(options.flag("projection")), init_(options.text("init")),
      init_text_(options.text("init-text")), dropout_(options.number("dropout")),
      weight_decay_(options.number("weight-decay")), self_(options.flag("self")),
      encoder_(options.flag("encoder")), cross_(options.flag("cross")),
      count_positions_(options.flag("count-positions")) {}

bool PrefixTuning::enabled(PrefixSite site) const {
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
  length_ = requested_length_ > 0 ? requested_length_ : model_width_ >= 3072 ? 50 : 10;
  std::vector<TrainablePrefix> sites;
  for (const BackboneShape::Site& site : problem.backbone.shape().sites)
    if (enabled(site.site))
      sites.push_back(initial(site, problem));
  if (sites.empty())
    throw UsageError("prefix-tuning has nothing to train: the " + problem.backbone.shape().family +
                     " backbone has none of the attention sites that self, encoder and cross enable.");
  prefixes_ = TrainablePrefixes(std::move(sites), count_positions_, dropout_, problem.backbone.device());
}

bool PrefixTuning::initialised_from_text(const Problem& problem) const {
  // At inference, the prefix comes from load_state.
  const bool trains = !problem.tasks.empty() && problem.tasks[0].train;
  return init_ == "text" || (init_ == "auto" && !projection_ && trains);
}

TrainablePrefix PrefixTuning::initial(const BackboneShape::Site& site, const Problem& problem) const {
  Random random(problem.seed, stream_id("prefix") + static_cast<uint64_t>(site.site));
  const int64_t width = TrainablePrefix::width(site), hidden = problem.backbone.shape().hidden;
  // PyTorch's initialisation throughout, as in the authors' code; for an embedding it is standard normal.
  TrainablePrefix prefix(site, random.normal_tensor({length_, projection_ ? hidden : width}, 1.0));
  if (projection_) {
    const at::Tensor inputs = *prefix.tensors()[0];
    Mlp network{initial_linear(mid_dim_, hidden, random), initial_linear(width, mid_dim_, random)};
    prefix = TrainablePrefix(site, inputs, std::move(network));
  }
  if (initialised_from_text(problem))
    prefix.start_from(values_of_text(site.site, problem));
  return prefix;
}

at::Tensor PrefixTuning::values_of_text(PrefixSite site, const Problem& problem) const {
  const std::vector<Token> tokens = problem.vocabulary.encode(init_text_);
  if (tokens.empty())
    throw UsageError("a prefix that is initialised from text needs words in init-text, found \"" + init_text_ +
                     "\"; or set init=random.");
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < length_; ++i)
    ids.push_back(tokens[static_cast<std::size_t>(i) % tokens.size()].id);
  const Prefix prefix = keys_and_values(problem.backbone, index_tensor(ids), site);
  return as_values(prefix).to(at::kCPU);
}

FitRequest PrefixTuning::defaults(const FitRequest& request) const {
  FitRequest usual; // the authors' launcher, but with twice its learning rate, as measured (README)
  usual.learning_rate = prefixes_.have_networks() ? 1e-4 : sized_rate(model_width_, 1e-2, 5e-3);
  usual.schedule = "linear";
  usual.batch_size = 16;
  usual.epochs = 5;
  usual.min_steps = 100;
  return filled_in(request, usual);
}

} // namespace cuecard
