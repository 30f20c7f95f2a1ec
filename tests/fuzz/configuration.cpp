// config.json, and the backbones' checks of its sizes, without weights.
#include <cuecard/backbone.hpp>

#include "model/configuration_json.hpp"
#include "parser.hpp"
#include "registry/registry.hpp"

using namespace cuecard;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  static const auto plugins = registry::Registry::scan(registry::SearchPath::standard({CUECARD_BUILT_PLUGINS}));
  return fuzz::read_or_refuse([&] {
    const Configuration configuration = parse_configuration(fuzz::text_of(bytes, size), "fuzzed");
    BackboneShape shape;
    registry::describe(plugins.find_backbone(configuration.text("model_type")), configuration, shape);
  });
}
