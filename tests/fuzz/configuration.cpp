// config.json, and what the model families of this build make of its sizes. No weights are there, so none can
// be asked for.
#include <cuecard/backbone.hpp>

#include "model/configuration_json.hpp"
#include "parser.hpp"
#include "registry/registry.hpp"

using namespace cuecard;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  static const auto plugins = registry::Registry::scan(registry::SearchPath::standard({CUECARD_BUILT_PLUGINS}));
  return fuzz::read_or_refuse([&] {
    const Configuration configuration = parse_configuration(fuzz::text_of(bytes, size), "fuzzed");
    registry::make(plugins.find_backbone(configuration.text("model_type")), {configuration, nullptr});
  });
}
