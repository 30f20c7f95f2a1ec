/// Loads what most verbs need: plugins, the model, cards, the template of `--template`.
#pragma once

#include <string>
#include <vector>

#include "engine/model.hpp"
#include "engine/task_pipeline.hpp"
#include "program/values.hpp"
#include "registry/registry.hpp"

namespace cuecard::host {

/// Scans `--plugin-path` and the rest of the search path; warnings go to standard error.
registry::Registry find_plugins(const Values& values);

/// `--model` on `device` in `--dtype`. Without `weights`, only its shape and vocabulary.
Model load_model(const Values& values, const registry::Registry& plugins, at::Device device,
                 bool weights = true);

/// A card loaded for a model.
struct LoadedCard {
  std::string path; ///< as it was typed
  TaskPipeline pipeline;
};

/// Each `--card`, PATH or NAME=PATH; without NAME, the card's own name. UsageError when two have the same name.
std::vector<LoadedCard> load_cards(const Values& values, const Model& model, const registry::Registry& plugins);

/// `--template`, or for `@FILE` the content of that file without trailing line ends; by default the text itself.
std::string template_text(const Values& values);

/// A pipeline of the template of `--template` alone, prepared for the model, to render prompts without a task:
/// its tuner trains nothing and its verbalizer is null. UsageError if the template has soft slots or open
/// trigger slots, unless `slots`.
TaskPipeline pipeline_of_template(const Values& values, const Model& model, const registry::Registry& plugins,
                                  bool slots);

} // namespace cuecard::host
