#include "engine/model.hpp"

#include <cuecard/error.hpp>

#include "engine/checks/returned_outputs.hpp"
#include "engine/checks/weight_checks.hpp"
#include "engine/covered_vocabulary.hpp"
#include "engine/guarded.hpp"
#include "registry/guard.hpp"
#include "registry/registry.hpp"

namespace cuecard {

namespace {

/// A model's tensors, some of them replaced. Of optional tensors there are only those that `loaded` took: an embedding
/// that is tied to another one stays tied when that one is replaced.
class Overlay final : public Weights {
public:
  Overlay(const Weights& below, const Backbone& loaded, const TensorMap& above)
      : below_(below), loaded_(loaded), above_(above) {}

  bool has(std::string_view name) const override { return loaded_.weights().contains(std::string(name)); }
  std::vector<std::string> names() const override { return below_.names(); }
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    const auto found = above_.find(std::string(name));
    return found == above_.end() ? below_.get(name, shape) : found->second;
  }
  at::Tensor matrix(std::string_view name, at::IntArrayRef shape) const override {
    const auto found = above_.find(std::string(name));
    return found == above_.end() ? below_.matrix(name, shape) : found->second;
  }

private:
  const Weights& below_;
  const Backbone& loaded_;
  const TensorMap& above_;
};

} // namespace

Model Model::load(const std::filesystem::path& path, const registry::Registry& plugins,
                  const ModelSettings& settings) {
  Model model;
  model.settings_ = settings;
  model.files_ = open_model(path, {settings.weights, settings.dtype, settings.device, settings.matrices});
  model.maker_ =
      std::make_shared<registry::Entry>(plugins.find_backbone(model.files_.configuration.text("model_type")));
  if (settings.weights) {
    if (settings.dtype == at::kHalf && settings.device.is_cpu())
      model.files_.warnings.push_back(path.string() +
                                      ": float16 is slow on a CPU; use bfloat16, which takes as little memory, "
                                      "float32, or stored, which keeps the matrices as the file has them.");
    model.backbone_ = model.make_backbone(*model.files_.weights);
    model.shape_ = model.backbone_->shape();
    for (std::string& warning : check_weights(*model.files_.weights, *model.backbone_, path.string()))
      model.files_.warnings.push_back(std::move(warning));
  } else {
    registry::describe(*model.maker_, model.files_.configuration, model.shape_);
    registry::guarded(model.maker_->plugin->manifest.id, model.maker_->component().name, "describe",
                      [&] { check_windows(model.shape_); });
  }
  model.vocabulary_ = covered_vocabulary(model.files_.vocabulary, model.shape_.vocabulary);
  return model;
}

std::shared_ptr<Backbone> Model::make_backbone(const Weights& weights) const {
  const BackboneArguments arguments{files_.configuration, weights};
  return guarded(Component<Backbone>{registry::make(*maker_, arguments), maker_->plugin->manifest.id,
                                     maker_->component().name});
}

const Backbone& Model::backbone() const {
  if (!backbone_)
    throw Error("the model was opened without weights.");
  return *backbone_;
}

PromptLayout Model::prompt_layout() const {
  PromptLayout layout;
  layout.causal = shape_.causal;
  layout.encoder_decoder = shape_.encoder_decoder;
  layout.decoder_start = shape_.decoder_start;
  layout.segments = shape_.segments;
  return layout;
}

std::shared_ptr<const Backbone> Model::with(const TensorMap& weights) const {
  if (settings_.dtype != at::kFloat)
    throw UsageError("a tuner that changes the model's weights trains them in float32; use --dtype float32.");
  for (const auto& [name, tensor] : weights) {
    const auto found = backbone_->weights().find(name);
    if (found == backbone_->weights().end() || found->second.sizes() != tensor.sizes())
      throw DataError(
          "the tuner replaces the weight \"" + name +
          "\", which the model does not have or has in another shape: the card was trained for another model.");
  }
  const Overlay overlay(*files_.weights, *backbone_, weights);
  return make_backbone(overlay);
}

} // namespace cuecard
