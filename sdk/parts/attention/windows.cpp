#include <cuecard/parts/attention/windows.hpp>

#include <algorithm>

#include <cuecard/error.hpp>

namespace cuecard {

std::vector<bool> sliding_layers(const Configuration& configuration, int64_t layers,
                                 const std::function<bool(int64_t layer)>& slides) {
  std::vector<bool> result;
  const auto found = configuration.values().find("layer_types");
  if (found == configuration.values().end()) {
    for (int64_t layer = 0; layer < layers; ++layer)
      result.push_back(slides(layer));
    return result;
  }
  const auto* types = std::get_if<std::vector<std::string>>(&found->second);
  if (!types || std::ssize(*types) != layers)
    throw DataError(configuration.origin() + ": layer_types is not a list of " + std::to_string(layers) +
                    " texts, one for each layer.");
  for (const std::string& type : *types) {
    if (type != "sliding_attention" && type != "full_attention")
      throw DataError(configuration.origin() + ": layer_types has \"" + type.substr(0, 80) +
                      "\"; known are \"sliding_attention\" and \"full_attention\".");
    result.push_back(type == "sliding_attention");
  }
  return result;
}

std::vector<int64_t> windows_in(const std::vector<bool>& sliding_layers, int64_t window) {
  if (window == 0 || std::find(sliding_layers.begin(), sliding_layers.end(), true) == sliding_layers.end())
    return {};
  std::vector<int64_t> windows;
  windows.reserve(sliding_layers.size());
  for (const bool slides : sliding_layers)
    windows.push_back(slides ? window : 0);
  return windows;
}

} // namespace cuecard
