#include "engine/model.hpp"

#include "engine/guarded.hpp"
#include "registry/registry.hpp"

namespace cuecard {

Model Model::load(const std::filesystem::path& path, const registry::Registry& plugins,
                  const ModelSettings& settings) {
  Model model;
  model.settings_ = settings;
  model.files_ = open_model(path, {settings.weights, settings.dtype, settings.device});
  const registry::Entry entry = plugins.find_backbone(model.files_.configuration.text("model_type"));
  const BackboneArguments arguments{model.files_.configuration, model.files_.weights.get()};
  model.backbone_ = guarded(
      Component<Backbone>{registry::make(entry, arguments), entry.plugin->manifest.id, entry.component().name});
  return model;
}

} // namespace cuecard
