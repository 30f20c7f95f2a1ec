/// Loads what most verbs need: plugins, the model, cards, the template of `--template`.
#pragma once

#include <string>
#include <vector>

#include "engine/model.hpp"
#include "engine/task_pipeline.hpp"
#include "host/input/card_columns.hpp"
#include "program/values.hpp"
#include "registry/registry.hpp"

namespace cuecard::host {

/// Scans `--plugin-path` and the rest of the search path; warnings go to standard error.
registry::Registry find_plugins(const Values& values);

/// One line each on standard error.
void show_warnings(const std::vector<std::string>& warnings);

/// `--model` on `device` in `--dtype`. Without `weights`, only its shape and vocabulary. Its warnings go to standard error.
Model load_model(const Values& values, const registry::Registry& plugins, at::Device device,
                 bool weights = true);

/// A card loaded for a model.
struct LoadedCard {
  std::string path; ///< as it was typed
  TaskPipeline pipeline;
};

/// Each `--card`, PATH or NAME=PATH; without NAME, the card's own name. `--max-length` and `--truncate` replace the
/// card's. UsageError when two have the same name.
std::vector<LoadedCard> load_cards(const Values& values, const Model& model, const registry::Registry& plugins);

/// The fields of all templates, with duplicates.
std::vector<std::string> fields_of(const std::vector<LoadedCard>& cards);

/// DataError for a `--card` that is not a card, before anything that takes time or needs other files.
void check_cards(const Values& values);

/// How data is read for a card. `needs_answer`: labels or reference texts must be there.
CardColumns columns_of(const TaskPipeline& pipeline, bool needs_answer = false);

/// `--template`, or for `@FILE` the content of that file without trailing line ends.
std::string template_text(const Values& values);

/// The prompt that is the text itself.
inline constexpr const char* text_alone = "{text}";

/// What the prompts of a template are for.
enum class PromptUse {
  shown,  ///< soft slots and trigger slots may be open
  filled, ///< a token at each answer slot
  /// Text that continues the prompt. Of a template alone, an encoder-decoder has the text in its encoder and nothing in its decoder but the
  /// start token, as in `generate` of transformers, unless the template has several answer slots, or text after the only one.
  continued,
};

/// A pipeline of a template alone, prepared for the model, to render prompts without a task: its tuner trains nothing and its
/// verbalizer is null. UsageError if the template has soft slots or open trigger slots, unless they are only `shown`.
TaskPipeline pipeline_of_template(const Model& model, const registry::Registry& plugins,
                                  const std::string& text, const std::string& component, PromptUse use);

/// The pipeline whose prompts a verb shows or continues: of `--card`, else of `--template`, else of the task file of
/// `--task`, else of the text alone if they are `continued`. Of a template alone the verbalizer is null; of a template or a task the tuner
/// trains nothing. UsageError if nothing or several of them are given, or if there are soft slots or open trigger slots
/// that no card fills, unless they are only `shown`.
TaskPipeline shown_pipeline(const Values& values, const Model& model, const registry::Registry& plugins,
                            PromptUse use);

/// Whether shown_pipeline needs the weights of the model: verbalizers and tuners do.
bool shows_more_than_a_template(const Values& values);

} // namespace cuecard::host
