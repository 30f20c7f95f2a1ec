/// What most verbs begin with: plugins, the model, cards, the template of `--template`.
#pragma once

#include <string>
#include <vector>

#include "engine/method.hpp"
#include "engine/model.hpp"
#include "host/values.hpp"
#include "registry/registry.hpp"

namespace cuecard::host {

/// Scans `--plugin-path` and the rest of the search path; warnings go to standard error.
registry::Registry find_plugins(const Values& values);

/// `--model` on `device` in `--dtype`. Without `weights` only its shape and vocabulary.
Model load_model(const Values& values, const registry::Registry& plugins, at::Device device,
                 bool weights = true);

/// A card that was loaded for a model.
struct LoadedCard {
  std::string path; ///< as it was typed
  Method method;
};

/// Each `--card`, PATH or NAME=PATH; without a NAME the name that the card has. Throws UsageError when two have
/// one name.
std::vector<LoadedCard> load_cards(const Values& values, const Model& model, const registry::Registry& plugins);

/// `--template`, or what the file holds that it names by `@FILE`, without the line end at its end.
std::string template_text(const Values& values);

/// The template component of `--template` (`@FILE`: the file's text) on its own, prepared for the model; its
/// tuner learns nothing and its verbalizer is null, so that prompts can be looked at without a task. Slots that
/// somebody would have to fill are a UsageError unless `slots`.
Method method_of_template(const Values& values, const Model& model, const registry::Registry& plugins,
                          bool slots);

} // namespace cuecard::host
