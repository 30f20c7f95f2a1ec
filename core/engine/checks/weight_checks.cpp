#include "engine/checks/weight_checks.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string_view>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

/// "model.layers.3." of "model.layers.3.mlp.up_proj.weight"; "" for a tensor outside the blocks.
std::string_view block_of(std::string_view name) {
  for (std::size_t dot = name.find('.'); dot != name.npos; dot = name.find('.', dot + 1)) {
    std::size_t end = dot + 1;
    while (end < name.size() && std::isdigit(static_cast<unsigned char>(name[end])))
      ++end;
    if (end > dot + 1 && end < name.size() && name[end] == '.')
      return name.substr(0, end + 1);
  }
  return {};
}

bool is_buffer(std::string_view name) {
  constexpr std::array<std::string_view, 6> endings{".inv_freq",    ".attn.bias",    ".attn.masked_bias",
                                                    ".masked_bias", ".position_ids", ".attention.bias"};
  return std::ranges::any_of(endings, [&](std::string_view ending) { return name.ends_with(ending); });
}

} // namespace

std::vector<std::string> check_weights(const ModelWeights& stored, const Backbone& backbone,
                                       const std::string& origin) {
  std::set<std::string, std::less<>> blocks;
  for (const auto& [name, tensor] : backbone.weights()) {
    if (stored.has(name) && !at::isFloatingType(stored.stored(name).dtype))
      throw DataError(
          origin + ": tensor \"" + name + "\" is stored as " + stored.stored(name).type +
          ", and floating-point numbers were expected; if the file is quantised, use the model's original "
          "weights or a GGUF file.");
    if (const std::string_view block = block_of(name); !block.empty())
      blocks.emplace(block);
  }
  std::vector<std::string> unread;
  for (std::string& name : stored.names())
    if (blocks.contains(block_of(name)) && !backbone.weights().contains(name) && !is_buffer(name))
      unread.push_back(std::move(name));
  if (unread.empty())
    return {};
  return {origin + ": " + std::to_string(unread.size()) +
          (unread.size() == 1 ? " tensor of its layers is not read, \""
                              : " tensors of its layers are not read, such as \"") +
          *std::ranges::min_element(unread) + "\"; see whether \"model_type\" (" + backbone.shape().family +
          ") and the other keys of config.json fit the weights."};
}

} // namespace cuecard
