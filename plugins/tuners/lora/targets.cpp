#include "targets.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

std::string_view module_of(const LinearLayer& layer) {
  std::string_view module = layer.weight;
  if (module.ends_with(".weight"))
    module.remove_suffix(7);
  return module;
}

/// The last components of all module names, each once.
std::vector<std::string> short_names(const std::vector<LinearLayer>& layers) {
  std::vector<std::string> names;
  for (const LinearLayer& layer : layers) {
    const std::string_view module = module_of(layer);
    const std::string_view name = module.substr(module.rfind('.') + 1);
    if (std::ranges::find(names, name) == names.end())
      names.emplace_back(name);
  }
  return names;
}

bool occurs(std::string_view name, const std::vector<LinearLayer>& layers) {
  return std::ranges::any_of(layers, [&](const LinearLayer& layer) { return names_layer(name, layer); });
}

std::string joined(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "" : ", ") + name;
  return list;
}

ModuleNames default_names(const std::vector<ModuleNames>& defaults, const Backbone& backbone) {
  const std::vector<LinearLayer>& layers = backbone.linear_layers();
  for (const ModuleNames& names : defaults)
    if (std::ranges::all_of(names, [&](std::string_view name) { return occurs(name, layers); }))
      return names;
  throw UsageError("targets=auto has no default for the " + backbone.shape().family +
                   " model; set targets to some of " + joined(short_names(layers)) + ", or to all-linear.");
}

} // namespace

bool names_layer(std::string_view name, const LinearLayer& layer) {
  const std::string_view module = module_of(layer);
  if (name == layer.weight || name == module)
    return true;
  return module.size() > name.size() && module.ends_with(name) &&
         module[module.size() - name.size() - 1] == '.';
}

bool names_layer(const ModuleNames& names, const LinearLayer& layer) {
  return std::ranges::any_of(names, [&](std::string_view name) { return names_layer(name, layer); });
}

ModuleNames split_names(std::string_view list, std::string_view option) {
  ModuleNames names;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    std::string_view name = list.substr(begin, end - begin);
    while (name.starts_with(' '))
      name.remove_prefix(1);
    while (name.ends_with(' '))
      name.remove_suffix(1);
    if (name.empty())
      throw UsageError(std::string(option) + " is \"" + std::string(list) +
                       "\", which has an empty name; expected names such as "
                       "q_proj,v_proj.");
    names.push_back(name);
    begin = end + 1;
  }
  return names;
}

std::vector<LinearLayer> target_layers(const std::string& targets, const std::vector<ModuleNames>& defaults,
                                       const Backbone& backbone) {
  const std::vector<LinearLayer>& layers = backbone.linear_layers();
  if (layers.empty())
    throw UsageError("the " + backbone.shape().family +
                     " backbone has no linear layers that a tuner may update; use prompt-tuning.");
  if (targets == "all-linear")
    return layers;
  const ModuleNames names =
      targets == "auto" ? default_names(defaults, backbone) : split_names(targets, "targets");
  for (const std::string_view name : names)
    if (!occurs(name, layers)) {
      const std::vector<std::string> known = short_names(layers);
      throw UsageError("targets names \"" + std::string(name) + "\", which is not a linear layer of the " +
                       backbone.shape().family + " model; its layers are " + joined(known) + "." +
                       did_you_mean(name, known));
    }
  std::vector<LinearLayer> selected;
  std::ranges::copy_if(layers, std::back_inserter(selected),
                       [&](const LinearLayer& layer) { return names_layer(names, layer); });
  return selected;
}

} // namespace cuecard
